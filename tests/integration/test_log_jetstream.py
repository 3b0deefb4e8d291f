"""The event log on a real nats-server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import nats
import pytest

from devices.event import Event, Telemetry, Tick
from gateway.log import EventLog, Limits, LogRewoundError, LogUnreachableError, PartitionsChangedError, RejectedRecord
from gateway.log.event_log import MAX_RECORD_BYTES
from tests.integration.nats_fixture import NatsServer, nats_server
from tests.ports import free_port

pytestmark = pytest.mark.stack


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    with nats_server(tmp_path) as running:
        yield running


@pytest.fixture
async def event_log(server: NatsServer) -> AsyncIterator[EventLog]:
    opened = await EventLog.connect(server.url, name="test")
    await opened.ensure_streams(4)
    yield opened
    await opened.close()


async def read_ticks(event_log: EventLog, partition: int, after_seq: int, until: int) -> list[int]:
    """The times of the partition's ticks, up to the one at ``until``."""
    found: list[int] = []
    async with aclosing(event_log.read(partition, after_seq)) as batches:
        async for group in batches:
            found += [event.at for batch in group for event in batch.events if isinstance(event, Tick)]
            if found and found[-1] == until:
                break
    return found


async def test_events_come_back_in_order_from_any_position(event_log: EventLog) -> None:
    seqs = [await event_log.append(1, [Tick(2 * n), Tick(2 * n + 1)]) for n in range(150)]
    await event_log.append(2, [Tick(1_000)])
    assert await read_ticks(event_log, 1, 0, 299) == list(range(300))
    assert await read_ticks(event_log, 1, seqs[99], 299) == list(range(200, 300))
    assert await event_log.last_seq(1) == seqs[-1]
    assert await event_log.last_seq(3) == 0


async def test_a_waiting_reader_gets_what_is_appended_later(event_log: EventLog) -> None:
    reading = asyncio.create_task(read_ticks(event_log, 0, 0, 9))
    for n in range(10):
        await asyncio.sleep(0.01)
        await event_log.append(0, [Tick(n)])
    assert await reading == list(range(10))


async def test_concurrent_appends_to_a_partition_keep_the_order_of_their_calls(event_log: EventLog) -> None:
    await asyncio.gather(*(event_log.append(0, [Tick(n)]) for n in range(200)))
    assert await read_ticks(event_log, 0, 0, 199) == list(range(200))


async def test_a_batch_larger_than_a_record_is_split_and_stays_in_order(event_log: EventLog) -> None:
    text = "x" * (MAX_RECORD_BYTES // 8)
    events: list[Event] = [Telemetry(f"d{n}", n, n, {"text": text}) for n in range(40)]
    last = await event_log.append(0, events)
    found: list[Event] = []
    async with aclosing(event_log.read(0, 0)) as batches:
        async for group in batches:
            found += [event for batch in group for event in batch.events]
            if group[-1].seq == last:
                break
    assert found == events
    assert last > 1


async def test_a_changed_partition_count_is_refused_with_the_mend(server: NatsServer, event_log: EventLog) -> None:
    with pytest.raises(PartitionsChangedError, match=r"made with 4 partitions.*set log\.partitions = 4"):
        await event_log.ensure_streams(8)


async def test_changed_limits_are_brought_to_the_stream(server: NatsServer, event_log: EventLog) -> None:
    await event_log.append(0, [Tick(1)])
    await event_log.ensure_streams(4, Limits(max_age=3600.0, rejected_max_msgs=7))
    client = await nats.connect(server.url)
    events = await client.jetstream().stream_info("KZ_EVENTS")
    rejected = await client.jetstream().stream_info("KZ_REJECTED")
    await client.close()
    assert (events.config.max_age, events.state.messages, rejected.config.max_msgs) == (3600.0, 1, 7)


async def test_an_undecodable_record_is_set_aside_and_the_reader_moves_on(
    server: NatsServer, event_log: EventLog
) -> None:
    await event_log.append(0, [Tick(1)])
    client = await nats.connect(server.url)
    await client.jetstream().publish("kz.events.0", b"\xc1 not a batch")
    await client.close()
    await event_log.append(0, [Tick(2)])
    assert await read_ticks(event_log, 0, 0, 2) == [1, 2]
    assert await read_ticks(event_log, 0, 0, 2) == [1, 2]
    (record,) = await event_log.recent_rejected(10)
    assert (record.source, record.topic, record.reason) == ("log", "kz.events.0#2", "undecodable_record")
    assert record.payload_preview == "\\xc1 not a batch"


async def test_rejected_records_are_counted_and_shown_newest_first(event_log: EventLog) -> None:
    records = [RejectedRecord(n, "mqtt", f"devices/{n}/telemetry", "not_json", "why", "{") for n in range(5)]
    for record in records:
        await event_log.reject(record)
    assert await event_log.rejected_count() == 5
    assert await event_log.recent_rejected(3) == [records[4], records[3], records[2]]


async def test_everything_acknowledged_survives_kills_and_the_reader_skips_nothing(
    server: NatsServer, event_log: EventLog
) -> None:
    acknowledged: list[int] = []

    async def write() -> None:
        for n in range(600):
            await event_log.append(0, [Tick(n)])
            acknowledged.append(n)
            await asyncio.sleep(0.002)

    writing = asyncio.create_task(write())
    reading = asyncio.create_task(read_ticks(event_log, 0, 0, 599))
    for at in (100, 300, 500):
        while len(acknowledged) < at:  # noqa: ASYNC110  # a list has no event to wait for
            await asyncio.sleep(0.005)
        server.kill()
        server.start()
    await asyncio.wait_for(writing, 60)
    assert await asyncio.wait_for(reading, 30) == list(range(600))
    assert await read_ticks(event_log, 0, 0, 599) == list(range(600))


async def test_appends_wait_while_the_server_is_away(server: NatsServer, event_log: EventLog) -> None:
    server.kill()
    appending = asyncio.create_task(event_log.append(0, [Tick(7)]))
    async with asyncio.timeout(20):
        while event_log.reachable:  # noqa: ASYNC110  # the other side of a socket has no event to wait for
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.5)
    assert not appending.done()
    server.start()
    assert await asyncio.wait_for(appending, 20) == 1
    assert await read_ticks(event_log, 0, 0, 7) == [7]


async def test_a_position_behind_the_end_of_the_log_is_an_error_until_the_log_is_moved_past_it(
    event_log: EventLog,
) -> None:
    await event_log.append(0, [Tick(1)])
    with pytest.raises(LogRewoundError, match="read up to record 500 but the log ends at record 1"):
        await read_ticks(event_log, 0, 500, 1)
    await event_log.move_past(500)
    assert await event_log.append(0, [Tick(2)]) == 501
    assert await read_ticks(event_log, 0, 500, 2) == [2]


async def test_an_absent_server_is_named_without_its_password() -> None:
    port = free_port()
    with pytest.raises(LogUnreachableError, match=f"nats://127.0.0.1:{port} can't be reached") as caught:
        await EventLog.connect(f"nats://user:secret@127.0.0.1:{port}", name="test", within=0.5)
    assert "secret" not in str(caught.value)
