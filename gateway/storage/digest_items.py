"""What the customer's next digest tells. Changed in the customer's turn (see ``turns``).

It is what frequency caps refused, and the ends of alerts of which the customer has heard by digest.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, and_, delete, exists, select, update
from sqlalchemy.dialects.postgresql import insert

from gateway.storage.tables import alerts, contacts, digest_items, messages


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A decision that was refused, or that ends what a digest told. Times are UTC."""

    customer_id: str
    decision_id: str
    alert_id: str
    purpose: str
    summary: str
    """What the digest says of it."""
    request: dict[str, Any]
    """The contact request that was refused, or that would tell the end."""
    expires_at: datetime | None
    at: datetime
    """When it was put aside."""
    due_at: datetime

    @property
    def is_end(self) -> bool:
        """Whether it tells that an alert is over."""
        return bool(self.request["transition"] == "resolved")


class Standing(NamedTuple):
    """How an alert stands; see the table ``alerts``. Times are epoch ms."""

    state: str
    ended_by: str | None
    acknowledged_at: int | None
    snoozed_until: int | None
    inhibited_by: str | None


class Due(NamedTuple):
    """Whose digest has to be made."""

    customer_id: str
    purpose: str


_ADD: Final = insert(digest_items).on_conflict_do_nothing(index_elements=["customer_id", "decision_id"])


def add(connection: Connection, item: Item) -> None:
    """Put ``item`` aside; once there it stays as it is."""
    connection.execute(_ADD, msgspec.structs.asdict(item))


def next_due(connection: Connection, purposes: Collection[str], now: datetime) -> Due | None:
    """The digest that has been due longest at ``now``; nothing is locked."""
    if not purposes:
        return None
    row = connection.execute(
        select(digest_items.c.customer_id, digest_items.c.purpose)
        .where(digest_items.c.due_at <= now, digest_items.c.purpose.in_(sorted(purposes)))
        .order_by(digest_items.c.due_at)
        .limit(1)
    ).one_or_none()
    return None if row is None else Due(row.customer_id, row.purpose)


def take(connection: Connection, due: Due, now: datetime) -> list[Item]:
    """Remove what is due at ``now`` and return it, newest first."""
    gone = delete(digest_items).where(*_of(due, now)).returning(digest_items)
    found = [Item(**row) for row in connection.execute(gone).mappings()]
    return sorted(found, key=lambda item: (item.at, item.decision_id), reverse=True)


def postpone(connection: Connection, due: Due, now: datetime, until: datetime) -> None:
    """What is due at ``now`` is due at ``until`` instead."""
    connection.execute(update(digest_items).where(*_of(due, now)).values(due_at=until))


def alerts_of(connection: Connection, alert_ids: Collection[str]) -> dict[str, Standing]:
    """How the alerts stand, by id."""
    found = connection.execute(
        select(
            alerts.c.id,
            alerts.c.state,
            alerts.c.ended_by,
            alerts.c.acknowledged_at,
            alerts.c.snoozed_until,
            alerts.c.inhibited_by,
        ).where(alerts.c.id.in_(alert_ids))
    )
    return {row[0]: Standing(*row[1:]) for row in found}


def heard_of(connection: Connection, alert_ids: Collection[str], customer_id: str, states: Sequence[str]) -> set[str]:
    """Those of the alerts that a digest to the customer tells of, with a message in one of ``states``."""
    found: set[str] = set()
    for alert_id in alert_ids:
        told = exists().where(
            contacts.c.customer_id == customer_id,
            contacts.c.request["digest"].astext == "true",
            contacts.c.context["items"].contains([{"alert_id": alert_id}]),
            messages.c.contact_id == contacts.c.id,
            messages.c.state.in_(states),
        )
        if connection.execute(select(told)).scalar_one():
            found.add(alert_id)
    return found


def firing_again(connection: Connection, alert_ids: Collection[str]) -> set[str]:
    """Those of the alerts after which their rule fires on the same device again."""
    later = alerts.alias()
    query = (
        select(alerts.c.id)
        .join(later, and_(later.c.rule_id == alerts.c.rule_id, later.c.subject == alerts.c.subject))
        .where(alerts.c.id.in_(alert_ids), later.c.id != alerts.c.id, later.c.state == "firing")
    )
    return set(connection.execute(query).scalars())


def _of(due: Due, now: datetime) -> tuple[Any, ...]:
    columns = digest_items.c
    return columns.customer_id == due.customer_id, columns.purpose == due.purpose, columns.due_at <= now
