"""Which case tells of somebody who was not reached, and what comes of an answer afterwards."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from gateway.delivery import evidence
from gateway.delivery.rendering import Means
from gateway.storage import cases
from notifiers.policy import policy_settings
from rules.decision import CaseAction, derived_id
from tests.integration.delivery_fixture import (
    a_customer,
    decide,
    execute,
    now_ms,
    resolved,
    rows,
)
from tests.integration.unanswered_fixture import (
    FIELD,
    MINUTE,
    answered_by,
    asked,
    comments,
    entries,
    escalated,
    fired,
    later,
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
