"""What the registry says of devices, stores and owners, for a past that does not say it itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError
from sqlalchemy import Connection

from devices.event import DeviceFacts, StoreFacts
from gateway.past.past import PastError
from gateway.storage import customers, devices, rule_sets, stores
from rules.problem import RuleErrors
from rules.rule import Ruleset
from rules.state import ruleset_of

PAGE = 1000

Body = TypeVar("Body", bound=BaseModel)


class Registry(NamedTuple):
    """Devices (with what rules may ask of their owners) and stores."""

    devices: tuple[DeviceFacts, ...] = ()
    stores: tuple[StoreFacts, ...] = ()


NOTHING = Registry()


def from_database(connection: Connection) -> Registry:
    """Everything that is registered now."""
    found: list[DeviceFacts] = []
    cursor = None
    while True:
        page = devices.page(connection, cursor=cursor, limit=PAGE)
        found += customers.device_facts(connection, page.items)
        cursor = page.next
        if cursor is None:
            return Registry(tuple(found), tuple(stores.facts_of_all(connection)))


def devices_in(path: Path) -> tuple[DeviceFacts, ...]:
    """Devices as ``kizashi import devices`` takes them: JSON, JSON Lines or CSV.

    Raises:
        PastError: the file can't be read, or a device in it is wrong.
    """
    from gateway.api.shapes.device import DeviceBody

    return tuple(body.to_device(name).facts(None) for name, body in _rows(path, DeviceBody))


def stores_in(path: Path) -> tuple[StoreFacts, ...]:
    """Stores as ``kizashi import stores`` takes them.

    Raises:
        PastError: the file can't be read, or a store in it is wrong.
    """
    from gateway.api.shapes.store import StoreBody

    return tuple(body.to_store(name).facts for name, body in _rows(path, StoreBody))


def _rows(path: Path, shape: type[Body]) -> Iterator[tuple[str, Body]]:
    from gateway.commands.imports import UnreadableError, read

    try:
        for row in read(path):
            try:
                yield row.id, shape.model_validate(row.body)
            except ValidationError as error:
                first = error.errors()[0]
                field = ".".join(str(part) for part in first["loc"])
                raise PastError(f"{row.place}: {row.id}: {field}: {first['msg']}") from error
    except UnreadableError as error:
        raise PastError(str(error)) from error


def live_rules(connection: Connection) -> Ruleset | None:
    """The newest rule set; ``None`` where there was never one, or this version can't read it any more."""
    newest = rule_sets.newest(connection)
    if newest is None:
        return None
    try:
        return ruleset_of(newest.files)
    except RuleErrors:
        return None
