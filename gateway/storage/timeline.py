"""The customer's timeline: every touchpoint, once, in order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, RowMapping, select
from sqlalchemy.dialects.postgresql import insert

from gateway.storage import paging, unread, wake
from gateway.storage.paging import Page
from gateway.storage.tables import timeline

Kind = Literal[
    "event",
    "status",
    "alert",
    "decision",
    "suppression",
    "message",
    "receipt",
    "reply",
    "case",
    "order",
    "call",
    "visit",
    "note",
]


class Entry(msgspec.Struct, frozen=True):
    """One touchpoint. ``id`` comes from what caused it, so writing it again changes nothing."""

    id: str
    customer_id: str
    at: datetime
    """UTC."""
    kind: Kind
    summary: str
    channel: str | None = None
    direction: Literal["in", "out"] | None = None
    device_id: str | None = None
    store_id: str | None = None
    rule_id: str | None = None
    decision_id: str | None = None
    message_id: str | None = None
    case_id: str | None = None
    reason: str | None = None
    detail: dict[str, Any] = {}


def moment(at: int) -> datetime:
    """Milliseconds since the epoch as an aware UTC datetime: an entry's ``at``."""
    return datetime.fromtimestamp(at / 1000, UTC)


_ADD = insert(timeline).on_conflict_do_nothing(index_elements=["id"])


def add(connection: Connection, entries: Iterable[Entry]) -> None:
    """Write ``entries`` in this transaction, in this order; those already there stay as they are."""
    rows = [msgspec.structs.asdict(entry) for entry in entries]
    if not rows:
        return
    unread.add(connection, _write, rows)
    wake.notify(connection, wake.TIMELINE, *sorted({row["customer_id"] for row in rows}))


def _write(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    connection.execute(_ADD, rows)


def page(connection: Connection, customer_id: str, *, cursor: str | None = None, limit: int = 50) -> Page[Entry]:
    """The newest ``limit`` entries, or those after ``cursor``.

    Raises:
        CursorError: ``cursor`` is not one that we gave.
    """
    query = select(timeline).where(timeline.c.customer_id == customer_id)
    key = (timeline.c.at, timeline.c.ordinal)
    return paging.newest_first(connection, query, key, _entry, cursor=cursor, limit=limit)


def _entry(row: RowMapping) -> Entry:
    return Entry(**{field: row[field] for field in Entry.__struct_fields__})
