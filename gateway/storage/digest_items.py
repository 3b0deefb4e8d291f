"""What frequency caps refused and the customer's next digest tells. Changed in the customer's turn (see ``turns``)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from gateway.storage.tables import alerts, digest_items


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A refused decision. Times are UTC."""

    customer_id: str
    decision_id: str
    alert_id: str
    purpose: str
    summary: str
    """What the digest says of it."""
    request: dict[str, Any]
    """The contact request that was refused."""
    expires_at: datetime | None
    at: datetime
    """When it was refused."""
    due_at: datetime


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


def _of(due: Due, now: datetime) -> tuple[Any, ...]:
    columns = digest_items.c
    return columns.customer_id == due.customer_id, columns.purpose == due.purpose, columns.due_at <= now
