"""Where nobody can be told or nobody answers, a case tells the people responsible what was tried."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine

from gateway.delivery import evidence, steps
from gateway.delivery.contacts import contact, hold_back
from gateway.delivery.pacer import Pacer
from gateway.delivery.rendering import Means
from gateway.settings import Settings
from gateway.storage import alerts, cases, decisions, unread
from gateway.worker.pipelined import pipelined
from notifiers.policy import Cap, Money, policy_settings
from rules.decision import CaseAction, Decision, Intervention, NotifyAction, derived_id
from tests.integration.delivery_fixture import (
    AT_ALL_HOURS,
    a_customer,
    a_decision,
    decide,
    execute,
    means_of,
    now_ms,
    resolved,
    rows,
)

pytestmark = pytest.mark.stack

NEVER = dict.fromkeys(AT_ALL_HOURS, "never")
NIGHT = datetime(2026, 3, 3, 23, 0, tzinfo=UTC)
FIELD = CaseAction("field", "high")
MINUTE = 60_000


def notify(*channels: str, action: CaseAction | None = FIELD, **more: Any) -> NotifyAction:
    return NotifyAction("alert", channels, **{"escalate_after_ms": 15 * MINUTE, "unanswered": action, **more})


BOTH = notify("push", "sms")


@pytest.fixture
def means(engine: Engine) -> Means:
    return asked(engine)


def asked(engine: Engine, hours: dict[str, str] | None = None, **policy: Any) -> Means:
    found = means_of(engine, Settings(public_url="https://kizashi.example"))
    return found._replace(policy=policy_settings(hours or NEVER, **policy))


def fired(name: str = "1", **values: Any) -> Decision:
    return a_decision(name, **{"notify": BOTH, **values})


def later(first: Decision, transition: str, **values: Any) -> Decision:
    made = {"id": derived_id("d", first.id, transition), "alert_id": first.id, "transition": transition}
    return a_decision(first.subject.removeprefix("chiller-"), **{"notify": first.notify, **made, **values})


def look(engine: Engine, means: Means, at: datetime | None = None) -> None:
    """The time of every open contact has come."""
    execute(engine, "UPDATE contacts SET due_at = now() WHERE due_at IS NOT NULL")
    pacer = Pacer(engine, means, lambda: at or datetime.now(UTC), lambda: None)
    found = rows(engine, "SELECT count(*) FROM contacts WHERE due_at IS NOT NULL")[0][0]
    for _ in range(found):
        pacer.look_once()


def sent(engine: Engine, state: str = "accepted", reason: str | None = None) -> None:
    """Everything that is queued was sent and came to ``state``; a failure is reported to its contact."""
    found = rows(engine, "SELECT id, contact_id, step FROM messages WHERE state = 'queued'")
    execute(
        engine,
        "UPDATE messages SET state = :state, reason = :reason, first_sent_at = now() WHERE state = 'queued'",
        state=state,
        reason=reason,
    )
    if state == "failed":
        for _, contact_id, step in found:
            with engine.begin() as connection:
                steps.step_failed(connection, contact_id, step)


def the_case(engine: Engine) -> cases.Case:
    [(case_id,)] = rows(engine, "SELECT id FROM cases")
    with engine.connect() as connection:
        case = cases.get(connection, case_id)
    assert case is not None
    return case


def no_case(engine: Engine) -> bool:
    return rows(engine, "SELECT count(*) FROM cases") == [(0,)]


def comments(engine: Engine, author: str = "%") -> list[str]:
    query = "SELECT body FROM case_comments WHERE author LIKE :author ORDER BY at, id"
    return [body for (body,) in rows(engine, query, author=author)]


def entries(engine: Engine) -> list[str]:
    return [said for (said,) in rows(engine, "SELECT summary FROM timeline WHERE kind = 'case' ORDER BY ordinal")]


def escalated(engine: Engine, means: Means, first: Decision) -> None:
    """Both channels were used, their providers accepted, and the last one's time has just come."""
    decide(engine, means, first)
    sent(engine)
    look(engine, means)
    sent(engine)


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
    [(told,), _] = rows(engine, "SELECT evidence->'nobody_reached'->>'summary' FROM cases")
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


NO_SEGMENT = "SMS was not used: Today's budget for sms leaves no room: 0 of 1 segments are used."


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


def answered_by(engine: Engine, said: str, first: Decision) -> None:
    with engine.begin() as connection:
        [(message_id, contact_id)] = rows(engine, "SELECT id, contact_id FROM messages WHERE channel = 'push'")
        if said == "push":
            evidence.push_ack(connection, message_id, "opened", datetime.now(UTC))
        elif said == "reply":
            [(sms, _)] = rows(engine, "SELECT id, contact_id FROM messages WHERE channel = 'sms'")
            execute(engine, "UPDATE messages SET provider_id = 'SM1' WHERE id = :id", id=sms)
            for each in evidence.inbound_sms(connection, "hanako", "SM9", "on my way", "+81", datetime.now(UTC)):
                evidence.acknowledge(connection, each, "The customer replied by SMS", datetime.now(UTC))
        else:
            heed(connection, first, said)
        assert contact_id


def heed(connection: Connection, first: Decision, action: Any) -> None:
    until = now_ms() + 60 * MINUTE if action == "snooze" else None
    word = Intervention(
        derived_id("i", first.id, action), now_ms(), action, "mika", first.id, first.rule_id, first.subject,
        first.customer_id, until,
    )  # fmt: skip
    assert alerts.heed(connection, word)
    hold_back(connection, word, datetime.now(UTC))


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


def test_a_rise_is_told_instead_and_has_a_case_of_its_own_words(engine: Engine, means: Means) -> None:
    a_customer(engine)
    escalated(engine, means, first := fired())
    worse = notify("sms", action=CaseAction("night", "urgent"))
    decide(engine, means, raised := later(first, "raised", severity="critical", notify=worse))
    look(engine, means)
    assert rows(engine, "SELECT decision_id FROM timeline WHERE kind = 'case'") == [(raised.id,)]
    case = the_case(engine)
    assert (case.queue, case.priority, case.alert_id) == ("night", "urgent", first.id)


@pytest.mark.parametrize(("before", "after"), [("low", "high"), ("high", "high"), ("urgent", "urgent")])
def test_the_case_that_the_rule_has_opened_is_told(engine: Engine, means: Means, before: str, after: str) -> None:
    a_customer(engine)
    escalated(engine, means, fired(case=CaseAction("cold-chain", before)))
    look(engine, means)
    case = the_case(engine)
    assert (case.queue, case.priority) == ("cold-chain", after)
    assert case.evidence["nobody_reached"]["times"] == 1
    assert case.evidence["rule_id"] == "too-warm"
    [comment] = comments(engine)
    assert comment.startswith("Nobody was reached. Push on 20")
    assert entries(engine)[1:] == [
        "Nobody was reached; the case " + ("now has high priority" if before == "low" else "says what was tried")
    ]


def by_hand(engine: Engine, device_id: str) -> cases.Case:
    asked_for = cases.Case(id="", title="It hums", device_id=device_id, customer_id="hanako", priority="low")
    with engine.begin() as connection:
        return cases.open_by_hand(connection, asked_for, by="mika")


def test_the_case_that_a_person_opened_meanwhile_is_told(engine: Engine, means: Means) -> None:
    a_customer(engine)
    escalated(engine, means, fired())
    opened = by_hand(engine, "chiller-1")
    look(engine, means)
    case = the_case(engine)
    assert (case.id, case.priority, case.title) == (opened.id, "high", "It hums")
    assert len(comments(engine)) == 1


def test_a_persons_case_of_another_time_or_device_is_another_matter(engine: Engine, means: Means) -> None:
    a_customer(engine)
    by_hand(engine, "chiller-1")
    execute(engine, "UPDATE cases SET opened_at = now() - interval '1 day'")
    by_hand(engine, "chiller-2")
    escalated(engine, means, fired())
    look(engine, means)
    assert rows(engine, "SELECT count(*) FROM cases") == [(3,)]


def test_the_case_of_another_rule_is_another_matter(engine: Engine, means: Means) -> None:
    a_customer(engine)
    escalated(engine, means, fired())
    decide(engine, means, fired(id=derived_id("d", "hum"), rule_id="hums", case=FIELD, notify=None))
    look(engine, means)
    assert rows(engine, "SELECT count(*) FROM cases") == [(2,)]


def test_a_case_that_was_closed_after_the_alarm_stays_closed(engine: Engine, means: Means) -> None:
    a_customer(engine)
    escalated(engine, means, fired(case=CaseAction("cold-chain", "low")))
    with engine.begin() as connection:
        cases.resolve(connection, the_case(engine).id, by="mika")
    look(engine, means)
    case = the_case(engine)
    assert case.state == "resolved"
    assert "nobody_reached" in case.evidence
    assert entries(engine)[-1] == "Nobody was reached; the case was closed meanwhile, and stays so"


def test_a_case_that_was_closed_before_the_alarm_was_told_again_is_opened_again(engine: Engine, means: Means) -> None:
    a_customer(engine)
    escalated(engine, means, first := fired(case=CaseAction("cold-chain", "low")))
    with engine.begin() as connection:
        cases.resolve(connection, the_case(engine).id, by="mika")
    again = later(first, "repeat", at=now_ms() + 60 * MINUTE)
    escalated(engine, means, again)
    look(engine, means)
    assert the_case(engine).state == "open"
    assert entries(engine)[-1] == f"Case opened again: nobody was reached: {again.summary}"


def test_each_time_in_vain_is_counted_and_commented_once(engine: Engine, means: Means) -> None:
    a_customer(engine, addresses={})
    decide(engine, means, first := fired())
    decide(engine, means, later(first, "repeat"))
    decide(engine, means, later(first, "raised", severity="critical"))
    assert the_case(engine).evidence["nobody_reached"]["times"] == 3
    assert comments(engine) == []
    assert len(entries(engine)) == 3


def test_the_next_alert_of_rule_and_device_belongs_to_the_case_that_is_open(engine: Engine, means: Means) -> None:
    a_customer(engine, addresses={})
    decide(engine, means, first := fired())
    decide(engine, means, resolved(first))
    assert the_case(engine).recovered_at is not None
    decide(engine, means, fired(id=derived_id("d", "another")))
    case = the_case(engine)
    assert case.recovered_at is None
    assert case.evidence["nobody_reached"]["times"] == 2


@pytest.mark.parametrize("said", ["push", "reply"])
def test_an_answer_after_the_case_stands_on_it_and_the_case_stays(engine: Engine, means: Means, said: str) -> None:
    a_customer(engine)
    escalated(engine, means, first := fired())
    look(engine, means)
    answered_by(engine, said, first)
    answered_by(engine, said, first)
    assert the_case(engine).state == "open"
    [comment] = comments(engine, "Kizashi")
    assert comment.startswith("The customer has answered after all: The ")
    assert rows(engine, "SELECT state FROM contacts") == [("acknowledged",)]
    assert rows(engine, "SELECT count(*) FROM timeline WHERE kind IN ('receipt', 'reply')") == [(1,)]


def told_again(engine: Engine, means: Means, transition: str, answers: str, **values: Any) -> None:
    """Told, told again while nobody has answered yet; then the push of the one that ``answers`` is opened."""
    a_customer(engine)
    decide(engine, means, first := fired(notify=notify("push", "sms")))
    sent(engine)
    again = later(first, transition, at=first.at + 1, **values)
    decide(engine, means, again)
    sent(engine)
    answered = first.id if answers == "first" else again.id
    [(message_id,)] = rows(engine, "SELECT id FROM messages WHERE decision_id = :id", id=answered)
    with engine.begin() as connection:
        evidence.push_ack(connection, message_id, "opened", datetime.now(UTC))
    for _ in range(3):
        look(engine, means)
        sent(engine)


@pytest.mark.parametrize("answers", ["first", "again"])
def test_who_answers_one_of_two_tellings_of_an_alert_has_answered_both(
    engine: Engine, means: Means, answers: str
) -> None:
    told_again(engine, means, "repeat", answers)
    assert rows(engine, "SELECT DISTINCT state FROM contacts") == [("acknowledged",)]
    assert rows(engine, "SELECT DISTINCT channel FROM messages") == [("push",)]
    assert no_case(engine)
    entry = "SELECT summary FROM timeline WHERE reason = 'acknowledged' ORDER BY ordinal"
    assert rows(engine, entry) == [
        ("The push was opened: no further channel is tried",),
        ("No further channel is tried: another message about the alert was answered",),
    ]


def test_an_answer_to_the_alarm_does_not_stop_the_all_clear_that_waits_for_the_morning(
    engine: Engine, means: Means
) -> None:
    a_customer(engine)
    decide(engine, means, first := fired())
    sent(engine)
    by_night = means._replace(policy=policy_settings({"maintenance": "21:00-08:00"}))
    night = datetime.now(UTC).replace(hour=23) - timedelta(days=1)
    decide(engine, by_night, resolved(first, at=int(night.timestamp() * 1000)), at=night)
    answered_by(engine, "push", first)
    look(engine, means)
    assert rows(engine, "SELECT template, state FROM messages WHERE state = 'queued'") == [("resolved", "queued")]


def test_an_answer_to_what_was_less_grave_is_none_to_what_is_graver(engine: Engine, means: Means) -> None:
    told_again(engine, means, "raised", "first", severity="critical")
    assert rows(engine, "SELECT state FROM contacts ORDER BY created_at") == [("acknowledged",), ("exhausted",)]
    assert the_case(engine).severity == "critical"


def test_an_answer_of_yesterday_is_none_to_what_is_told_today(engine: Engine, means: Means) -> None:
    a_customer(engine)
    decide(engine, means, first := fired())
    sent(engine)
    answered_by(engine, "push", first)
    escalated(engine, means, later(first, "repeat", at=now_ms() + 60 * MINUTE))
    look(engine, means)
    assert rows(engine, "SELECT state FROM contacts ORDER BY created_at") == [("acknowledged",), ("exhausted",)]
    assert the_case(engine).alert_id == first.id


def test_an_alert_that_the_worker_is_at_is_looked_at_again_soon(engine: Engine, means: Means) -> None:
    a_customer(engine)
    escalated(engine, means, first := fired())
    with engine.begin() as worker:
        worker.exec_driver_sql("UPDATE alerts SET severity = severity")
        look(engine, means)
        assert no_case(engine)
        assert rows(engine, "SELECT state, due_at < now() + interval '5 s' FROM contacts") == [("active", True)]
    look(engine, means)
    assert the_case(engine).alert_id == first.id
