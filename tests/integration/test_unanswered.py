"""Where nobody can be told or nobody answers, a case tells the people responsible what was tried."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from gateway.delivery.contacts import contact
from gateway.delivery.rendering import Means
from gateway.storage import decisions, unread
from gateway.worker.pipelined import pipelined
from notifiers.policy import Cap, Money, policy_settings
from rules.decision import Decision, NotifyAction
from tests.integration.delivery_fixture import (
    a_customer,
    a_decision,
    decide,
    execute,
    resolved,
    rows,
)
from tests.integration.unanswered_fixture import (
    NIGHT,
    answered_by,
    asked,
    comments,
    entries,
    escalated,
    fired,
    look,
    no_case,
    notify,
    sent,
    the_case,
)

pytestmark = pytest.mark.stack


@pytest.fixture
def means(engine: Engine) -> Means:
    return asked(engine)


def test_when_the_last_channel_was_not_answered_either_a_case_opens_with_what_was_tried(
    engine: Engine, means: Means
) -> None:
    a_customer(engine)
    escalated(engine, means, first := fired())
    assert no_case(engine), "the last channel has its time, too"
    look(engine, means)
    case = the_case(engine)
    assert (case.queue, case.priority, case.state, case.severity) == ("field", "high", "open", "major")
    assert case.title == f"Nobody was reached: {first.summary}"
    assert (case.alert_id, case.customer_id, case.device_id) == (first.id, "hanako", "chiller-1")
    told = case.evidence["nobody_reached"]
    assert [(each["channel"], each["state"], each["said"]) for each in told["tried"]] == [
        ("push", "accepted", "accepted by the provider, no answer"),
        ("sms", "accepted", "accepted by the provider, no answer"),
    ]
    assert told["summary"].startswith("Push on 20")
    assert "UTC: accepted by the provider, no answer. SMS on 20" in told["summary"]
    assert case.evidence["values"] == {"temperature": 9.5}
    assert rows(engine, "SELECT state, due_at FROM contacts") == [("exhausted", None)]
    assert entries(engine) == [f"Case opened in field: nobody was reached: {first.summary}"]
    assert comments(engine) == []


def test_looking_again_or_deciding_again_opens_nothing_more(engine: Engine, means: Means) -> None:
    a_customer(engine)
    escalated(engine, means, first := fired())
    look(engine, means)
    before = the_case(engine)
    execute(engine, "UPDATE contacts SET state = 'active', due_at = now()")
    look(engine, means)
    decide(engine, means, first)
    assert the_case(engine) == before
    assert len(entries(engine)) == 1


def test_a_rule_without_the_word_ends_as_it_always_has(engine: Engine, means: Means) -> None:
    a_customer(engine)
    escalated(engine, means, fired(notify=notify("push", "sms", action=None)))
    look(engine, means)
    assert no_case(engine)
    assert rows(engine, "SELECT state FROM contacts") == [("done",)]


def test_one_channel_has_its_time_before_the_case(engine: Engine, means: Means) -> None:
    a_customer(engine)
    decide(engine, means, fired(notify=notify("push")))
    sent(engine)
    assert rows(engine, "SELECT due_at > now() + interval '14 minutes' FROM contacts") == [(True,)]
    look(engine, means)
    assert len(the_case(engine).evidence["nobody_reached"]["tried"]) == 1


def test_where_every_channel_fails_nobody_waits(engine: Engine, means: Means) -> None:
    a_customer(engine)
    decide(engine, means, fired())
    sent(engine, "failed", "unregistered")
    look(engine, means)
    sent(engine, "failed", "number is no phone")
    look(engine, means)
    tried = the_case(engine).evidence["nobody_reached"]["tried"]
    assert [(each["state"], each["reason"], each["said"]) for each in tried] == [
        ("failed", "unregistered", "failed: unregistered"),
        ("failed", "number is no phone", "failed: number is no phone"),
    ]


def test_what_still_waits_for_its_provider_stays_and_the_case_says_so(engine: Engine, means: Means) -> None:
    a_customer(engine)
    decide(engine, means, first := fired())
    sent(engine)
    look(engine, means)
    look(engine, means)
    case = the_case(engine)
    assert case.evidence["nobody_reached"]["tried"][1]["said"] == "still waiting for its provider"
    assert rows(engine, "SELECT state FROM contacts") == [("active",)]
    look(engine, means)
    assert the_case(engine) == case
    decide(engine, means, resolved(first))
    assert rows(engine, "SELECT state, reason FROM messages WHERE channel = 'sms'") == [("withdrawn", "recovered")]
    assert the_case(engine).recovered_at is not None


UNTELLABLE: list[tuple[dict[str, Any], str]] = [
    ({"granted": {"maintenance": {"push": False}}}, "no_consent"),
    ({"addresses": {}}, "no_address"),
    ({"addresses": {"push": "no token", "sms": "12"}}, "bad_address"),
]


@pytest.mark.parametrize(("customer", "reason"), UNTELLABLE)
def test_where_nobody_can_be_told_the_case_opens_at_once(
    engine: Engine, means: Means, customer: dict[str, Any], reason: str
) -> None:
    a_customer(engine, **customer)
    decide(engine, means, first := fired())
    case = the_case(engine)
    assert case.customer_id == "hanako"
    tried = case.evidence["nobody_reached"]["tried"]
    assert [(each["channel"], each["state"], each["reason"]) for each in tried] == [
        ("push", "not_used", reason),
        ("sms", "not_used", reason),
    ]
    assert case.evidence["nobody_reached"]["summary"].startswith("Push was not used: The customer")
    assert entries(engine) == [f"Case opened in field: nobody was reached: {first.summary}"]


def test_the_worker_that_waits_for_no_answers_opens_it_too(engine: Engine, means: Means) -> None:
    a_customer(engine, addresses={})
    first = fired()
    with engine.begin() as connection, pipelined(connection), unread.kept_back(connection):
        kept = decisions.record(connection, first)
        assert kept is not None
        contact(connection, kept, means.templates, means.policy, datetime.now(UTC), means.links)
    case = the_case(engine)
    assert case.evidence["values"] == {"temperature": 9.5}
    assert entries(engine) == [f"Case opened in field: nobody was reached: {first.summary}"]


def test_a_device_without_an_owner_on_record_has_nobody_to_be_told(engine: Engine, means: Means) -> None:
    decide(engine, means, fired(customer_id=None), fired("2", customer_id="gone"))
    assert rows(engine, "SELECT customer_id, queue, priority FROM cases") == [(None, "field", "high")] * 2
    [(told,), _] = rows(engine, "SELECT evidence->'nobody_reached'->>'summary' FROM cases ORDER BY device_id")
    assert told == "Device chiller-1 has no owner on record, so there is nobody to tell."


def test_the_budget_that_is_used_up_is_a_reason_at_the_plan_and_at_the_step(engine: Engine) -> None:
    a_customer(engine)
    none_left = asked(engine, money=Money({"sms": 0, "push": 0}))
    decide(engine, none_left, fired())
    tried = the_case(engine).evidence["nobody_reached"]["tried"]
    assert [each["reason"] for each in tried] == ["budget_used_up"] * 2
    a_customer(engine, "jiro")
    # The plan finds room for the shortest text; the words take two segments.
    short = asked(engine, money=Money({"sms": 1}))
    long = "チ" * 80
    decide(engine, short, fired("2", customer_id="jiro", notify=notify("sms"), summary=long))
    assert rows(engine, "SELECT state FROM contacts WHERE customer_id = 'jiro'") == [("withdrawn",)]
    assert rows(engine, "SELECT count(*) FROM messages WHERE customer_id = 'jiro'") == [(0,)]
    assert rows(engine, "SELECT count(*) FROM cases WHERE customer_id = 'jiro'") == [(1,)]


def ended(engine: Engine) -> list[tuple[Any, ...]]:
    query = "SELECT c.state, t.reason, t.summary FROM contacts c JOIN timeline t ON t.decision_id = c.decision_id"
    return rows(engine, f"{query} WHERE t.kind = 'decision' AND t.summary NOT LIKE 'To be told%'")


NO_SEGMENT = "SMS was not used: Today's budget for SMS leaves no room: 0 of 1 segments are used."


def test_what_no_money_was_left_for_has_not_failed(engine: Engine) -> None:
    a_customer(engine)
    short = asked(engine, money=Money({"sms": 1}))
    decide(engine, short, fired(notify=NotifyAction("alert", ("sms",)), summary="チ" * 80))
    assert ended(engine) == [("withdrawn", "budget_used_up", f"Nothing was sent. {NO_SEGMENT}")]
    assert no_case(engine)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("failed", "The customer could not be reached: what was tried failed"),
        ("accepted", "No channel is left; nothing confirms that the customer was reached"),
    ],
)
def test_beside_what_was_tried_it_says_what_was_not(engine: Engine, state: str, said: str) -> None:
    a_customer(engine)
    short = asked(engine, money=Money({"sms": 1}))
    decide(engine, short, fired(notify=notify("push", "sms", action=None), summary="チ" * 80))
    execute(engine, "UPDATE customers SET addresses = addresses - 'push'")  # the provider says that it is dead
    sent(engine, state, "unregistered")
    look(engine, short)
    assert ended(engine) == [("exhausted", "nobody_reached", f"{said}. {NO_SEGMENT}")]


def test_a_channel_left_out_of_the_plan_stands_beside_what_was_tried(engine: Engine, means: Means) -> None:
    a_customer(engine, addresses={"push": ["token-hanako-silent"]})
    decide(engine, means, fired())
    sent(engine)
    look(engine, means)
    tried = the_case(engine).evidence["nobody_reached"]["tried"]
    assert [(each["channel"], each["state"]) for each in tried] == [("push", "accepted"), ("sms", "not_used")]


def held(engine: Engine, means: Means) -> Decision:
    first = fired(severity="warning", at=int(NIGHT.timestamp() * 1000))
    by_night = means._replace(policy=policy_settings({"maintenance": "21:00-08:00"}))
    decide(engine, by_night, first, at=NIGHT)
    assert rows(engine, "SELECT state FROM contacts") == [("held",)]
    return first


def test_a_held_message_is_still_to_come(engine: Engine, means: Means) -> None:
    a_customer(engine)
    held(engine, means)
    assert no_case(engine)


def test_who_can_no_longer_be_told_in_the_morning_has_a_case_then(engine: Engine, means: Means) -> None:
    a_customer(engine)
    held(engine, means)
    execute(engine, "UPDATE customers SET addresses = '{}'")
    look(engine, means, NIGHT + timedelta(hours=10))
    assert [each["reason"] for each in the_case(engine).evidence["nobody_reached"]["tried"]] == ["no_address"] * 2


def test_who_is_gone_in_the_morning_is_in_no_case(engine: Engine, means: Means) -> None:
    a_customer(engine)
    held(engine, means)
    execute(engine, "DELETE FROM customers")
    look(engine, means, NIGHT + timedelta(hours=10))
    case = the_case(engine)
    assert case.customer_id is None
    assert [each["reason"] for each in case.evidence["nobody_reached"]["tried"]] == ["no_customer"]


@pytest.mark.parametrize("said", ["push", "reply", "acknowledge", "snooze"])
def test_after_an_answer_or_a_persons_word_there_is_none(engine: Engine, means: Means, said: str) -> None:
    a_customer(engine)
    escalated(engine, means, first := fired())
    answered_by(engine, said, first)
    look(engine, means)
    assert no_case(engine)


@pytest.mark.parametrize("ended_by", [None, "time", "mika"])
def test_what_is_over_needs_nobody(engine: Engine, means: Means, ended_by: str | None) -> None:
    a_customer(engine)
    escalated(engine, means, first := fired())
    decide(engine, means, resolved(first, ended_by=ended_by))
    look(engine, means)
    assert no_case(engine)


def test_what_was_only_a_moment_is_not_over_because_the_moment_is(engine: Engine, means: Means) -> None:
    a_customer(engine)
    escalated(engine, means, first := fired())
    decide(engine, means, resolved(first, ended_by="passed", notify=None))
    look(engine, means)
    assert the_case(engine).recovered_at is None


SILENT: list[dict[str, Any]] = [
    {"inhibited_by": "device-offline"},
    {"late_ms": 4_000_000},
    {"snoozed_until": 1_767_232_800_000},
    {"notify": notify("push", "sms", holdout_percent=100.0)},
    {"notify": notify("push", expires_after_ms=1), "at": 1_767_232_800_000},
    {"purpose": "offers", "severity": "info"},
]


@pytest.mark.parametrize("values", SILENT)
def test_who_is_not_to_be_told_is_not_somebody_who_cannot_be(
    engine: Engine, means: Means, values: dict[str, Any]
) -> None:
    a_customer(engine)
    decide(engine, means, a_decision("fault", rule_id="other", notify=None))  # an open fault silences offers
    decide(engine, means, fired(**values))
    assert rows(engine, "SELECT count(*) FROM contacts") == [(0,)]
    assert no_case(engine)


@pytest.mark.parametrize("cap", [Cap(1, 86_400_000), Cap(1, 86_400_000, channel="push")])
def test_neither_are_those_who_were_told_enough(engine: Engine, cap: Cap) -> None:
    a_customer(engine)
    seldom = asked(engine, caps=(cap,))
    decide(engine, seldom, a_decision("other", rule_id="other", notify=NotifyAction("alert", ("push",))))
    decide(engine, seldom, fired(notify=notify("push")), fired("3", rule_id="third", cooldown_ms=1))
    assert rows(engine, "SELECT count(*) FROM cases WHERE alert_id = :id", id=fired().id) == [(0,)]


def test_one_channel_that_is_only_full_is_enough_to_be_told_another_time(engine: Engine) -> None:
    a_customer(engine, addresses={"push": ["token-hanako-silent"]})
    seldom = asked(engine, caps=(Cap(1, 86_400_000, channel="push"),))
    decide(engine, seldom, a_decision("other", rule_id="other", notify=NotifyAction("alert", ("push",))))
    decide(engine, seldom, fired())
    refused = rows(engine, "SELECT reason FROM timeline WHERE kind = 'suppression' ORDER BY reason")
    assert refused == [("frequency_cap",), ("no_address",)]
    assert no_case(engine)


def test_an_end_that_cannot_be_told_is_no_matter_for_a_case(engine: Engine, means: Means) -> None:
    a_customer(engine)
    decide(engine, means, first := fired())
    sent(engine)
    execute(engine, "UPDATE consents SET granted = false")
    decide(engine, means, resolved(first))
    refused = rows(engine, "SELECT reason FROM timeline WHERE kind = 'suppression'")
    assert refused == [("no_consent",)]
    assert no_case(engine)
