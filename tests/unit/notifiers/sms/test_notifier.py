from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from notifiers.outcome import Accepted, CannotTell, NotSent, Outgoing, Refused, Retry, Unknown
from notifiers.sandbox.faults import Fault
from notifiers.sandbox.server import Options, Sandbox, running
from notifiers.sms.config import SmsConfig
from notifiers.sms.notifier import LISTED, SmsNotifier, fit
from notifiers.sms.segments import utf16_units


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running(Options(twilio_auth_token="token", twilio_account_sid="AC1")) as started:
        yield started


@pytest.fixture
def notifier(sandbox: Sandbox) -> Iterator[SmsNotifier]:
    built = SmsNotifier(config(sandbox))
    yield built
    built.close()
    sandbox.faults.set(Fault("twilio", "ok"))


def config(sandbox: Sandbox, **changes: Any) -> SmsConfig:
    settled = SmsConfig(
        account_sid="AC1",
        auth_token="token",
        from_="+818000000000",
        base_url=f"http://127.0.0.1:{sandbox.http_port}",
        deadline_s=2,
    )
    return msgspec.structs.replace(settled, **changes)


def message(name: str, to: str, text: str = "Text", **changes: Any) -> Outgoing:
    callback = f"http://127.0.0.1:9/hooks/twilio/status/{name}"
    return msgspec.structs.replace(Outgoing(name, to, "", text, status_callback=callback), **changes)


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        ("0001", Refused("twilio 21211: invalid number", drop_address=True)),
        ("0003", Refused("twilio 21408: region not enabled", alarm=True)),
        ("0006", Retry("twilio 21606: sender cannot send to this number", alarm=True)),
        ("0009", Refused("twilio 21610: opted out", opted_out=True)),
        ("0029", Retry("twilio 20429: too many requests")),
    ],
)
def test_the_sdk_and_the_table_agree_on_the_wire(
    notifier: SmsNotifier, sandbox: Sandbox, ending: str, expected: object
) -> None:
    assert notifier.send(message(f"msg_{ending}", f"+81500555{ending}")) == expected
    assert len(sandbox.record.requests(message_id=f"msg_{ending}")) == 1


@pytest.mark.parametrize(("account", "token"), [("AC1", "wrong"), ("AC2", "token")])
def test_wrong_credentials_keep_the_message_and_raise_an_alarm(sandbox: Sandbox, account: str, token: str) -> None:
    notifier = SmsNotifier(config(sandbox, account_sid=account, auth_token=token))
    outcome = notifier.send(message("credentials", "+818011112222"))
    assert isinstance(outcome, Retry)
    assert outcome.alarm
    assert notifier.settle(message("credentials", "+818011112222"), 0) == CannotTell()
    notifier.close()


def test_validity_callback_and_body_are_carried_within_twilios_limits(notifier: SmsNotifier, sandbox: Sandbox) -> None:
    sent = message("limits", "+818011113333", "気" * 3000, ttl_s=10**6)
    assert isinstance(notifier.send(sent), Accepted)
    received = sandbox.record.messages("sms", "+818011113333")[0]
    assert received.detail["validity_period"] == "36000"
    assert utf16_units(received.text) == 1600
    assert received.message_id == "limits"


def test_a_messaging_service_takes_the_place_of_the_sender(sandbox: Sandbox) -> None:
    notifier = SmsNotifier(config(sandbox, from_=None, messaging_service_sid="MG1"))
    assert isinstance(notifier.send(message("service", "+818011114444")), Accepted)
    assert sandbox.record.messages("sms", "+818011114444")[0].detail["messaging_service_sid"] == "MG1"
    notifier.close()


@pytest.mark.parametrize("text", ["a" * 1600, "😀" * 800])
def test_a_body_at_the_limit_is_not_touched(text: str) -> None:
    assert fit(text) == text


@pytest.mark.parametrize("text", ["a" * 1601, "😀" * 801, "a" + "😀" * 800])
def test_a_longer_body_is_cut_at_a_characters_end(text: str) -> None:
    assert 1598 <= utf16_units(fit(text)) <= 1600
    assert fit(text).endswith("...")
    fit(text).encode()  # no half of a pair is left


def but_not(asked_about: Outgoing, other: Accepted) -> Outgoing:
    """``asked_about``, when the provider's ``other`` entry is known to be another message's."""
    return msgspec.structs.replace(asked_about, taken=frozenset({other.provider_id}))


def test_the_same_text_sent_again_later_is_not_mistaken_for_the_lost_one(
    notifier: SmsNotifier, sandbox: Sandbox
) -> None:
    number, begun = "+818011115555", now_ms()
    lost, fine = message("lost", number), message("fine", number)
    sandbox.faults.set(Fault("twilio", "drop_before", count=1))
    assert isinstance(notifier.send(lost), Unknown)
    accepted = notifier.send(fine)
    assert isinstance(accepted, Accepted)
    assert notifier.settle(but_not(lost, accepted), begun) == NotSent()
    assert isinstance(notifier.settle(fine, begun), Accepted)


def test_one_entry_of_the_provider_never_settles_two_messages(notifier: SmsNotifier, sandbox: Sandbox) -> None:
    number, begun = "+818011116666", now_ms()
    sandbox.faults.set(Fault("twilio", "drop_after", count=1))
    assert isinstance(notifier.send(message("first", number)), Unknown)
    sandbox.faults.set(Fault("twilio", "drop_before", count=1))
    assert isinstance(notifier.send(message("second", number)), Unknown)
    settled = notifier.settle(message("first", number), begun)
    assert isinstance(settled, Accepted)
    assert notifier.settle(but_not(message("second", number), settled), begun) == NotSent()


def test_an_older_message_with_the_same_text_does_not_settle_a_new_one(notifier: SmsNotifier, sandbox: Sandbox) -> None:
    number = "+818011117777"
    sandbox.faults.set(Fault("twilio", "drop_after", count=1))
    notifier.send(message("old", number))
    assert notifier.settle(message("new", number), now_ms() + 60_000) == NotSent()


def test_other_texts_to_the_number_and_ends_of_lines_do_not_confuse(notifier: SmsNotifier, sandbox: Sandbox) -> None:
    number, begun = "+818011118888", now_ms()
    notifier.send(message("other", number, "Another text"))
    sandbox.faults.set(Fault("twilio", "drop_after", count=1))
    lost = message("mine", number, "My text \n")
    notifier.send(lost)
    found = sandbox.record.requests(message_id="mine")[0].provider_id
    assert notifier.settle(lost, begun) == Accepted(found)


def test_a_list_too_long_to_be_looked_through_proves_nothing(notifier: SmsNotifier) -> None:
    number, begun = "+818011119999", now_ms()
    for index in range(LISTED):
        notifier.send(message(f"many-{index}", number, f"Text {index}"))
    assert notifier.settle(message("absent", number, "Absent"), begun) == CannotTell()


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"auth_token": ""}, "twilio.auth_token"),
        ({"from_": None}, "twilio.from"),
        ({"messaging_service_sid": "MG1"}, "twilio.messaging_service_sid"),
        ({"base_url": "localhost"}, "twilio.base_url"),
        ({"deadline_s": -1}, "twilio.deadline_s"),
    ],
)
def test_a_configuration_that_cannot_work_names_the_setting(changes: dict[str, Any], named: str) -> None:
    fine: dict[str, Any] = {"account_sid": "AC1", "auth_token": "t", "from_": "+818000000000"}
    with pytest.raises(ValueError, match=named):
        SmsConfig(**{**fine, **changes})
