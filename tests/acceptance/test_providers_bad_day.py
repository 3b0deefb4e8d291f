"""Providers that fail, stall, forget to answer and refuse: what reaches the customer all the same, and how often."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance import outside
from tests.acceptance.outside import soon
from tests.acceptance.rig import Rig, rig

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]

RULES = """
rules:
  - id: too-warm
    for_devices: {model: chiller-*}
    when: {metric: temperature, above: 8, clear_below: 6}
    severity: critical
    purpose: safety
    then:
      notify: {template: alert}
"""
RECOVERY = 120.0
"""Seconds that a message may take when its provider fails first: backoff, deadline, settling."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    settings = {"KIZASHI_DELIVERY__SETTLE_SECONDS": "1", "KIZASHI_DELIVERY__LEASE_SECONDS": "15"}
    with rig(tmp_path_factory.mktemp("bad-day"), RULES, settings) as made:
        outside.rules_are_in_force(made)
        yield made


@pytest.fixture
def gateway(running: Rig) -> Iterator[Rig]:
    """All providers well at the beginning and at the end."""
    yield running
    for provider in ("fcm", "twilio", "smtp"):
        outside.misbehave(running, provider, "ok")


def normal(gateway: Rig, name: str, addresses: dict[str, Any]) -> None:
    """A customer of that name whose chiller is as it should be."""
    outside.person(gateway, name, addresses)
    outside.machine(gateway, f"chiller-{name}", name)
    outside.post(gateway, f"chiller-{name}", temperature=4)


def alarm(gateway: Rig, name: str, addresses: dict[str, Any]) -> None:
    """A customer of that name whose chiller becomes too warm."""
    normal(gateway, name, addresses)
    outside.post(gateway, f"chiller-{name}", temperature=9)


def asked(gateway: Rig, message_id: str) -> list[dict[str, Any]]:
    """What the providers were asked for one message, oldest first."""
    return [request for request in gateway.provider_requests() if request["message_id"] == message_id]


def outcomes(requests: list[dict[str, Any]]) -> list[str]:
    return [request["outcome"] for request in requests]


@pytest.mark.parametrize("mode", ["500", "503"])
def test_a_failing_provider_is_backed_off_from_and_the_others_go_on(gateway: Rig, mode: str) -> None:
    outside.misbehave(gateway, "fcm", mode, count=2)
    alarm(gateway, f"waits-{mode}", {"push": [f"waits-{mode}-phone"]})
    soon(lambda: [r for r in gateway.provider_requests() if r["fault"] == mode], "the first failure")
    alarm(gateway, f"served-{mode}", {"sms": f"+8190222225{mode[-2:]}"})

    push = outside.message(gateway, f"waits-{mode}", "push", "delivered", within=RECOVERY)
    requests = asked(gateway, push["id"])
    assert outcomes(requests) == ["fault", "fault", "accepted"]
    first, second, third = (request["at"] for request in requests)
    assert second - first >= 500, "half of the first wait of one second, at least"
    assert third - second >= 1000, "the second wait is twice as long"
    sms = outside.message(gateway, f"served-{mode}", "sms", "delivered")
    assert outcomes(asked(gateway, sms["id"])) == ["accepted"]


def test_an_sms_whose_answer_got_lost_is_settled_by_asking_and_sent_once(gateway: Rig) -> None:
    # This number's provider never reports by itself: asking is the only way to know.
    outside.misbehave(gateway, "twilio", "drop_after", count=1)
    alarm(gateway, "lost-answer", {"sms": "+815005550150"})
    doubt = soon(
        lambda: [e for e in outside.of_kind(gateway, "lost-answer", "message") if e["detail"].get("state") == "unknown"]
    )
    settled = outside.message(gateway, "lost-answer", "sms", "accepted", within=RECOVERY)
    assert settled["id"] == doubt[0]["message_id"]
    requests = asked(gateway, settled["id"])
    assert outcomes(requests) == ["accepted"]
    assert settled["provider_id"] == requests[0]["provider_id"]
    assert len(outside.inbox(gateway, "sms", "+815005550150")) == 1


def test_an_sms_that_never_arrived_at_the_provider_is_sent_after_asking(gateway: Rig) -> None:
    outside.misbehave(gateway, "twilio", "drop_before", count=1)
    alarm(gateway, "lost-question", {"sms": "+819022220003"})
    arrived = outside.message(gateway, "lost-question", "sms", "delivered", within=RECOVERY)
    assert outcomes(asked(gateway, arrived["id"])) == ["fault", "accepted"]
    assert len(outside.inbox(gateway, "sms", "+819022220003")) == 1


def test_too_many_requests_are_repeated_no_sooner_than_the_provider_wants(gateway: Rig) -> None:
    outside.misbehave(gateway, "twilio", "429", count=1, seconds=3)
    alarm(gateway, "hurried", {"sms": "+819022220004"})
    arrived = outside.message(gateway, "hurried", "sms", "delivered", within=RECOVERY)
    first, second = asked(gateway, arrived["id"])
    assert (first["fault"], second["outcome"]) == ("429", "accepted")
    assert second["at"] - first["at"] >= 3000


def test_an_unregistered_token_is_dropped_and_the_next_channel_is_used(gateway: Rig) -> None:
    alarm(gateway, "new-phone", {"push": ["old-phone-gone"], "sms": "+819022220005"})
    sms = outside.message(gateway, "new-phone", "sms", "delivered")
    assert outcomes(asked(gateway, sms["id"])) == ["accepted"]
    push = outside.message(gateway, "new-phone", "push", "failed")
    assert outcomes(asked(gateway, push["id"])) == ["refused UNREGISTERED"]
    addresses = outside.get(gateway, "/v1/customers/new-phone")["addresses"]
    assert not addresses.get("push")
    assert addresses["sms"] == "+819022220005"
    assert "address_dropped" in {entry["reason"] for entry in outside.timeline(gateway, "new-phone")}


def test_mail_that_is_refused_for_now_goes_out_later_and_for_good_is_given_up(gateway: Rig) -> None:
    outside.misbehave(gateway, "smtp", "503", count=1)  # SMTP: 451 4.3.0
    alarm(gateway, "patient", {"email": "patient@example.com"})
    accepted = outside.message(gateway, "patient", "email", "accepted", within=RECOVERY)
    assert outcomes(asked(gateway, accepted["id"])) == ["fault", "accepted"]
    assert len(outside.inbox(gateway, "email", "patient@example.com")) == 1

    alarm(gateway, "moved", {"email": "gone-moved@example.com"})
    failed = outside.message(gateway, "moved", "email", "failed")
    assert "550" in failed["reason"]
    assert failed["attempts"] == 1


def test_mail_lost_after_its_content_is_in_doubt_and_not_repeated_blindly(gateway: Rig) -> None:
    outside.misbehave(gateway, "smtp", "drop_after", count=1)
    alarm(gateway, "doubt", {"email": "doubt@example.com", "sms": "+819022220007"})
    # Nobody can be asked about a mail, so once the time for settling is over the next channel is used.
    outside.message(gateway, "doubt", "sms", "delivered", within=RECOVERY)
    unknown = outside.message(gateway, "doubt", "email", "unknown")
    assert unknown["attempts"] == 1
    assert outcomes(asked(gateway, unknown["id"])) == ["accepted"]


def test_a_provider_that_answers_a_byte_a_second_is_left_at_the_deadline(gateway: Rig) -> None:
    for name, number in (("dribble", "+815005550150"), ("beside", "+819022220008")):
        normal(gateway, name, {"sms": number})
    outside.misbehave(gateway, "twilio", "dribble", count=1, seconds=1)
    outside.post(gateway, "chiller-dribble", temperature=9)
    soon(lambda: [r for r in gateway.provider_requests() if r["fault"] == "dribble"], "the request answered so slowly")
    outside.post(gateway, "chiller-beside", temperature=9)
    beside = outside.message(gateway, "beside", "sms", "delivered")
    waiting = outside.of_kind(gateway, "dribble", "message")
    assert waiting[-1]["detail"]["state"] in {"queued", "sending"}, "the neighbour did not wait for it"
    settled = outside.message(gateway, "dribble", "sms", "accepted", within=RECOVERY)
    assert outcomes(asked(gateway, settled["id"])) == ["accepted"]
    assert outcomes(asked(gateway, beside["id"])) == ["accepted"]
