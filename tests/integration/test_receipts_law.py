"""Whatever comes back for a message, in whatever order and how often: never backwards, each once, and no word lost.

Compared with a plain model: the furthest state of a list, and whether a person has answered.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine

from gateway.delivery import evidence
from notifiers.email.reports import Report
from notifiers.sms.status import read_status
from rules.decision import NotifyAction
from tests.integration.delivery_fixture import a_customer, a_decision, decide, execute, means_of, rows
from tests.integration.test_hooks_twilio import SETTINGS

pytestmark = pytest.mark.stack

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ORDER: Final = ("accepted", "failed", "delivered", "read", "clicked")


class Word(NamedTuple):
    """What one event says by the model."""

    state: str
    answered: bool
    """A person or their app did it."""


PUSH = {"delivered": Word("delivered", True), "opened": Word("read", True), "clicked": Word("clicked", True)}
SMS = {
    "sent": Word("accepted", False),
    "delivered": Word("delivered", False),
    "undelivered": Word("failed", False),
    "read": Word("read", True),
    "clicked": Word("clicked", True),
}
EMAIL = {
    "delayed": Word("accepted", False),
    "failed": Word("failed", False),
    "complaint": Word("delivered", False),
    "clicked": Word("clicked", True),
}


def happen(connection: Connection, message_id: str, channel: str, event: str) -> None:
    if event == "clicked":
        assert evidence.click(connection, message_id, NOW)
    elif channel == "push":
        assert evidence.push_ack(connection, message_id, "opened" if event == "opened" else "delivered", NOW)
    elif channel == "sms":
        fields = {"MessageSid": "SM1", "MessageStatus": event, "To": "+819012345678"}
        update = read_status(fields)
        assert update is not None
        assert evidence.sms_status(connection, message_id, update, fields, NOW)
    else:
        reports = {
            "failed": Report("failed", (), "5.2.2"),
            "delayed": Report("delayed", (), "4.4.1"),
            "complaint": Report("complaint", (), "abuse"),
        }
        assert evidence.mail_report(connection, message_id, reports[event], NOW)


def sent(engine: Engine, channel: str) -> str:
    """A message that has left, with more channels to escalate to."""
    a_customer(engine)
    rest = [other for other in ("push", "sms", "email") if other != channel]
    notify = NotifyAction("alert", (channel, *rest), escalate_after_ms=600_000, link="https://shop.example/x")
    decision = a_decision(uuid.uuid4().hex, rule_id=uuid.uuid4().hex, notify=notify)
    decide(engine, means_of(engine, SETTINGS), decision)
    execute(engine, "UPDATE messages SET state = 'accepted', attempts = 1 WHERE decision_id = :id", id=decision.id)
    [(message_id,)] = rows(engine, "SELECT id FROM messages WHERE decision_id = :id", id=decision.id)
    return str(message_id)


@pytest.mark.parametrize(("channel", "words"), [("push", PUSH), ("sms", SMS), ("email", EMAIL)])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_state_never_goes_backwards_and_each_receipt_stands_once(
    engine: Engine, channel: str, words: Mapping[str, Word], data: st.DataObject
) -> None:
    order: Sequence[str] = data.draw(st.lists(st.sampled_from(sorted(words)), min_size=1, max_size=9))
    message_id = sent(engine, channel)
    furthest, answered = "accepted", False
    for event in order:
        with engine.begin() as connection:
            happen(connection, message_id, channel, event)
        furthest = max(furthest, words[event].state, key=ORDER.index)
        answered = answered or words[event].answered
        [(state, contact)] = rows(
            engine,
            "SELECT m.state, c.state FROM messages m JOIN contacts c ON c.id = m.contact_id WHERE m.id = :id",
            id=message_id,
        )
        assert state == furthest
        assert (contact == "acknowledged") == answered
    told = rows(engine, "SELECT status FROM receipts WHERE message_id = :id", id=message_id)
    assert len(told) == len(set(told)) == len(set(order))
    entries = "SELECT count(*) FROM timeline WHERE kind = 'receipt' AND message_id = :id"
    assert rows(engine, entries, id=message_id) == [(len(set(order)),)]
