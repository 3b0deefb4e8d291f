"""Stores and their geofences. The rules read the log, so each written row waits to be logged."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Boolean, Connection, RowMapping, func, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert

from devices.event import StoreFacts
from gateway.storage import paging, wake
from gateway.storage.paging import Page
from gateway.storage.tables import stores


class Store(msgspec.Struct, frozen=True, kw_only=True):
    """A place of business."""

    id: str
    name: str = ""
    geofence: dict[str, Any] = {}
    """``{"lat","lon","radius"}`` (metres) or a GeoJSON Polygon/MultiPolygon (lon, lat order)."""
    tags: list[str] = []
    opening_hours: dict[str, list[str]] = {}
    time_zone: str = "UTC"
    logged: bool = False
    """The rules' log has this version."""
    created_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def facts(self) -> StoreFacts:
        """What rules may ask for."""
        return StoreFacts(
            self.id, self.name, dict(self.geofence), tuple(self.tags), dict(self.opening_hours), self.time_zone
        )


_WRITTEN = ("name", "geofence", "tags", "opening_hours", "time_zone")


def put(connection: Connection, store: Store) -> bool:
    """Write the whole store and wake the inventory feed; true when it is new."""
    values: dict[str, Any] = {name: getattr(store, name) for name in _WRITTEN} | {"logged": False}
    statement = (
        insert(stores)
        .values(id=store.id, **values)
        .on_conflict_do_update(index_elements=["id"], set_={**values, "updated_at": func.clock_timestamp()})
        # An inserted row has no earlier version: PostgreSQL's own mark of which of the two happened.
        .returning(literal_column("(xmax = 0)", Boolean))
    )
    inserted = bool(connection.execute(statement).scalar_one())
    wake.notify(connection, wake.INVENTORY)
    return inserted


def get(connection: Connection, store_id: str) -> Store | None:
    """The store, or ``None``."""
    row = connection.execute(select(stores).where(stores.c.id == store_id)).mappings().one_or_none()
    return None if row is None else _from_row(row)


def page(connection: Connection, *, cursor: str | None = None, limit: int = 50) -> Page[Store]:
    """Stores by id.

    Raises:
        CursorError: ``cursor`` is not one that we gave.
    """
    query = select(stores)
    return paging.by_id(connection, query, stores.c.id, _from_row, cursor=cursor, limit=limit)


def facts_of_all(connection: Connection) -> list[StoreFacts]:
    """What rules may ask of every store, in order of id."""
    return [_from_row(row).facts for row in connection.execute(select(stores).order_by(stores.c.id)).mappings()]


def claim_unlogged(connection: Connection, *, limit: int = 100, store_id: str | None = None) -> list[Store]:
    """Rows that the log does not have yet, locked until this transaction ends (see ``devices.claim_unlogged``)."""
    query = select(stores).where(~stores.c.logged).order_by(stores.c.id).limit(limit)
    if store_id is None:
        query = query.with_for_update(skip_locked=True)
    else:
        query = query.where(stores.c.id == store_id).with_for_update()
    return [_from_row(row) for row in connection.execute(query).mappings()]


def mark_logged(connection: Connection, store_ids: Iterable[str], *, logged: bool = True) -> None:
    """Record that every partition's log has these stores' present rows (or that it may not)."""
    connection.execute(update(stores).where(stores.c.id.in_(list(store_ids))).values(logged=logged))


def _from_row(row: RowMapping) -> Store:
    return Store(**{name: row[name] for name in Store.__struct_fields__})
