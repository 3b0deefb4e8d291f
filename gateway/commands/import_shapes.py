"""What each import accepts: the API's own shapes, so that a file and a request are judged alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from pydantic import BaseModel
from sqlalchemy import Connection

from gateway.api.shapes.customer import ConsentsBody, CustomerBody
from gateway.api.shapes.device import DeviceBody, DeviceId
from gateway.api.shapes.plain import Id
from gateway.api.shapes.store import StoreBody
from gateway.storage import consents, customers, devices, stores


class CustomerRow(CustomerBody):
    """A customer, with what they agreed to."""

    consents: ConsentsBody | None = None


class Importable(NamedTuple):
    """How one noun is checked and written."""

    id_type: Any
    shape: type[BaseModel]
    write: Callable[[Connection, str, Any], object]


def _write_customer(connection: Connection, customer_id: str, row: CustomerRow) -> None:
    customers.put(connection, row.to_customer(customer_id))
    if row.consents is not None:
        consents.put(connection, customer_id, row.consents.to_consents())


def _write_device(connection: Connection, device_id: str, row: DeviceBody) -> None:
    devices.put(connection, row.to_device(device_id))


def _write_store(connection: Connection, store_id: str, row: StoreBody) -> None:
    stores.put(connection, row.to_store(store_id))


IMPORTABLE: Final[dict[str, Importable]] = {
    "customers": Importable(Id, CustomerRow, _write_customer),
    "devices": Importable(DeviceId, DeviceBody, _write_device),
    "stores": Importable(Id, StoreBody, _write_store),
}
