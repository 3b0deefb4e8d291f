"""What the event log still holds of a customer's devices: the last part of their export.

The log says itself whose a device was at each moment (``DeviceChanged``), so that nobody is given what another owner's
device said before it was theirs. Of a device that was last written before the log begins, the owner was the same all
the time. Where neither says it, the event is left out: better less than somebody else's.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, Protocol

import msgspec
from sqlalchemy import Engine, select

from devices.event import (
    DeviceChanged,
    DeviceEvent,
    DeviceFacts,
    Location,
    Millis,
    Status,
    Telemetry,
    decode_batch,
)
from devices.partition import partition_of
from gateway.log import LogError, Record
from gateway.retention import export
from gateway.storage.tables import devices

PATIENCE_SECONDS: Final = 30.0
"""How long the log may be silent meanwhile."""
BREATH: Final = 8
"""Records that are looked through at a stretch: the loop serves others too."""
FEW: Final = 50
"""So many devices are looked for in a record before it is decoded."""

_SAID: Final[Mapping[type, str]] = {
    Telemetry: "telemetry",
    Status: "status",
    Location: "location",
    DeviceEvent: "event",
    DeviceChanged: "registered",
}
_OURS: Final = Telemetry | Status | Location | DeviceEvent | DeviceChanged


class History(Protocol):
    """What is wanted of the event log (``gateway.log.EventLog``)."""

    def read_raw(self, partition: int, after_seq: int = 0) -> AsyncGenerator[list[Record], None]:
        """Yield a partition's records up to its present end."""
        ...


class Log(NamedTuple):
    """The event log, and what is to be said of it."""

    history: History | None
    partitions: int
    kept: str
    """The setting ``retention.events``."""
    why_not: str = ""
    """Where there is no ``history``."""
    on_gap: Callable[[str], None] = lambda _why: None
    """Told where the document goes without events, or without some, that should be in it."""


async def document(engine: Engine, log: Log, customer_id: str, now: datetime) -> AsyncIterator[bytes]:
    """The whole document in pieces, with the events; some records of the log are in memory at a time."""
    recorded = export.recorded(engine, customer_id, now)
    while (piece := await asyncio.to_thread(next, recorded, None)) is not None:
        yield piece
    owned = await asyncio.to_thread(_devices, engine, customer_id)
    yield b',\n"events": ['
    before, why_not = b"\n", log.why_not
    if log.history is not None:
        try:
            async with contextlib.aclosing(_events(log.history, log.partitions, owned, customer_id)) as found:
                async for event in found:
                    yield before + msgspec.json.encode(event)
                    before = b",\n"
        except LogError as error:
            why_not = f"the log can't be read ({error})"
        except TimeoutError:
            why_not = f"the log did not answer for {PATIENCE_SECONDS:g} seconds"
    if why_not:
        log.on_gap(why_not)
    yield b"]" + export.about_the_log(log.kept, sorted(owned), why_not) + b"\n}\n"


def _devices(engine: Engine, customer_id: str) -> dict[str, Millis]:
    """The customer's devices, and when each row was last written."""
    with engine.connect() as connection:
        rows = connection.execute(select(devices.c.id, devices.c.updated_at).where(devices.c.owner == customer_id))
        return {row.id: int(row.updated_at.timestamp() * 1000) for row in rows}


async def _events(
    history: History, partitions: int, owned: Mapping[str, Millis], customer_id: str
) -> AsyncGenerator[dict[str, Any], None]:
    """One partition after the other, each in the log's order.

    Raises:
        LogError: the log can't be read.
        TimeoutError: it does not answer.
    """
    by_partition: dict[int, dict[str, Millis]] = {}
    for device_id, written_at in sorted(owned.items()):
        by_partition.setdefault(partition_of(device_id, partitions), {})[device_id] = written_at
    for partition, here in sorted(by_partition.items()):
        theirs: dict[str, bool] | None = None
        wanted = [device_id.encode() for device_id in here] if len(here) <= FEW else [b""]
        done = 0
        async with contextlib.aclosing(history.read_raw(partition)) as arriving:
            while (records := await _next(arriving)) is not None:
                for record in records:
                    if theirs is None:
                        theirs = {device_id: written_at < record.at for device_id, written_at in here.items()}
                    done += 1
                    if done % BREATH == 0:
                        await asyncio.sleep(0)
                    if any(name in record.data for name in wanted):
                        for event in _theirs_in(record, theirs, customer_id):
                            yield event


def _theirs_in(record: Record, theirs: dict[str, bool], customer_id: str) -> list[dict[str, Any]]:
    """What the customer's devices said in ``record``; ``theirs`` (by device: whether it is) is kept up to date."""
    try:
        events = decode_batch(record.data)
    except msgspec.DecodeError:
        return []  # the worker has set it aside
    found = []
    for event in events:
        if not isinstance(event, _OURS) or event.device_id not in theirs:
            continue
        if isinstance(event, DeviceChanged):
            theirs[event.device_id] = event.facts.owner == customer_id
        if theirs[event.device_id]:
            found.append(_told(event))
    return found


def _told(event: Telemetry | Status | Location | DeviceEvent | DeviceChanged) -> dict[str, Any]:
    row: dict[str, Any] = {"said": _SAID[type(event)], "device_id": event.device_id}
    for name, value in msgspec.structs.asdict(event).items():
        if name in ("at", "received_at"):
            row[name] = datetime.fromtimestamp(value / 1000, UTC)
        elif isinstance(value, DeviceFacts):
            facts = msgspec.structs.asdict(value)
            row |= {key: each for key, each in facts.items() if key not in ("id", "owner", "customer")}
            row["customer"] = None if value.customer is None else msgspec.structs.asdict(value.customer)
        else:
            row[name] = value
    return row


async def _next(arriving: AsyncIterator[list[Record]]) -> list[Record] | None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await anext(arriving, None)
