"""Devices as the registry knows them. The rules read the log, so each written row waits to be logged."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Boolean, Connection, RowMapping, func, literal_column, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from devices.event import CustomerFacts, DeviceFacts
from gateway.storage import paging, wake
from gateway.storage.paging import Page
from gateway.storage.tables import customers, devices


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A thing that speaks: what it is, whose it is and where it stands."""

    id: str
    model: str = ""
    profile: str = ""
    owner: str | None = None
    """Customer id."""
    store: str | None = None
    tags: list[str] = []
    attributes: dict[str, Any] = {}
    logged: bool = False
    """The rules' log has this version."""
    created_at: datetime | None = None
    updated_at: datetime | None = None

    def facts(self, customer: CustomerFacts | None) -> DeviceFacts:
        """What rules may ask for; ``customer`` is the owner, where the registry has them."""
        return DeviceFacts(
            self.id,
            self.model,
            self.profile,
            self.owner,
            self.store,
            tuple(self.tags),
            dict(self.attributes),
            customer,
        )


_WRITTEN = ("model", "profile", "owner", "store", "tags", "attributes")


def put(connection: Connection, device: Device) -> bool:
    """Write the whole device and wake the inventory feed; true when it is new."""
    if device.owner is not None:
        # Whoever changes the owner at this moment would not see a new device of theirs, and not have it logged anew.
        connection.execute(select(customers.c.id).where(customers.c.id == device.owner).with_for_update(read=True))
    values: dict[str, Any] = {name: getattr(device, name) for name in _WRITTEN} | {"logged": False}
    statement = (
        insert(devices)
        .values(id=device.id, **values)
        .on_conflict_do_update(index_elements=["id"], set_={**values, "updated_at": func.clock_timestamp()})
        # An inserted row has no earlier version: PostgreSQL's own mark of which of the two happened.
        .returning(literal_column("(xmax = 0)", Boolean))
    )
    inserted = bool(connection.execute(statement).scalar_one())
    wake.notify(connection, wake.INVENTORY)
    return inserted


def get(connection: Connection, device_id: str) -> Device | None:
    """The device, or ``None``."""
    row = connection.execute(select(devices).where(devices.c.id == device_id)).mappings().one_or_none()
    return None if row is None else _from_row(row)


def page(
    connection: Connection, *, cursor: str | None = None, limit: int = 50, owner: str | None = None, search: str = ""
) -> Page[Device]:
    """Devices by id; only ``owner``'s, and only those whose id or model contains ``search``, where given.

    Raises:
        CursorError: ``cursor`` is not one that we gave.
    """
    query = select(devices)
    if owner is not None:
        query = query.where(devices.c.owner == owner)
    if search:
        query = query.where(
            or_(devices.c.id.icontains(search, autoescape=True), devices.c.model.icontains(search, autoescape=True))
        )
    return paging.by_id(connection, query, devices.c.id, _from_row, cursor=cursor, limit=limit)


def claim_unlogged(connection: Connection, *, limit: int = 500, device_id: str | None = None) -> list[Device]:
    """Rows that the log does not have yet, locked until this transaction ends.

    The lock is what keeps a device's versions in order: nobody can write, or log, a newer one meanwhile. A sweep over
    all skips rows that somebody else holds; a single device is waited for.
    """
    query = select(devices).where(~devices.c.logged).order_by(devices.c.id).limit(limit)
    if device_id is None:
        query = query.with_for_update(skip_locked=True)
    else:
        query = query.where(devices.c.id == device_id).with_for_update()
    return [_from_row(row) for row in connection.execute(query).mappings()]


def mark_logged(connection: Connection, device_ids: Iterable[str], *, logged: bool = True) -> None:
    """Record that the log has these devices' present rows (or that it may not)."""
    connection.execute(update(devices).where(devices.c.id.in_(list(device_ids))).values(logged=logged))


def owner_changed(connection: Connection, customer_id: str) -> None:
    """Have the customer's devices logged anew, since rules ask for their owner too, and wake the inventory feed."""
    connection.execute(update(devices).where(devices.c.owner == customer_id).values(logged=False))
    wake.notify(connection, wake.INVENTORY)


def _from_row(row: RowMapping) -> Device:
    return Device(**{name: row[name] for name in Device.__struct_fields__})
