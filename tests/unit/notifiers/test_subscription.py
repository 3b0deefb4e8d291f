from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifiers import subscription
from notifiers.sandbox.webpush import subscription_of
from notifiers.subscription import SubscriptionError, base64url, endpoint_in, from_base64url, read, written

REAL: dict[str, Any] = subscription_of("https://push.example.com", "one")


def text(**changes: Any) -> str:
    return msgspec.json.encode({**REAL, **changes}).decode()


def keys(**changes: str) -> str:
    return text(keys={**REAL["keys"], **changes})


def test_what_a_browser_gives_is_read() -> None:
    found = read(text())
    assert found.endpoint == "https://push.example.com/webpush/one"
    assert (len(found.p256dh), len(found.auth)) == (65, 16)
    assert found.key.curve.name == "secp256r1"


def test_one_browser_has_one_spelling() -> None:
    padded = {name: value + "=" * (-len(value) % 4) for name, value in REAL["keys"].items()}
    spellings = [text(), text(expirationTime=1.5), text(keys=padded), text(more="some day")]
    assert len({written(read(each)) for each in spellings}) == 1
    assert read(written(read(text()))) == read(text())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "is not a push subscription"),
        ("fcm-token", "is not a push subscription"),
        ("[]", "is not a push subscription"),
        ("{}", "is not a push subscription"),
        ("\ud800", "is not a push subscription"),
        ("[" * 100_000, "is not a push subscription"),
        (text(keys=None), "is not a push subscription"),
        (text(endpoint=7), "is not a push subscription"),
        (text(endpoint="ftp://push.example.com/x"), "has an endpoint that must begin with https://"),
        (text(endpoint="https://me:hunter2@push.example.com/x"), "has an endpoint that may not hold a user name"),
        (keys(auth="c2hvcnQ"), "has keys.auth of 5 bytes, which must be 16"),
        (keys(auth="no base64"), "has keys.auth that is not base64url"),
        (keys(auth=""), "has keys.auth that is not base64url"),
        (keys(auth="a"), "has keys.auth that is not base64url"),
        (keys(p256dh=base64url(b"\x04" + bytes(64))), "has keys.p256dh that is no uncompressed point"),
        (keys(p256dh=base64url(b"\x02" + bytes(32))), "has keys.p256dh that is no uncompressed point"),
    ],
)
def test_what_is_none_is_refused_with_a_reason_that_does_not_show_it(given: str, said: str) -> None:
    with pytest.raises(SubscriptionError) as refused:
        read(given)
    assert said in str(refused.value)
    assert "push.example.com" not in str(refused.value)
    assert "hunter2" not in str(refused.value)


@given(st.binary(min_size=1, max_size=80))
def test_base64url_goes_there_and_back(content: bytes) -> None:
    assert from_base64url(base64url(content)) == content
    assert from_base64url(base64.urlsafe_b64encode(content).decode()) == content


@given(st.text())
def test_any_text_is_a_subscription_or_refused(given: str) -> None:
    with pytest.raises(SubscriptionError):
        read(given)
    assert endpoint_in(given) == ""


def test_the_endpoint_is_found_even_in_what_is_otherwise_wrong() -> None:
    assert endpoint_in(keys(auth="")) == REAL["endpoint"]
    assert endpoint_in('{"endpoint": 7}') == ""
    assert subscription.AUTH_BYTES == 16
