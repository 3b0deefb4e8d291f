"""A message that is on its way when nobody wants it any more, and that its provider then refuses for now."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from gateway.delivery import settlement
from gateway.delivery.rendering import Means
from gateway.delivery.settlement import Asked, Rules, Sent
from gateway.storage import claims
from gateway.storage.messages import Claimed
from notifiers.outcome import NotSent, Retry
from rules.decision import NotifyAction
from tests.integration.delivery_fixture import a_customer, decide, resolved, rows
from tests.integration.unanswered_fixture import answered_by, asked, fired, later, look

pytestmark = pytest.mark.stack

RULES = Rules("me", 5, 30.0)


@pytest.fixture
def means(engine: Engine) -> Means:
    a_customer(engine)
    return asked(engine)


def on_its_way(engine: Engine, channel: str = "push") -> Claimed:
    with engine.begin() as connection:
        (claimed,) = claims.claim(connection, {channel: 1}, owner="me", lease_s=60, at=datetime.now(UTC))
    return claimed


def comes_back(engine: Engine, message: Claimed, outcome: Retry | NotSent) -> None:
    with engine.begin() as connection:
        if isinstance(outcome, Retry):
            settlement.record_sent(connection, Sent(message, "stand-in", outcome), RULES, datetime.now(UTC), 0.5)
        else:
            settlement.record_asked(connection, Asked(message, "stand-in", outcome), RULES, datetime.now(UTC))


def messages(engine: Engine) -> list[tuple[Any, ...]]:
    return rows(engine, "SELECT channel, state, reason FROM messages ORDER BY created_at, step")


@pytest.mark.parametrize("outcome", [Retry("HTTP 503"), NotSent()])
@pytest.mark.parametrize(
    ("what", "reason"),
    [("acknowledge", "acknowledged"), ("snooze", "snoozed"), ("over", "recovered"), ("raised", "raised")],
)
def test_it_is_taken_back_with_the_reason(
    engine: Engine, means: Means, what: str, reason: str, outcome: Retry | NotSent
) -> None:
    first = fired()
    decide(engine, means, first)
    message = on_its_way(engine)
    if what == "over":
        decide(engine, means, resolved(first))
    elif what == "raised":
        decide(engine, means, later(first, "raised", severity="critical"))
    else:
        answered_by(engine, what, first)
    comes_back(engine, message, outcome)
    state = rows(engine, "SELECT state, reason FROM messages WHERE id = :id", id=message.id)
    assert state == [("withdrawn", reason)]


def test_the_next_channel_that_has_begun_meanwhile_stays(engine: Engine, means: Means) -> None:
    decide(engine, means, fired(notify=NotifyAction("alert", ("push", "sms"), escalate_after_ms=900_000)))
    message = on_its_way(engine)
    look(engine, means)
    comes_back(engine, message, Retry("HTTP 503"))
    assert messages(engine) == [("push", "withdrawn", "escalated"), ("sms", "queued", None)]


def test_what_is_still_wanted_is_tried_again(engine: Engine, means: Means) -> None:
    decide(engine, means, fired())
    comes_back(engine, on_its_way(engine), Retry("HTTP 503"))
    assert messages(engine) == [("push", "queued", "HTTP 503")]
