"""Pages of long lists: the rows after a cursor, and the cursor of the page that follows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar

from sqlalchemy import BigInteger, ColumnElement, Connection, DateTime, RowMapping, Select, tuple_

from gateway.storage import cursors

T = TypeVar("T")


class Page(NamedTuple, Generic[T]):
    """A part of a list. ``next`` is the cursor of the page after, or ``None``."""

    items: list[T]
    next: str | None


def newest_first(
    connection: Connection,
    query: Select[Any],
    key: Sequence[ColumnElement[Any]],
    read: Callable[[RowMapping], T],
    *,
    cursor: str | None,
    limit: int,
) -> Page[T]:
    """The rows of ``query`` from the greatest ``key`` down, or those after ``cursor``.

    Args:
        connection: the database.
        query: what is listed, in no order yet; it selects the columns of ``key``.
        key: a moment, and what tells rows of one moment apart: together they are unique.
        read: makes an item of a row.
        cursor: ``next`` of the page before; ``None``: the first page.
        limit: so many items at the most.

    Raises:
        CursorError: ``cursor`` is not one that we gave.
    """
    if cursor is not None:
        parts = cursors.decode(cursor, len(key))
        last = tuple(_value(column, part) for column, part in zip(key, parts, strict=True))
        query = query.where(tuple_(*key) < last)
    return _page(connection, query.order_by(*(column.desc() for column in key)), key, read, limit)


def by_id(
    connection: Connection,
    query: Select[Any],
    key: ColumnElement[str],
    read: Callable[[RowMapping], T],
    *,
    cursor: str | None,
    limit: int,
) -> Page[T]:
    """The rows of ``query`` by ``key``, their id; else as ``newest_first``.

    Raises:
        CursorError: ``cursor`` is not one that we gave.
    """
    if cursor is not None:
        query = query.where(key > cursors.decode(cursor, 1)[0])
    return _page(connection, query.order_by(key), [key], read, limit)


def _page(
    connection: Connection,
    query: Select[Any],
    key: Sequence[ColumnElement[Any]],
    read: Callable[[RowMapping], T],
    limit: int,
) -> Page[T]:
    # One more than is shown: whether a page follows.
    rows = connection.execute(query.limit(limit + 1)).mappings().all()
    items = [read(row) for row in rows[:limit]]
    if len(rows) <= limit:
        return Page(items, None)
    last = rows[limit - 1]
    return Page(items, cursors.encode(*(_part(last[column]) for column in key)))


def _part(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _value(column: ColumnElement[Any], part: str) -> datetime | int | str:
    if isinstance(column.type, DateTime):
        return cursors.moment(part)
    return cursors.whole_number(part) if isinstance(column.type, BigInteger) else part
