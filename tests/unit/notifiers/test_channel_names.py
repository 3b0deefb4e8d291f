"""Channels in sentences for people."""

from __future__ import annotations

import pytest

from notifiers.channel_names import NAMES, named, within
from notifiers.policy import PolicySettings, plan
from notifiers.policy.request import ContactRequest, Customer, History


@pytest.mark.parametrize(
    ("channel", "alone", "inside"),
    [("sms", "SMS", "SMS"), ("webpush", "Web push", "web push"), ("email", "Email", "email"), ("own", "own", "own")],
)
def test_a_sentence_calls_a_channel_what_people_call_it(channel: str, alone: str, inside: str) -> None:
    assert (named(channel), within(channel)) == (alone, inside)


def request(channel: str) -> ContactRequest:
    return ContactRequest(
        decision_id="d1", rule_id="r", transition="firing", severity="minor", purpose="service", channels=(channel,),
        template="alert", device_id="chiller-1", decided_at_ms=0,
    )  # fmt: skip


@pytest.mark.parametrize("channel", NAMES)
@pytest.mark.parametrize("consented", [False, True])
def test_a_refusal_is_worded_with_the_name_and_recorded_with_the_code(channel: str, consented: bool) -> None:
    customer = Customer("aiko", consents={"service": {channel: True}} if consented else {})
    settings = PolicySettings(channels=tuple(NAMES))
    (no,) = plan(request(channel), customer, History(alert_active=True), settings, 0).suppressions
    assert no.channel == no.inputs["channel"] == channel
    words = no.detail.replace(".", "").split(" ")
    assert within(channel) in no.detail
    assert channel == within(channel) or channel not in words
