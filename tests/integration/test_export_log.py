"""An export beside a real log: what it gives of a customer's devices, and that it is not all in memory at once."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from devices.event import DeviceChanged, DeviceFacts, Event, Telemetry
from devices.partition import partition_of
from gateway.log import EventLog
from gateway.retention.export_events import Log, document
from gateway.storage import customers, devices
from gateway.storage.customers import Customer
from gateway.storage.devices import Device
from tests.integration.worker_fixture import PARTITIONS

pytestmark = pytest.mark.stack

NOW = datetime.now(UTC)
PHONES = [f"phone-{number}" for number in range(6)]


def at(number: int) -> int:
    return int(NOW.timestamp() * 1000) - 3_600_000 + number


def reading(device_id: str, number: int, value: Any = 1) -> Event:
    return Telemetry(device_id, at(number), at(number), {"steps": number, "value": value})


async def owned(engine: Engine, log: EventLog, *device_ids: str) -> None:
    """The registry knows them as hanako's, and the log too."""
    with engine.begin() as connection:
        customers.put(connection, Customer(id="hanako"))
        for device_id in device_ids:
            devices.put(connection, Device(id=device_id, owner="hanako"))
    for device_id in device_ids:
        said = DeviceChanged(at(0), DeviceFacts(device_id, owner="hanako"))
        await log.append(partition_of(device_id, PARTITIONS), [said])


def pieces(engine: Engine, log: EventLog) -> AsyncIterator[bytes]:
    return document(engine, Log(log, PARTITIONS, "7d"), "hanako", NOW)


async def exported(engine: Engine, log: EventLog) -> dict[str, Any]:
    whole: dict[str, Any] = json.loads(b"".join([piece async for piece in pieces(engine, log)]))
    return whole


async def test_it_has_what_the_devices_of_all_partitions_said_and_ends(engine: Engine, log: EventLog) -> None:
    assert len({partition_of(phone, PARTITIONS) for phone in PHONES}) > 1
    await owned(engine, log, *PHONES)
    for number in range(1, 40):
        for name in (*PHONES, "freezer-1"):
            await log.append(partition_of(name, PARTITIONS), [reading(name, number), reading("somebody-else", number)])
    whole = await exported(engine, log)
    assert whole["event_log"]["complete"]
    for phone in PHONES:
        mine = [event for event in whole["events"] if event["device_id"] == phone]
        assert [event["said"] for event in mine] == ["registered", *["telemetry"] * 39]
        assert [event["values"]["steps"] for event in mine[1:]] == list(range(1, 40))
    assert {event["device_id"] for event in whole["events"]} == set(PHONES)


async def test_a_log_without_anything_is_a_log(engine: Engine, log: EventLog) -> None:
    with engine.begin() as connection:
        customers.put(connection, Customer(id="hanako"))
        devices.put(connection, Device(id="phone-0", owner="hanako"))
    whole = await exported(engine, log)
    assert (whole["events"], whole["event_log"]["complete"]) == ([], True)


async def test_memory_does_not_grow_with_the_log(engine: Engine, log: EventLog) -> None:
    await owned(engine, log, "phone-0")
    partition, big = partition_of("phone-0", PARTITIONS), "x" * 100_000
    for number in range(600):
        await log.append(partition, [reading("phone-0", number, big)])
    size = 0
    tracemalloc.start()
    try:
        async for piece in pieces(engine, log):
            size += len(piece)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size > 60_000_000
    assert peak < size / 3
