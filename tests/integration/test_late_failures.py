"""A message turns out to have failed long after its provider took it: the next channel follows where it should."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from gateway.delivery import steps
from gateway.delivery.pacer import Pacer
from gateway.delivery.rendering import Means
from gateway.settings import Settings
from notifiers.policy import policy_settings
from rules.decision import Decision, NotifyAction, derived_id
from tests.integration.delivery_fixture import (
    AT_ALL_HOURS,
    a_customer,
    a_decision,
    decide,
    execute,
    heed,
    means_of,
    now_ms,
    resolved,
    rows,
)

pytestmark = pytest.mark.stack

HOUR = 3_600_000
NOTIFY = NotifyAction("alert", ("push", "sms"))


@pytest.fixture
def means(engine: Engine) -> Means:
    found = means_of(engine, Settings(public_url="https://kizashi.example"))
    return found._replace(policy=policy_settings(dict.fromkeys(AT_ALL_HOURS, "never")))


def told(engine: Engine, means: Means) -> Decision:
    """By push, which its provider has accepted."""
    a_customer(engine)
    first = a_decision(notify=NOTIFY)
    decide(engine, means, first)
    execute(engine, "UPDATE messages SET state = 'accepted', first_sent_at = now()")
    return first


def closed(engine: Engine, means: Means) -> Decision:
    """The same, and the contact is done."""
    first = told(engine, means)
    look(engine, means)
    assert rows(engine, "SELECT state FROM contacts") == [("done",)]
    return first


def look(engine: Engine, means: Means) -> None:
    execute(engine, "UPDATE contacts SET due_at = now() WHERE due_at IS NOT NULL")
    Pacer(engine, means, lambda: datetime.now(UTC), lambda: None).look_once()


def fail_late(engine: Engine, means: Means, first: Decision) -> list[tuple[Any, ...]]:
    """The first push turns out to have failed; returns what goes out by SMS because of it."""
    [(contact_id,)] = rows(engine, "SELECT id FROM contacts WHERE decision_id = :id", id=first.id)
    execute(engine, "UPDATE messages SET state = 'failed' WHERE contact_id = :id", id=contact_id)
    with engine.begin() as connection:
        steps.step_failed(connection, contact_id, 0)
    execute(engine, "UPDATE contacts SET due_at = NULL WHERE id <> :id", id=contact_id)
    look(engine, means)
    return rows(engine, "SELECT state FROM messages WHERE channel = 'sms' AND decision_id = :id", id=first.id)


def later(first: Decision, transition: str, **values: Any) -> Decision:
    made = {"id": derived_id("d", first.id, transition), "alert_id": first.id, "transition": transition}
    return a_decision(**{"notify": NOTIFY, **made, **values})


def test_the_next_channel_is_used_although_the_contact_was_done(engine: Engine, means: Means) -> None:
    assert fail_late(engine, means, closed(engine, means)) == [("queued",)]


@pytest.mark.parametrize("before", [told, closed])
def test_what_a_graver_message_has_replaced_is_not_told_by_another_channel(
    engine: Engine, means: Means, before: Any
) -> None:
    first = before(engine, means)
    decide(engine, means, later(first, "raised", severity="critical"))
    assert fail_late(engine, means, first) == []


@pytest.mark.parametrize("before", [told, closed])
@pytest.mark.parametrize(("action", "until"), [("snooze", HOUR), ("acknowledge", None)])
def test_after_a_persons_word_nobody_is_told_by_another_channel(
    engine: Engine, means: Means, before: Any, action: str, until: int | None
) -> None:
    first = before(engine, means)
    assert heed(engine, first, action, until=None if until is None else now_ms() + until)
    assert fail_late(engine, means, first) == []


@pytest.mark.parametrize("before", [told, closed])
def test_nor_of_what_is_over(engine: Engine, means: Means, before: Any) -> None:
    first = before(engine, means)
    decide(engine, means, resolved(first))
    assert fail_late(engine, means, first) == []


def test_a_snooze_that_is_over_silences_nothing(engine: Engine, means: Means) -> None:
    first = closed(engine, means)
    assert heed(engine, first, "snooze", until=now_ms() - HOUR)
    assert fail_late(engine, means, first) == [("queued",)]


def test_a_word_on_what_was_said_before_leaves_alone_what_was_told_after_it(engine: Engine, means: Means) -> None:
    first = told(engine, means)
    assert heed(engine, first, "acknowledge")
    again = later(first, "repeat", at=now_ms() + HOUR)
    decide(engine, means, again)
    execute(engine, "UPDATE messages SET state = 'accepted' WHERE state = 'queued'")
    execute(engine, "UPDATE contacts SET due_at = NULL WHERE decision_id <> :id", id=again.id)
    look(engine, means)
    assert fail_late(engine, means, again) == [("queued",)]
