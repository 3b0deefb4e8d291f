"""Groups over several partitions on a real log and a real database: each word arrives, and is counted once."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import datetime

import pytest
from sqlalchemy import Connection, Engine

from devices.event import (
    AlertChanged,
    DeviceChanged,
    DeviceFacts,
    Event,
    MemberChanged,
    RulesChanged,
    StoreChanged,
    StoreFacts,
    Telemetry,
)
from devices.partition import partition_of
from gateway.log import EventLog, LogError
from rules.decision import Decision, Intervention
from tests.integration.nats_fixture import NatsServer
from tests.integration.worker_fixture import PARTITIONS, cut, eventually, read, working

pytestmark = pytest.mark.stack

RULES = {
    "rules.yaml": """
rules:
  - id: shop-freezers
    when: {group: {by: store, at_least: 3, where: {metric: temperature, above: -15}}}
    then: {case: {queue: cold-chain}}
"""
}
T0 = 1_767_225_600_000
GROUP = "store/ginza"


def on_partition(number: int) -> str:
    """A freezer whose events go to that partition."""
    return next(name for name in map("freezer-{}".format, range(1000)) if partition_of(name, PARTITIONS) == number)


FREEZERS = [on_partition(number) for number in range(PARTITIONS) if number != partition_of(GROUP, PARTITIONS)]
DECISIONS = "SELECT transition, subject, count(*) FROM decisions GROUP BY 1, 2 ORDER BY 1"


class StumblingLog(EventLog):
    """Fails, as for good, the first times that members' words are appended; before or after they are stored."""

    stumbles = 0
    stored_first = False

    async def append(self, partition: int, events: list[Event], *, message_id: str | None = None) -> int:
        stumble = self.stumbles > 0 and any(isinstance(event, MemberChanged) for event in events)
        if stumble:
            self.stumbles -= 1
        if stumble and not self.stored_first:
            raise LogError("the log stumbled")
        seq = await super().append(partition, events, message_id=message_id)
        if stumble:
            raise LogError("the log stumbled once it had them")
        return seq


class ForgetfulLog(EventLog):
    """Does not know what it has stored already, like a server after its two minutes."""

    async def append(self, partition: int, events: list[Event], *, message_id: str | None = None) -> int:
        return await super().append(partition, events)


async def bring_in(log: EventLog) -> None:
    """Three cold freezers of one store, each on another partition, none of them the group's."""
    for partition in range(PARTITIONS):
        await log.append(partition, [RulesChanged(T0, "v1", RULES), StoreChanged(T0, StoreFacts("ginza", "Ginza"))])
    for name in FREEZERS:
        facts = DeviceFacts(name, owner="ann", store="ginza")
        await log.append(partition_of(name, PARTITIONS), [DeviceChanged(T0, facts)])
    await say(log, 1000, -20.0)


async def say(log: EventLog, at: int, temperature: float) -> None:
    for name in FREEZERS:
        event = Telemetry(name, T0 + at, T0 + at, {"temperature": temperature})
        await log.append(partition_of(name, PARTITIONS), [event])


async def test_three_freezers_on_three_partitions_are_one_decision_and_one_case(engine: Engine, log: EventLog) -> None:
    assert len({partition_of(name, PARTITIONS) for name in [*FREEZERS, GROUP]}) == PARTITIONS
    await bring_in(log)
    async with working(engine, log):
        await say(log, 2000, -9.0)
        await eventually(engine, DECISIONS, [("firing", GROUP, 1)])
        await say(log, 3000, -20.0)
        await eventually(engine, DECISIONS, [("firing", GROUP, 1), ("resolved", GROUP, 1)])
    about = "SELECT customer_id, store_id, left(summary, 32) FROM decisions WHERE transition = 'firing'"
    assert read(engine, about) == [("ann", "ginza", "3 of the devices of Ginza: freez")]
    assert read(engine, "SELECT queue, count(*) FROM cases GROUP BY 1") == [("cold-chain", 1)]


async def test_two_workers_tell_each_others_groups(engine: Engine, log: EventLog) -> None:
    await bring_in(log)
    shares = "SELECT jsonb_array_length(partitions) FROM workers ORDER BY 1"
    async with working(engine, log), working(engine, log):
        await eventually(engine, shares, [(PARTITIONS // 2,), (PARTITIONS // 2,)])
        await say(log, 2000, -9.0)
        await eventually(engine, DECISIONS, [("firing", GROUP, 1)])


async def test_workers_cut_off_again_and_again_lose_no_word_and_count_none_twice(engine: Engine, log: EventLog) -> None:
    await bring_in(log)
    async with working(engine, log), working(engine, log):
        for turn in range(1, 4):
            await say(log, turn * 10_000, -9.0)
            await asyncio.to_thread(cut, engine)
            resolved = [("resolved", GROUP, turn - 1)] if turn > 1 else []
            await eventually(engine, DECISIONS, [("firing", GROUP, turn), *resolved], within=30)
            await say(log, turn * 10_000 + 5000, -20.0)
            await asyncio.to_thread(cut, engine)
            await eventually(engine, DECISIONS, [("firing", GROUP, turn), ("resolved", GROUP, turn)], within=30)


@pytest.mark.parametrize("stored_first", [False, True])
async def test_a_worker_that_ends_around_an_append_says_it_again(
    engine: Engine, log: EventLog, nats_server: NatsServer, stored_first: bool
) -> None:
    await bring_in(log)
    stumbling = await StumblingLog.connect(nats_server.url, name="stumbling")
    stumbling.stumbles, stumbling.stored_first = 4, stored_first
    async with working(engine, stumbling, checkpoint_seconds=0.05):
        await say(log, 2000, -9.0)
        await eventually(engine, DECISIONS, [("firing", GROUP, 1)], within=30)
    assert stumbling.stumbles == 0
    await stumbling.close()


async def test_words_that_the_log_stored_twice_are_counted_once(
    engine: Engine, log: EventLog, nats_server: NatsServer
) -> None:
    await bring_in(log)
    forgetful = await ForgetfulLog.connect(nats_server.url, name="forgetful")
    async with working(engine, forgetful, checkpoint_seconds=60):
        await say(log, 2000, -9.0)
        await eventually(engine, DECISIONS, [("firing", GROUP, 1)])
        await say(log, 3000, -20.0)
        await eventually(engine, DECISIONS, [("firing", GROUP, 1), ("resolved", GROUP, 1)])
        await asyncio.to_thread(cut, engine)  # no checkpoint was written: all is folded and said again
        await say(log, 4000, -9.0)
        await eventually(engine, DECISIONS, [("firing", GROUP, 2), ("resolved", GROUP, 1)], within=30)
    await forgetful.close()
    words, last = 0, await log.last_seq(partition_of(GROUP, PARTITIONS))
    async with aclosing(log.read(partition_of(GROUP, PARTITIONS), 0)) as reading:
        async for batches in reading:
            words += sum(isinstance(event, MemberChanged) for batch in batches for event in batch.events)
            if batches[-1].seq >= last:
                break
    assert words > 3 * len(FREEZERS)


async def test_while_the_log_is_away_nothing_is_lost_and_nothing_stands_still_for_ever(
    engine: Engine, log: EventLog, nats_server: NatsServer
) -> None:
    await bring_in(log)
    async with working(engine, log, checkpoint_seconds=0.05):
        await say(log, 2000, -9.0)
        nats_server.kill()
        await asyncio.sleep(0.5)
        nats_server.start()
        await eventually(engine, DECISIONS, [("firing", GROUP, 1)], within=30)


STORE_RULES = {
    "rules.yaml": """
rules:
  - {id: gateway-down, for_devices: {model: gateway}, when: {metric: up, equals: false}}
  - id: too-warm
    for_devices: {model: freezer}
    when: {metric: temperature, above: -15}
    inhibited_by: [{rule: gateway-down, same: store}]
"""
}
FIRED = "SELECT rule_id, count(*) FROM decisions GROUP BY 1 ORDER BY 1"


async def test_a_gateway_that_is_down_speaks_for_its_store_on_every_partition(engine: Engine, log: EventLog) -> None:
    gateway = on_partition(partition_of(GROUP, PARTITIONS))
    for partition in range(PARTITIONS):
        await log.append(partition, [RulesChanged(T0, "v1", STORE_RULES), StoreChanged(T0, StoreFacts("ginza"))])
    for name in [*FREEZERS, gateway]:
        facts = DeviceFacts(name, "gateway" if name == gateway else "freezer", store="ginza")
        await log.append(partition_of(name, PARTITIONS), [DeviceChanged(T0, facts)])
    await say(log, 1000, -20.0)
    for at, working_well in ((1000, True), (2000, False)):
        event = Telemetry(gateway, T0 + at, T0 + at, {"up": working_well})
        await log.append(partition_of(gateway, PARTITIONS), [event])
    async with working(engine, log):
        await eventually(engine, FIRED, [("gateway-down", 1)])
        for partition in range(PARTITIONS):
            word = await word_on_the_gateway(log, partition)
            folded = f"SELECT seq >= {word} FROM partitions WHERE partition = {partition}"
            await eventually(engine, folded, [(True,)])
    # The word is in the checkpoints: the next worker knows it.
    made: list[str | None] = []

    def keep(_connection: Connection, outcome: Decision | Intervention, _now: datetime) -> None:
        assert isinstance(outcome, Decision)
        made.append(outcome.inhibited_by)

    async with working(engine, log, follow=keep):
        await say(log, 3000, -9.0)
        await eventually(engine, FIRED, [("gateway-down", 1), ("too-warm", len(FREEZERS))])
    assert made == ["gateway-down"] * len(FREEZERS)


async def word_on_the_gateway(log: EventLog, partition: int) -> int:
    """Where it stands in the partition's log, once it does."""
    async with asyncio.timeout(30), aclosing(log.read(partition, 0)) as reading:
        async for batches in reading:
            for batch in batches:
                if any(isinstance(event, AlertChanged) for event in batch.events):
                    return batch.seq
    raise AssertionError("the log ended")
