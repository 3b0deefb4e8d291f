"""Chores: what is done by the calendar, who does it at this moment, and when it was last done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, select, text
from sqlalchemy.dialects.postgresql import insert

from gateway.storage.tables import chores

CLASS: Final = 0x6B7A06
"""First half of the lock's key; the chore is the other."""
_TRY: Final = text("SELECT pg_try_advisory_lock(:class, hashtext(:chore))")
_LEAVE: Final = text("SELECT pg_advisory_unlock(:class, hashtext(:chore))")


class Done(NamedTuple):
    """When a chore was last done to its end."""

    at: datetime
    report: dict[str, Any]


def last(connection: Connection, chore: str) -> Done | None:
    """When ``chore`` was last done, or ``None``."""
    row = connection.execute(select(chores.c.done_at, chores.c.report).where(chores.c.id == chore)).one_or_none()
    return None if row is None else Done(row.done_at, row.report)


def done(connection: Connection, chore: str, at: datetime, report: dict[str, Any]) -> None:
    """Record that ``chore`` was done at ``at`` (UTC)."""
    values = {"done_at": at, "report": report}
    statement = insert(chores).values(id=chore, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values))


@contextmanager
def alone(connection: Connection, chore: str) -> Iterator[bool]:
    """Whether nobody else does ``chore``; then nobody begins it until the block ends, over commits.

    The lock is the session's: a process that dies leaves it. Nothing may be under way on ``connection`` at the ends.
    """
    mine: bool = connection.execute(_TRY, {"class": CLASS, "chore": chore}).scalar_one()
    connection.commit()
    try:
        yield mine
    finally:
        if mine and not connection.invalidated:
            connection.rollback()
            connection.execute(_LEAVE, {"class": CLASS, "chore": chore})
            connection.commit()
