"""A browser's subscription among a customer's addresses: taken as it is given, or refused with what is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from notifiers.sandbox.webpush import subscription_of
from tests.api_fixture import Calls

GIVEN = subscription_of("https://push.example.com", "hers")


async def test_what_the_browser_gives_is_kept_and_given_back(call: Calls) -> None:
    other = {**subscription_of("https://updates.example.net", "work"), "expirationTime": 1_800_000_000_000.0}
    body = {"addresses": {"webpush": [GIVEN, other]}, "preferred_channels": ["webpush", "email"]}
    answer = await call("PUT", "/v1/customers/aiko", json=body)
    assert answer.status_code == 201, answer.text
    kept = [{name: value for name, value in GIVEN.items() if value is not None}, other]
    read = (await call("GET", "/v1/customers/aiko")).json()
    assert read["addresses"] == {"webpush": kept}
    again = await call("PUT", "/v1/customers/aiko", json=read)
    assert again.status_code == 200, again.text
    assert again.json()["addresses"] == {"webpush": kept}


async def test_one_browser_needs_no_list_and_what_a_browser_may_add_one_day_does_no_harm(call: Calls) -> None:
    newer = {**GIVEN, "contentEncoding": "aes128gcm", "keys": {**GIVEN["keys"], "more": "x"}}
    answer = await call("PUT", "/v1/customers/aiko", json={"addresses": {"webpush": newer}})
    assert answer.status_code == 201, answer.text
    assert answer.json()["addresses"]["webpush"] == [{"endpoint": GIVEN["endpoint"], "keys": GIVEN["keys"]}]


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ("fcm-token", "valid list"),
        ([{"endpoint": GIVEN["endpoint"]}], "keys"),
        ([{**GIVEN, "endpoint": "push.example.com/x"}], "has an endpoint that must begin with https://"),
        ([{**GIVEN, "endpoint": "https://a:b@push.example.com/x"}], "may not hold a user name"),
        ([{**GIVEN, "endpoint": "https://push.example.com/" + "x" * 2_000}], "2000 characters"),
        ([{**GIVEN, "keys": {**GIVEN["keys"], "auth": "dG9vIHNob3J0"}}], "keys.auth of 9 bytes, which must be 16"),
        ([{**GIVEN, "keys": {**GIVEN["keys"], "p256dh": "BAAA"}}], "no uncompressed point on the curve P-256"),
        ([{**GIVEN, "keys": {**GIVEN["keys"], "p256dh": "\u0000"}}], "keys.p256dh that is not base64url"),
        ([GIVEN] * 21, "at most 20"),
    ],
)
async def test_what_is_no_subscription_is_refused_with_what_is_wrong(call: Calls, given: Any, wrong: str) -> None:
    answer = await call("PUT", "/v1/customers/aiko", json={"addresses": {"webpush": given}})
    assert answer.status_code == 422
    assert wrong in answer.text


async def test_consent_is_given_for_the_channel_like_for_any_other(call: Calls) -> None:
    await call("PUT", "/v1/customers/aiko", json={"addresses": {"webpush": [GIVEN]}})
    body = {"maintenance": {"webpush": True}, "source": "the button in the shop"}
    assert (await call("PUT", "/v1/customers/aiko/consents", json=body)).status_code == 200
    assert (await call("GET", "/v1/customers/aiko/consents")).json()["maintenance"] == {"webpush": True}
