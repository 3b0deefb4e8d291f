"""What becomes of contacts while an alert lives: acknowledged, snoozed, raised, inhibited, ended by a person."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from gateway.delivery.rendering import Means
from gateway.settings import Settings
from notifiers.policy import policy_settings
from rules.decision import Decision, NotifyAction, derived_id
from tests.integration.delivery_fixture import (
    AT_ALL_HOURS,
    a_customer,
    a_decision,
    decide,
    heed,
    means_of,
    now_ms,
    resolved,
    rows,
)

pytestmark = pytest.mark.stack

NIGHT = datetime(2026, 3, 3, 23, 0, tzinfo=UTC)
NOTIFY = NotifyAction("alert", ("push", "sms", "email"), escalate_after_ms=900_000)


@pytest.fixture
def means(engine: Engine) -> Means:
    found = means_of(engine, Settings(public_url="https://kizashi.example"))
    return found._replace(policy=policy_settings(dict.fromkeys(AT_ALL_HOURS, "never")))


def fired(**values: Any) -> Decision:
    return a_decision(notify=NOTIFY, **values)


def later(first: Decision, transition: str, **values: Any) -> Decision:
    """Another decision of the same episode."""
    made = {"id": derived_id("d", first.id, transition), "alert_id": first.id, "transition": transition}
    return a_decision(**{"notify": NOTIFY, **made, **values})


def contacts(engine: Engine) -> list[tuple[Any, ...]]:
    return rows(engine, "SELECT state, due_at IS NULL FROM contacts ORDER BY created_at")


def reasons(engine: Engine, kind: str) -> list[tuple[Any, ...]]:
    return rows(engine, "SELECT reason, summary FROM timeline WHERE kind = :kind AND reason IS NOT NULL", kind=kind)


def test_taking_notice_stops_the_escalation_and_takes_back_what_is_queued(engine: Engine, means: Means) -> None:
    a_customer(engine)
    first = fired()
    decide(engine, means, first)
    assert contacts(engine) == [("active", False)]
    assert heed(engine, first, "acknowledge")
    assert contacts(engine) == [("acknowledged", True)]
    assert rows(engine, "SELECT channel, state, reason FROM messages") == [("push", "withdrawn", "acknowledged")]
    assert reasons(engine, "decision") == [("acknowledged", "No further channel is tried: acknowledged by mika")]


def test_what_is_held_for_the_morning_is_withdrawn(engine: Engine, means: Means) -> None:
    a_customer(engine)
    by_night = means._replace(policy=policy_settings({"maintenance": "21:00-08:00"}))
    first = fired(severity="warning", at=int(NIGHT.timestamp() * 1000))
    decide(engine, by_night, first, at=NIGHT)
    assert contacts(engine) == [("held", False)]
    heed(engine, first, "snooze", until=now_ms() + 3_600_000)
    assert contacts(engine) == [("withdrawn", True)]
    assert reasons(engine, "decision") == [("snoozed", "The held message was withdrawn: snoozed by mika")]


def test_the_same_word_again_leaves_alone_what_came_after_it(engine: Engine, means: Means) -> None:
    a_customer(engine)
    first = fired()
    decide(engine, means, first)
    heed(engine, first, "acknowledge")
    decide(engine, means, later(first, "raised", severity="critical"))
    assert not heed(engine, first, "acknowledge")
    assert contacts(engine) == [("acknowledged", True), ("active", False)]


def test_being_raised_is_told_instead_of_what_was_on_its_way(engine: Engine, means: Means) -> None:
    a_customer(engine)
    first = fired()
    decide(engine, means, first, later(first, "raised", severity="critical"))
    assert contacts(engine) == [("done", True), ("active", False)]
    assert rows(engine, "SELECT state, reason FROM messages ORDER BY created_at, state DESC") == [
        ("withdrawn", "raised"), ("queued", None)
    ]  # fmt: skip


def test_where_the_policy_refuses_the_rise_the_first_contact_goes_on(engine: Engine, means: Means) -> None:
    a_customer(engine)
    first = fired(cooldown_ms=3_600_000)
    decide(engine, means, first, later(first, "raised", severity="critical", cooldown_ms=3_600_000))
    assert contacts(engine) == [("active", False)]
    assert [reason for reason, _ in reasons(engine, "suppression")] == ["cooldown"]


def test_an_inhibited_alert_contacts_nobody_and_names_the_rule_that_speaks_for_it(engine: Engine, means: Means) -> None:
    a_customer(engine)
    first = fired(inhibited_by="device-offline")
    decide(engine, means, first)
    assert contacts(engine) == []
    assert reasons(engine, "suppression") == [
        ("inhibited", "Nobody is told: the alert of rule device-offline on chiller-1 speaks for this one.")
    ]
    decide(engine, means, later(first, "repeat"))
    assert contacts(engine) == [("active", False)]


def test_a_snoozed_rise_contacts_nobody(engine: Engine, means: Means) -> None:
    a_customer(engine)
    first = fired()
    decide(engine, means, first)
    heed(engine, first, "snooze", until=1_767_232_800_000)
    decide(engine, means, later(first, "raised", severity="critical", snoozed_until=1_767_232_800_000))
    assert reasons(engine, "suppression") == [
        ("snoozed", "Nobody is told: the alert is snoozed until 2026-01-01 02:00 UTC.")
    ]
    assert contacts(engine) == [("done", True)]


@pytest.mark.parametrize("ended_by", ["time", "mika", "withdrawn"])
def test_only_a_recovery_is_an_all_clear(engine: Engine, means: Means, ended_by: str) -> None:
    a_customer(engine)
    first = fired()
    decide(engine, means, first)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE messages SET state = 'accepted'")
    decide(engine, means, resolved(first, notify=None, ended_by=ended_by))
    assert contacts(engine) == [("done", True)]
    assert rows(engine, "SELECT count(*) FROM messages") == [(1,)]
    assert [reason for reason, _ in reasons(engine, "decision")] == ["ended"]


def test_what_was_only_a_moment_is_told_to_the_end(engine: Engine, means: Means) -> None:
    a_customer(engine)
    first = fired()
    decide(engine, means, first, resolved(first, notify=None, ended_by="passed"))
    assert contacts(engine) == [("active", False)]
    assert rows(engine, "SELECT state FROM messages") == [("queued",)]
