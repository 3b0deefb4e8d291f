from __future__ import annotations

import json
from typing import Any

import pytest

from notifiers.policy import Plan, PolicySettings
from notifiers.policy.stages.addresses import check_email, check_push, check_sms, masked
from notifiers.sandbox.webpush import subscription_of
from notifiers.subscription import read, written
from tests.unit.notifiers.policy.asking import channels_of, customer, planned, reasons_of


@pytest.mark.parametrize(
    ("number", "e164"),
    [
        ("+818012345678", "+818012345678"),
        ("+81 80-1234-5678", "+818012345678"),
        ("+44 (0)7911 123456", "+447911123456"),
        ("+15005550006", "+15005550006"),
        ("+447700900123", "+447700900123"),
    ],
)
def test_a_number_is_brought_to_e164(number: str, e164: str) -> None:
    assert check_sms(number) == (e164, None)


@pytest.mark.parametrize(
    "number", ["08012345678", "12345", "+1234", "+999123456789", "hello", "+", "+81" + "9" * 40, "+1500555000a;drop"]
)
def test_what_cannot_be_a_number_is_refused(number: str) -> None:
    assert check_sms(number).fault


def test_a_premium_number_is_refused() -> None:
    assert check_sms("+19002345678").fault == "is charged at a premium rate"


@pytest.mark.parametrize(
    "mailbox", ["a@b.example", "first.last+tag@sub.example.org", "x@bücher.example", "root@localhost"]
)
def test_a_mailbox_is_accepted(mailbox: str) -> None:
    assert check_email(mailbox) == (mailbox, None)


@pytest.mark.parametrize(
    "mailbox",
    [
        "", "no-at", "a@", "@b.example", "a@@b.example", "a b@c.example", ".a@b.example", "a..b@c.example",
        "a@b.example\nBcc: c@d.example", "a@b.example\n", "a@-b.example", "a@b-.example", "a@b..example",
        "<a@b.example>", "a,b@c.example", "a" * 65 + "@b.example", "a@" + "b." * 130 + "example",
    ],
)  # fmt: skip
def test_what_cannot_be_a_mailbox_is_refused(mailbox: str) -> None:
    assert check_email(mailbox).fault


@pytest.mark.parametrize("token", ["a b", "トークン", "a\nb", "x" * 5000])
def test_a_push_token_is_one_word_of_ascii(token: str) -> None:
    assert check_push(token).fault


@pytest.mark.parametrize("record", [{}, {"sms": ""}, {"sms": "   "}, {"sms": None}, {"sms": []}, {"sms": [" ", None]}])
def test_no_address_is_not_a_bad_address(record: dict[str, object]) -> None:
    assert reasons_of(planned(channels=("sms",), to=customer(addresses=record))) == {"sms": "no_address"}


@pytest.mark.parametrize("record", ["08012345678", 8012345678, {"number": "+818012345678"}])
def test_what_is_no_number_on_record_is_a_bad_address(record: object) -> None:
    made = planned(channels=("sms",), to=customer(addresses={"sms": record}))
    assert reasons_of(made) == {"sms": "bad_address"}


def test_a_bad_address_is_not_spelled_out_on_the_timeline() -> None:
    made = planned(channels=("sms",), to=customer(addresses={"sms": "08012345678"}))
    assert made.suppressions[0].detail == (
        "The customer's SMS address 080…78 must start with + and the country code, for example +81 or +44."
    )
    assert made.suppressions[0].inputs["addresses"] == ["080…78"]


def test_a_bad_token_among_good_ones_is_left_out_with_a_note() -> None:
    made = planned(channels=("push",), to=customer(addresses={"push": ["good", "not good", "", "good"]}))
    assert made.steps[0].addresses == ("good",)
    assert len(made.notes) == 1
    assert made.notes[0].startswith("Push address … is not a push token")


def test_one_token_need_not_stand_in_a_list() -> None:
    made = planned(channels=("push",), to=customer(addresses={"push": "token"}))
    assert made.steps[0].addresses == ("token",)


def test_the_same_number_written_twice_is_one_address() -> None:
    made = planned(channels=("sms",), to=customer(addresses={"sms": ["+818012345678", "+81 80 1234 5678"]}))
    assert made.steps[0].addresses == ("+818012345678",)


def test_a_channel_without_a_known_form_takes_addresses_as_they_are() -> None:
    agreed = customer(consents={"maintenance": {"line": True}}, addresses={"line": "U 123"})
    made = planned(channels=("line",), to=agreed, settings=PolicySettings(channels=("line",)))
    assert made.steps[0].addresses == ("U 123",)


def test_sms_goes_only_to_the_countries_that_the_operator_allows() -> None:
    settings = PolicySettings(sms_regions=frozenset({"GB"}))
    abroad = planned(channels=("sms", "push"), settings=settings)
    assert reasons_of(abroad) == {"sms": "region_not_allowed"}
    assert channels_of(abroad) == ["push"]
    assert abroad.suppressions[0].inputs == {"channel": "sms", "region": "JP", "allowed": ["GB"]}
    at_home = customer(addresses={"sms": "+447700900123"})
    assert channels_of(planned(channels=("sms",), settings=settings, to=at_home)) == ["sms"]


def test_masking_keeps_what_recognises_and_hides_what_reaches() -> None:
    assert masked("+818012345678") == "+81…78"
    assert masked("anna.smith@example.org") == "an…@example.org"
    assert masked("short") == "…"


def test_a_mailbox_from_which_mail_came_back_is_a_bad_address() -> None:
    made = planned(to=customer(bad_addresses={"email": {"sato@example.org": "bounced (5.1.1)"}}))
    assert channels_of(made) == ["push", "sms"]
    [no] = [each for each in made.suppressions if each.channel == "email"]
    assert no.reason == "bad_address"
    assert no.detail == "The customer's email address sa…@example.org bounced (5.1.1)."


def test_a_good_mailbox_beside_one_that_bounced_is_used() -> None:
    addresses = {"email": ["old@example.org", "new@example.org"]}
    made = planned(to=customer(addresses=addresses, bad_addresses={"email": {"old@example.org": "bounced (5.1.1)"}}))
    assert [step.addresses for step in made.steps] == [("new@example.org",)]


BROWSER = subscription_of("https://push.example.com", "hers")
AGREED = {"maintenance": {"webpush": True}}


def to_browsers(*recorded: Any) -> Plan:
    return planned(channels=("webpush",), to=customer(consents=AGREED, addresses={"webpush": list(recorded)}))


def test_a_browser_is_one_address_however_its_subscription_is_written() -> None:
    padded = {**BROWSER, "keys": {name: f"{value}=" for name, value in BROWSER["keys"].items()}}
    made = to_browsers(BROWSER, {**BROWSER, "expirationTime": 7.5}, padded, json.dumps(BROWSER, indent=1))
    assert made.steps[0].addresses == (written(read(json.dumps(BROWSER))),)


def test_what_is_no_subscription_is_left_out_and_not_spelled_out() -> None:
    wrong = {**BROWSER, "keys": {**BROWSER["keys"], "auth": "AAAA"}}
    made = to_browsers(BROWSER, wrong, {"endpoint": 7}, "hunter2-token")
    assert len(made.steps[0].addresses) == 1
    assert made.notes[0] == "Web push address https://push.example.com/… has keys.auth of 3 bytes, which must be 16."
    assert made.notes[1].startswith("Web push address … is not a push subscription")
    assert made.notes[2].startswith("Web push address hun…en is not a push subscription")


def test_a_subscription_is_masked_to_its_push_service() -> None:
    assert masked(json.dumps(BROWSER)) == "https://push.example.com/…"
    assert masked("{") == "…"


def test_browsers_are_reached_only_where_the_rule_or_the_customer_names_them() -> None:
    agreed = {"maintenance": {"webpush": True, "push": True}}
    addresses = {"webpush": [BROWSER], "push": ["token"]}
    assert channels_of(planned(channels=(), to=customer(consents=agreed, addresses=addresses))) == ["push"]
    named = customer(consents=agreed, addresses=addresses, preferred_channels=("webpush",))
    assert channels_of(planned(channels=(), to=named)) == ["webpush"]
