"""A backtest over the real log takes the decisions that the live run took."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import nats
import pytest

from devices.event import (
    DeviceChanged,
    DeviceFacts,
    Event,
    Location,
    Millis,
    RulesChanged,
    Status,
    StoreChanged,
    Telemetry,
    Tick,
)
from devices.partition import partition_of
from gateway.log import EventLog
from gateway.past.log_range import LogRange
from gateway.past.past import Chunk, PastError
from gateway.past.registry import Registry
from gateway.past.run import Trial, Tried, run
from gateway.storage.checkpoints import Checkpoint
from gateway.worker.partition import OwnedPartition
from rules.backtest import Backtest
from rules.decision import Decision, Derivation
from rules.document import parse
from tests.integration.nats_fixture import NatsServer, nats_server
from tests.ports import free_port
from tests.unit.rules.story import GINZA, START

pytestmark = pytest.mark.stack

PARTITIONS = 4
FREEZERS = [f"freezer-{n}" for n in range(1, 5)]
RULES = """
rules:
  - {id: warm, when: {metric: t, above: -15, clear_below: -18, for: 3m}, severity: major, repeat_every: 20m}
  - {id: silent, when: {absent_for: 5m}, severity: minor}
  - {id: here, when: {zone: {dwell: 1m, store: any}}, purpose: offers}
  - id: shop
    for_devices: {model: freezer-*}
    when: {group: {by: store, at_least: 3, where: {metric: t, above: -15}}}
    severity: critical
"""


class Live:
    """The workers' part in a few lines: every record is folded as soon as the log has it, and what follows appended."""

    def __init__(self, event_log: EventLog) -> None:
        self._log = event_log
        self._owned = [OwnedPartition(number, Checkpoint(0, 0, None, 0, {})) for number in range(PARTITIONS)]
        self.decisions: list[Decision] = []

    async def append(self, partition: int, *events: Event) -> int:
        seq = await self._log.append(partition, list(events))
        for outcome in self._owned[partition].fold(seq, events):
            if isinstance(outcome, Decision):
                self.decisions.append(outcome)
            elif isinstance(outcome, Derivation):
                everywhere = outcome.key is None
                for number in range(PARTITIONS) if everywhere else [partition_of(outcome.key or "", PARTITIONS)]:
                    await self.append(number, outcome.event)
        return seq

    async def say(self, *events: Telemetry | Status | Location) -> None:
        for event in events:
            await self.append(partition_of(event.device_id, PARTITIONS), event)

    async def everywhere(self, event: Event) -> None:
        for partition in range(PARTITIONS):
            await self.append(partition, event)


def told(decisions: list[Decision]) -> list[tuple[Millis, str, str, str, str]]:
    return sorted((each.at, each.rule_id, each.subject, each.transition, each.severity) for each in decisions)


async def an_hour(live: Live) -> None:
    """Rules, a store, four freezers and a phone; a door stays open, one freezer falls silent, samples come late."""
    await live.everywhere(RulesChanged(START - 1000, "v1", {"r.yaml": RULES}))
    await live.everywhere(StoreChanged(START - 1000, GINZA))
    for name in [*FREEZERS, "phone"]:
        model = "freezer-x" if name in FREEZERS else "phone"
        facts = DeviceFacts(name, model, owner=f"owner-{name}", store="ginza")
        await live.append(partition_of(name, PARTITIONS), DeviceChanged(START - 500, facts))
    for minute in range(60):
        now = START + minute * 60_000
        for place, name in enumerate(FREEZERS):
            if name == "freezer-4" and 20 <= minute < 40:
                continue
            warm = 10 + place <= minute < 30
            late = 200_000 if minute % 7 == place else 0
            await live.say(Telemetry(name, now + place, now + place + late, {"t": -10 if warm else -20}))
        await live.say(Location("phone", now, now + 40, 35.0 if 5 <= minute < 9 else 35.1, 139.0, 5.0))
        for second in range(0, 60, 10):
            await live.everywhere(Tick(now + second * 1000 + 500))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    with nats_server(tmp_path) as running:
        yield running


@pytest.fixture
async def event_log(server: NatsServer) -> AsyncIterator[EventLog]:
    opened = await EventLog.connect(server.url, name="test")
    await opened.ensure_streams(PARTITIONS)
    yield opened
    await opened.close()


async def chunks_of(server: NatsServer, since: Millis, until: Millis | None = None) -> list[Chunk]:
    return await asyncio.to_thread(lambda: list(LogRange(server.url, PARTITIONS, since, until).chunks()))


async def test_over_the_log_it_takes_the_decisions_of_the_live_run(event_log: EventLog, server: NatsServer) -> None:
    live = Live(event_log)
    await an_hour(live)
    backtest = Backtest(parse({"r.yaml": RULES}), partitions=PARTITIONS)
    made = [d for chunk in await chunks_of(server, 0) for d in backtest.feed(*chunk[:3])]
    assert told(made) == told(live.decisions)
    assert {decision.rule_id for decision in made} == {"warm", "silent", "here", "shop"}
    alone = [decision for decision in made if decision.rule_id != "shop"]
    assert [d.id for d in alone] == [d.id for d in live.decisions if d.rule_id != "shop"], "down to the ids"


async def test_a_set_that_means_the_same_differs_in_nothing(event_log: EventLog, server: NatsServer) -> None:
    await an_hour(Live(event_log))
    renamed = parse({"r.yaml": RULES.replace("- {id: warm,", "- {name: another, id: warm,")})
    past = LogRange(server.url, PARTITIONS, 0)
    tried: Tried = await asyncio.to_thread(run, Trial(renamed, parse({"r.yaml": RULES}), registry=Registry()), past)
    assert not tried.report.differs
    assert past.whole
    assert tried.remarks == ()


async def test_begins_and_ends_where_it_is_told_to(event_log: EventLog, server: NatsServer) -> None:
    for at in (1, 2):
        await event_log.append(at, [Tick(at)])
    await asyncio.sleep(0.05)
    middle = time.time_ns() // 1_000_000
    await asyncio.sleep(0.05)
    for at in (3, 4):
        await event_log.append(at % PARTITIONS, [Tick(at)])

    async def seen(since: Millis, until: Millis | None = None) -> list[tuple[int, Millis]]:
        return [
            (chunk.partition, event.at) for chunk in await chunks_of(server, since, until) for event in chunk.events
        ]

    assert await seen(0) == [(1, 1), (2, 2), (3, 3), (0, 4)]
    assert await seen(middle) == [(3, 3), (0, 4)]
    assert await seen(0, middle) == [(1, 1), (2, 2)]
    assert await seen(middle + 60_000) == []


async def test_progress_rises_to_the_end(event_log: EventLog, server: NatsServer) -> None:
    for number in range(300):
        await event_log.append(number % PARTITIONS, [Tick(number)])
    progress = [chunk.progress for chunk in await chunks_of(server, 0)]
    assert progress == sorted(progress)
    assert len(progress) == 300
    assert progress[-1] == 1.0


async def test_a_log_that_reaches_back_less_far_says_since_when(event_log: EventLog, server: NatsServer) -> None:
    for number in range(10):
        await event_log.append(0, [Tick(number)])
    client = await nats.connect(server.url)
    await client.jetstream().purge_stream("KZ_EVENTS", seq=6)
    await client.close()
    past = LogRange(server.url, PARTITIONS, 0)
    events = await asyncio.to_thread(lambda: [event.at for chunk in past.chunks() for event in chunk.events])
    assert events == [5, 6, 7, 8, 9]
    assert "reaches back to" in past.remarks[0]
    assert not past.whole


async def test_records_that_are_none_are_set_aside(event_log: EventLog, server: NatsServer) -> None:
    client = await nats.connect(server.url)
    await client.jetstream().publish("kz.events.0", b"\xc1 no batch")
    await client.close()
    await event_log.append(0, [Tick(7)])
    past = LogRange(server.url, PARTITIONS, 0)
    events = await asyncio.to_thread(lambda: [event.at for chunk in past.chunks() for event in chunk.events])
    assert events == [7]
    assert past.set_aside.count == 1
    assert await event_log.rejected_count() == 0, "that is the workers' to do"


async def test_nothing_of_it_stays_on_the_server(event_log: EventLog, server: NatsServer) -> None:
    await event_log.append(0, [Tick(7)])
    await chunks_of(server, 0)
    client = await nats.connect(server.url)
    assert await client.jetstream().consumers_info("KZ_EVENTS") == []
    await client.close()


async def test_a_log_that_is_away_is_one_clear_error() -> None:
    past = LogRange(f"nats://127.0.0.1:{free_port()}", PARTITIONS, 0)
    past.connect_seconds = 0.5
    with pytest.raises(PastError, match="is `kizashi serve` running"):
        await asyncio.to_thread(lambda: list(past.chunks()))
