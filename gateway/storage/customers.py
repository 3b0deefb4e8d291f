"""Customers: who owns things and may be told something."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Boolean, Connection, RowMapping, func, literal_column, or_, select
from sqlalchemy.dialects.postgresql import insert

from devices.event import CustomerFacts, DeviceFacts
from gateway.storage import devices, erasures, paging
from gateway.storage.devices import Device
from gateway.storage.paging import Page
from gateway.storage.tables import customers


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """A person, with the addresses by which they may be reached."""

    id: str
    name: str = ""
    locale: str = "en"
    time_zone: str = "UTC"
    addresses: dict[str, Any] = {}
    """``{"push": [token, …], "sms": "+81…", "email": "…"}``; a channel without an address is left out."""
    preferred_channels: list[str] = []
    attributes: dict[str, Any] = {}
    created_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def facts(self) -> CustomerFacts:
        """What rules may ask for: no name and no address."""
        return CustomerFacts(self.time_zone, self.locale, dict(self.attributes))


_WRITTEN = ("name", "locale", "time_zone", "addresses", "preferred_channels", "attributes")


def put(connection: Connection, customer: Customer) -> bool:
    """Write the whole customer, new or not; true when new.

    Where this changes what rules may ask of the customer, their devices are logged anew.
    """
    values: dict[str, Any] = {name: getattr(customer, name) for name in _WRITTEN}
    before = _locked_facts(connection, customer.id)
    statement = (
        insert(customers)
        .values(id=customer.id, **values)
        .on_conflict_do_update(index_elements=["id"], set_={**values, "updated_at": func.clock_timestamp()})
        # An inserted row has no earlier version: PostgreSQL's own mark of which of the two happened.
        .returning(literal_column("(xmax = 0)", Boolean))
    )
    inserted = bool(connection.execute(statement).scalar_one())
    if inserted:
        erasures.forget(connection, customer.id)
    if before != customer.facts:
        devices.owner_changed(connection, customer.id)
    return inserted


def _locked_facts(connection: Connection, customer_id: str) -> CustomerFacts | None:
    """What rules may ask of the customer, who stays as they are until this transaction ends."""
    row = (
        connection.execute(select(customers).where(customers.c.id == customer_id).with_for_update()).mappings().first()
    )
    return None if row is None else _from_row(row).facts


def device_facts(connection: Connection, found: Iterable[Device]) -> list[DeviceFacts]:
    """What rules may ask of the devices and their owners, in the same order."""
    owned = list(found)
    query = select(customers).where(customers.c.id.in_({device.owner for device in owned if device.owner is not None}))
    owners = {row["id"]: _from_row(row).facts for row in connection.execute(query).mappings()}
    return [device.facts(None if device.owner is None else owners.get(device.owner)) for device in owned]


def get(connection: Connection, customer_id: str) -> Customer | None:
    """The customer, or ``None``."""
    row = connection.execute(select(customers).where(customers.c.id == customer_id)).mappings().one_or_none()
    return None if row is None else _from_row(row)


def page(connection: Connection, *, cursor: str | None = None, limit: int = 50, search: str = "") -> Page[Customer]:
    """Customers by id; with ``search`` those whose id, name, number or mailbox contains it.

    Raises:
        CursorError: ``cursor`` is not one that we gave.
    """
    query = select(customers)
    if search:
        query = query.where(
            or_(
                customers.c.id.icontains(search, autoescape=True),
                customers.c.name.icontains(search, autoescape=True),
                customers.c.addresses["email"].astext.icontains(search, autoescape=True),
                customers.c.addresses["sms"].astext.icontains(search, autoescape=True),
            )
        )
    return paging.by_id(connection, query, customers.c.id, _from_row, cursor=cursor, limit=limit)


def _from_row(row: RowMapping) -> Customer:
    return Customer(**{name: row[name] for name in Customer.__struct_fields__})
