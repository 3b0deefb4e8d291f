from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from notifiers.policy import ContactRequest, Customer, History, PolicySettings, plan
from tests.unit.notifiers.policy.asking import NOON

HOUR = 3_600_000
channels = st.sampled_from(["push", "sms", "email", "fax"])
purposes = st.sampled_from(["maintenance", "service", "safety", "offers", "newsletter"])
orders = st.lists(channels, max_size=5).map(tuple)
junk: st.SearchStrategy[Any] = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=20))
addresses: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    channels,
    st.one_of(
        st.sampled_from(["+818012345678", "0801", "a@b.example", "@", "token"]),
        st.lists(st.one_of(st.sampled_from(["token-a", "token b", ""]), junk), max_size=3),
        junk,
    ),
)
consents: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    st.one_of(purposes, st.just("source")), st.one_of(st.dictionaries(channels, st.one_of(st.booleans(), junk)), junk)
)
requests = st.builds(
    ContactRequest,
    decision_id=st.just("d"),
    rule_id=st.text(max_size=8),
    transition=st.sampled_from(["firing", "repeat", "resolved"]),
    severity=st.sampled_from(["critical", "major", "minor", "warning", "info"]),
    purpose=purposes,
    channels=orders,
    template=st.just("alert"),
    device_id=st.just("x"),
    decided_at_ms=st.integers(NOON - 24 * HOUR, NOON),
    cooldown_ms=st.one_of(st.none(), st.integers(0, 48 * HOUR)),
    expires_after_ms=st.one_of(st.none(), st.integers(0, 48 * HOUR)),
    holdout_percent=st.sampled_from([0.0, 30.0, 100.0]),
    store_time_zone=st.sampled_from([None, "America/New_York", "nowhere"]),
)
customers = st.one_of(
    st.none(),
    st.builds(
        Customer,
        id=st.text(max_size=8),
        time_zone=st.sampled_from(["Asia/Tokyo", "Europe/London", "", "Mars/Base"]),
        addresses=addresses,
        preferred_channels=orders,
        consents=consents,
    ),
)
histories = st.builds(
    History,
    last_contact_at_ms=st.one_of(st.none(), st.integers(NOON - 48 * HOUR, NOON + HOUR)),
    open_fault=st.booleans(),
    alert_active=st.booleans(),
    was_told=st.booleans(),
)
times = st.integers(NOON, NOON + 48 * HOUR)
SETTINGS = PolicySettings()


def requested(request: ContactRequest, customer: Customer) -> set[str]:
    return set(request.channels or customer.preferred_channels or SETTINGS.channels)


@given(requests, customers, histories, times)
def test_every_requested_channel_is_a_step_or_has_a_reason(
    request: ContactRequest, customer: Customer | None, history: History, now: int
) -> None:
    made = plan(request, customer, history, SETTINGS, now)
    steps = {step.channel for step in made.steps}
    refused = {no.channel for no in made.suppressions}
    if None in refused:
        assert not steps
    else:
        assert customer is not None
        assert steps | refused == requested(request, customer)
        assert not steps & refused
        assert len(made.steps) + len(made.suppressions) == len(requested(request, customer))


@given(requests, customers, histories, times)
def test_every_no_has_a_sentence_and_inputs_that_are_json(
    request: ContactRequest, customer: Customer | None, history: History, now: int
) -> None:
    made = plan(request, customer, history, SETTINGS, now)
    for no in (*made.suppressions, *([made.held] if made.held else [])):
        assert no.detail.endswith(".")
        assert no.inputs
        assert msgspec.json.decode(msgspec.json.encode(no.inputs)) == no.inputs


@given(requests, customers, histories, times)
def test_nothing_is_sent_without_consent_or_after_its_expiry(
    request: ContactRequest, customer: Customer | None, history: History, now: int
) -> None:
    made = plan(request, customer, history, SETTINGS, now)
    for step in made.steps:
        assert customer is not None
        by_channel = customer.consents.get(request.purpose)
        word = by_channel.get(step.channel) if isinstance(by_channel, dict) else None
        assert word is True or (request.purpose == "safety" and word is not False)
        assert step.addresses
        assert made.expires_at_ms is None or max(now, made.hold_until_ms or 0) < made.expires_at_ms


@given(requests, customers, histories, times)
def test_what_was_held_goes_out_at_its_release_unless_something_changed(
    request: ContactRequest, customer: Customer | None, history: History, now: int
) -> None:
    made = plan(request, customer, history, SETTINGS, now)
    assert (made.hold_until_ms is None) == (made.held is None)
    if made.hold_until_ms is None:
        return
    assert made.hold_until_ms > now
    again = plan(request, customer, history, SETTINGS, made.hold_until_ms)
    assert again.hold_until_ms is None
    assert again.steps == made.steps


@given(requests, customers, histories, times)
def test_the_same_question_has_the_same_answer(
    request: ContactRequest, customer: Customer | None, history: History, now: int
) -> None:
    assert plan(request, customer, history, SETTINGS, now) == plan(request, customer, history, SETTINGS, now)
