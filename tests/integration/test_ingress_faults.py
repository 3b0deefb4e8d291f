"""The ingress between a real nats-server (broker and log) and a device that repeats: nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from devices.event import Event, Telemetry
from devices.partition import partition_of
from gateway.ingress.broker import Broker
from gateway.ingress.run import Ingress, IngressSettings
from gateway.log import EventLog
from tests.integration.mqtt_device import Device
from tests.integration.nats_fixture import NatsServer, nats_server
from tests.ports import free_port

pytestmark = pytest.mark.stack

PARTITIONS = 4
PATIENCE = 30.0
DEVICES = ["a", "b", "c", "d", "e"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    # NATS sends what a dead ingress left unacknowledged again after ack_wait, not at the reconnection
    with nats_server(tmp_path, ack_wait="2s") as running:
        yield running


def settings(server: NatsServer) -> IngressSettings:
    return IngressSettings(broker=Broker(url=server.mqtt_url), log_url=server.url, partitions=PARTITIONS)


async def until_ready(ingress: Ingress) -> None:
    async with asyncio.timeout(PATIENCE):
        while not ingress.ready:  # noqa: ASYNC110  # readiness is asked for, as a probe does
            await asyncio.sleep(0.01)


@pytest.fixture
async def ingress(server: NatsServer) -> AsyncIterator[Ingress]:
    running, stop = Ingress(settings(server)), asyncio.Event()
    task = asyncio.create_task(running.run(stop))
    await until_ready(running)
    yield running
    stop.set()
    await task


@pytest.fixture
async def event_log(server: NatsServer) -> AsyncIterator[EventLog]:
    opened = await EventLog.connect(server.url, name="test")
    await opened.ensure_streams(PARTITIONS)
    yield opened
    await opened.close()


async def until_logged(event_log: EventLog, device: str, number: int) -> list[Event]:
    """The events of ``device``'s partition, once it holds ``number`` of that device."""
    found: list[Event] = []
    async with asyncio.timeout(PATIENCE), aclosing(event_log.read(partition_of(device, PARTITIONS), 0)) as batches:
        async for group in batches:
            found += [event for batch in group for event in batch.events if getattr(event, "device_id", "") == device]
            if len(found) >= number:
                break
    return found


async def logged(event_log: EventLog) -> list[tuple[str, int]]:
    """Every (device, seq) that stands in the log at this moment, each device's in order."""
    found: list[tuple[str, int]] = []
    for partition in range(PARTITIONS):
        last = await event_log.last_seq(partition)
        if not last:
            continue
        async with asyncio.timeout(PATIENCE), aclosing(event_log.read(partition, 0)) as batches:
            async for group in batches:
                events = [event for batch in group for event in batch.events]
                found += [(event.device_id, event.values["seq"]) for event in events if isinstance(event, Telemetry)]
                if group[-1].seq >= last:
                    break
    return found


async def until_all_logged(event_log: EventLog, expected: set[tuple[str, int]]) -> list[tuple[str, int]]:
    async with asyncio.timeout(PATIENCE):
        while not expected <= set(found := await logged(event_log)):  # noqa: ASYNC110  # the log grows elsewhere
            await asyncio.sleep(0.2)
    return found


def first_sights(found: list[tuple[str, int]], device: str) -> list[int]:
    """The device's sequence numbers in the order in which each came first."""
    return list(dict.fromkeys(seq for name, seq in found if name == device))


@pytest.mark.debian
async def test_what_mosquitto_publishes_stands_in_the_log(
    server: NatsServer, ingress: Ingress, event_log: EventLog
) -> None:
    program = shutil.which("mosquitto_pub")
    assert program is not None
    command = [program, "-p", str(server.mqtt_port), "-q", "1", "-t", "devices/fridge/telemetry", "-m", '{"temp": 9.5}']
    publisher = await asyncio.create_subprocess_exec(*command)
    assert await publisher.wait() == 0
    (event,) = await until_logged(event_log, "fridge", 1)
    assert isinstance(event, Telemetry)
    assert event.values == {"temp": 9.5}


async def test_hostile_payloads_are_set_aside_and_the_next_event_comes_through(
    server: NatsServer, ingress: Ingress, event_log: EventLog
) -> None:
    hostile = {
        "too_large": b'{"n": "' + b"x" * (1 << 20) + b'"}',
        "too_deep": b"[" * 100_000,
        "not_finite": b'{"n": NaN}',
        "number_range": b'{"n": ' + b"9" * 5000 + b"}",
        "nul": b'{"n": "\\u0000"}',
        "lone_surrogate": b'{"n": "\\ud800"}',
        "duplicate_key": b'{"n": 1, "n": 2}',
        "not_utf8": b'{"n": "\xff"}',
        "empty": b"",
        "other_device": b'{"device_id": "somebody", "n": 1}',
    }
    device = Device(server.mqtt_port, ["x"])
    try:
        for payload in hostile.values():
            device.publish_raw("x", payload)
        device.publish(7, 1)
        (event,) = await until_logged(event_log, "x", 1)
    finally:
        device.close()
    assert isinstance(event, Telemetry)
    assert event.values == {"seq": 7}
    async with asyncio.timeout(PATIENCE):
        while await event_log.rejected_count() < len(hostile):  # noqa: ASYNC110  # the log grows elsewhere
            await asyncio.sleep(0.02)
    rejected = await event_log.recent_rejected(100)
    assert {record.reason for record in rejected} == set(hostile)
    assert all(record.source == "mqtt" and record.topic == "devices/x/telemetry" for record in rejected)
    assert all(len(record.payload_preview) <= 4096 for record in rejected)


async def test_what_was_published_while_the_ingress_was_down_comes_when_it_is_back(
    server: NatsServer, event_log: EventLog
) -> None:
    stop = asyncio.Event()
    first = Ingress(settings(server))
    task = asyncio.create_task(first.run(stop))
    await until_ready(first)
    stop.set()
    await task
    device = Device(server.mqtt_port, DEVICES)
    try:
        await asyncio.to_thread(device.publish, 0, 40)
        await asyncio.to_thread(device.wait, 200)
    finally:
        device.close()
    stop.clear()
    task = asyncio.create_task(Ingress(settings(server)).run(stop))
    found = await until_all_logged(event_log, device.acknowledged)
    assert len(found) == 200
    stop.set()
    await task


async def test_kill_9_of_the_server_loses_nothing_acknowledged_and_keeps_each_devices_order(
    server: NatsServer, ingress: Ingress, event_log: EventLog
) -> None:
    device = Device(server.mqtt_port, DEVICES)
    try:
        publishing = asyncio.create_task(asyncio.to_thread(device.publish, 0, 300, pause=0.01))
        for _ in range(3):
            await asyncio.sleep(0.7)
            server.kill()
            await asyncio.to_thread(server.start)
        await publishing
        await asyncio.to_thread(device.wait, 1500)
    finally:
        device.close()
    found = await until_all_logged(event_log, device.acknowledged)
    for name in DEVICES:
        assert first_sights(found, name) == list(range(300))


async def test_kill_9_of_the_ingress_loses_nothing_acknowledged_to_the_device(
    server: NatsServer, event_log: EventLog
) -> None:
    port = free_port()
    process = start_ingress(server, port)
    device = Device(server.mqtt_port, DEVICES)
    try:
        await until_probe(port)  # the broker keeps nothing for a session that was never there
        publishing = asyncio.create_task(asyncio.to_thread(device.publish, 0, 300, pause=0.01))
        for _ in range(3):
            await asyncio.sleep(1.0)
            process.kill()
            process.wait()
            process = start_ingress(server)
        await publishing
        await asyncio.to_thread(device.wait, 1500)
        found = await until_all_logged(event_log, device.acknowledged)
        assert set(found) == {(name, seq) for name in DEVICES for seq in range(300)}
    finally:
        device.close()
        process.kill()
        process.wait()


async def test_sigterm_under_load_ends_the_process_soon_and_loses_nothing(
    server: NatsServer, event_log: EventLog
) -> None:
    port = free_port()
    process = start_ingress(server, port)
    device = Device(server.mqtt_port, DEVICES)
    try:
        await until_probe(port)
        publishing = asyncio.create_task(asyncio.to_thread(device.publish, 0, 300, pause=0.002))
        await until_logged(event_log, DEVICES[0], 20)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 10) == 0
        stored = await logged(event_log)
        assert len(stored) == len(set(stored)) > 0
        process = start_ingress(server)
        await publishing
        await asyncio.to_thread(device.wait, 1500)
        found = await until_all_logged(event_log, device.acknowledged)
        assert len(found) == len(set(found)) == 1500
    finally:
        device.close()
        process.kill()
        process.wait()


def start_ingress(server: NatsServer, probes_port: int | None = None) -> subprocess.Popen[bytes]:
    port = str(probes_port or free_port())
    module = "tests.integration.ingress_program"
    return subprocess.Popen([sys.executable, "-m", module, server.mqtt_url, server.url, str(PARTITIONS), port])


async def until_probe(port: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await asyncio.to_thread(probe, port):  # noqa: ASYNC110  # another process
            await asyncio.sleep(0.05)


def probe(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:  # nobody there yet, or no answer in time
        return False
