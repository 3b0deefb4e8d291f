from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert

from gateway.storage import history
from gateway.storage.tables import contacts, messages
from notifiers.policy import Cap, History

HOUR = 3_600_000
DAY = 24 * HOUR
ABOUT = {"customer_id": "mika", "rule_id": "welcome", "alert_id": "a", "decision_id": "now"}


def ago(hours: float) -> datetime:
    return datetime.now(UTC) - timedelta(hours=hours)


def contacted(connection: Connection, name: str, *hours: float, **values: Any) -> None:
    """A contact whose messages were queued so many hours ago."""
    said = {"customer_id": "mika", "rule_id": "welcome", "transition": "firing", "decision_id": name} | values
    customer_id = said["customer_id"]
    channel, purpose = said.pop("channel", "push"), said.pop("purpose", "offers")
    state, sent = said.pop("state", "accepted"), said.pop("sent", None)
    transition = said.pop("transition")
    connection.execute(
        insert(contacts).values(
            id=name, alert_id=name, state="done", request={"transition": transition}, context={}, **said
        )
    )
    for number, each in enumerate(hours):
        connection.execute(
            insert(messages).values(
                id=f"{name}-{number}", contact_id=name, decision_id=said["decision_id"], customer_id=customer_id,
                channel=channel, step=number, address="x", purpose=purpose, template="offer", title="", body="",
                state=state, due_at=ago(each), created_at=ago(each), first_sent_at=None if sent is None else ago(sent),
            )
        )  # fmt: skip


def hours_ago(at_ms: int) -> float:
    return round((time.time() - at_ms / 1000) / 3600, 1)


def of(connection: Connection, **asked: Any) -> History:
    return history.of(connection, **(ABOUT | asked))


def test_the_last_contact_is_looked_for_within_the_cooldown_only(connection: Connection) -> None:
    contacted(connection, "old", 24 * 30)
    contacted(connection, "new", 24 * 4)
    last = of(connection, cooldown_ms=7 * DAY).last_contact_at_ms
    assert last is not None
    assert hours_ago(last) == 96
    assert of(connection, cooldown_ms=DAY).last_contact_at_ms is None
    assert of(connection).last_contact_at_ms is None


def test_what_waited_in_the_outbox_counts_from_when_it_left(connection: Connection) -> None:
    contacted(connection, "late", 30, sent=10)
    last = of(connection, cooldown_ms=DAY).last_contact_at_ms
    assert last is not None
    assert hours_ago(last) == 10


def test_a_cap_counts_each_contact_once_by_its_newest_message(connection: Connection) -> None:
    contacted(connection, "twice", 5, 2)
    contacted(connection, "once", 3)
    (begun,) = of(connection, caps=(Cap(9, DAY),)).begun
    assert [hours_ago(at) for at in begun.at_ms] == [2, 3]


def test_it_reads_no_more_contacts_than_fill_it(connection: Connection) -> None:
    for number in range(1, 6):
        contacted(connection, f"c{number}", number)
    (begun,) = of(connection, caps=(Cap(2, DAY),)).begun
    assert [hours_ago(at) for at in begun.at_ms] == [1, 2]


def test_each_cap_counts_what_concerns_it(connection: Connection) -> None:
    contacted(connection, "offer-push", 1)
    contacted(connection, "offer-sms", 3, channel="sms")
    contacted(connection, "service-push", 5, purpose="service")
    caps = (Cap(9, DAY), Cap(9, DAY, "offers"), Cap(9, DAY, "offers", "sms"), Cap(9, DAY, None, "push"), Cap(9, HOUR))
    counted = {begun.cap: [hours_ago(at) for at in begun.at_ms] for begun in of(connection, caps=caps).begun}
    assert counted == {caps[0]: [1, 3, 5], caps[1]: [1, 3], caps[2]: [3], caps[3]: [1, 5], caps[4]: [1]}


def test_neither_its_own_messages_nor_others_customers_nor_what_was_taken_back_count(connection: Connection) -> None:
    contacted(connection, "own", 1, decision_id="now")
    contacted(connection, "other", 1, customer_id="ken")
    contacted(connection, "back", 1, state="withdrawn")
    contacted(connection, "failed", 1, state="failed")
    contacted(connection, "queued", 2, state="queued")
    (begun,) = of(connection, caps=(Cap(9, DAY),), cooldown_ms=DAY).begun
    assert [hours_ago(at) for at in begun.at_ms] == [2]
