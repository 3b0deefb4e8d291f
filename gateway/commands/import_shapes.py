"""What each import accepts: the API's own shapes, so that a file and a request are judged alike."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Final, NamedTuple

from pydantic import AfterValidator, BaseModel
from sqlalchemy import Connection

from gateway.api.shapes.customer import ConsentsBody, CustomerBody
from gateway.api.shapes.device import DeviceBody, DeviceId
from gateway.api.shapes.plain import Id
from gateway.api.shapes.store import StoreBody
from gateway.storage import customers, devices, stores
from gateway.storage.consent_statements import is_to_come, record
from notifiers.channel_names import within


def _was_said(stated: ConsentsBody) -> ConsentsBody:
    if is_to_come(stated.to_consents(), datetime.now(UTC)):
        raise ValueError("`at` is still to come: write when the customer said it, or leave it out")
    return stated


class CustomerRow(CustomerBody):
    """A customer, with what they agreed to."""

    consents: Annotated[ConsentsBody, AfterValidator(_was_said)] | None = None


class Importable(NamedTuple):
    """How one noun is checked and written."""

    id_type: Any
    shape: type[BaseModel]
    write: Callable[[Connection, str, Any], str]
    """Returns what of the row does not hold; empty: it all does."""


def _write_customer(connection: Connection, customer_id: str, row: CustomerRow) -> str:
    """A list without a date may be older than what the customer took back themselves: that stays."""
    customers.put(connection, row.to_customer(customer_id))
    if row.consents is None:
        return ""
    now, stated = datetime.now(UTC), row.consents.to_consents()
    found = record(connection, customer_id, stated, by="import", now=now, undated_is_new=False)
    return ", ".join(f"{purpose} by {within(channel)}" for purpose, channel in found.refused)


def _write_device(connection: Connection, device_id: str, row: DeviceBody) -> str:
    devices.put(connection, row.to_device(device_id))
    return ""


def _write_store(connection: Connection, store_id: str, row: StoreBody) -> str:
    stores.put(connection, row.to_store(store_id))
    return ""


IMPORTABLE: Final[dict[str, Importable]] = {
    "customers": Importable(Id, CustomerRow, _write_customer),
    "devices": Importable(DeviceId, DeviceBody, _write_device),
    "stores": Importable(Id, StoreBody, _write_store),
}
