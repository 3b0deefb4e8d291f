"""The worker on a real log and a real database: exact decisions over take-over, loss of connection and replay."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest
from sqlalchemy import Connection, Engine, text

from devices.event import DeviceChanged, DeviceFacts, RulesChanged, Telemetry
from devices.partition import partition_of
from gateway.log import EventLog
from gateway.worker import run as worker
from rules.decision import Decision, Intervention
from tests.integration.worker_fixture import PARTITIONS, cut, eventually, read, working

pytestmark = pytest.mark.stack

RULES = {
    "rules.yaml": """
rules:
  - id: hot
    when: {metric: temperature, above: 8, clear_below: 6}
    severity: major
    purpose: maintenance
    then: {case: {queue: cold}}
"""
}
DEVICES = [f"d{number}" for number in range(12)]
T0 = 1_767_225_600_000


async def bring_in(log: EventLog) -> None:
    for partition in range(PARTITIONS):
        await log.append(partition, [RulesChanged(T0, "v1", RULES)])
    for device in DEVICES:
        facts = DeviceFacts(device, owner=f"owner-{device}")
        await log.append(partition_of(device, PARTITIONS), [DeviceChanged(T0, facts)])


async def say(log: EventLog, at: int, temperature: float, devices: list[str] = DEVICES) -> None:
    for device in devices:
        event = Telemetry(device, T0 + at, T0 + at, {"temperature": temperature})
        await log.append(partition_of(device, PARTITIONS), [event])


DECISIONS = "SELECT transition, count(*), count(DISTINCT subject) FROM decisions GROUP BY 1 ORDER BY 1"
FIRED = ("firing", len(DEVICES), len(DEVICES))
RESOLVED = ("resolved", len(DEVICES), len(DEVICES))
OWNED = "SELECT sum(jsonb_array_length(partitions)) FROM workers"


async def test_each_crossing_is_one_decision_one_case_and_one_line_on_the_timeline(
    engine: Engine, log: EventLog
) -> None:
    await bring_in(log)
    async with working(engine, log):
        for at, temperature in ((1000, 5.0), (2000, 9.0), (3000, 9.5), (4000, 4.0)):
            await say(log, at, temperature)
        await eventually(engine, DECISIONS, [FIRED, RESOLVED])
    assert read(engine, "SELECT count(*) FROM cases") == [(len(DEVICES),)]
    kinds = read(engine, "SELECT kind, count(*) FROM timeline GROUP BY 1 ORDER BY 1")
    assert kinds == [("alert", 2 * len(DEVICES)), ("case", 2 * len(DEVICES))]
    assert read(engine, "SELECT DISTINCT state FROM alerts") == [("resolved",)]


async def test_trouble_that_comes_back_belongs_to_the_case_that_is_still_open(engine: Engine, log: EventLog) -> None:
    await bring_in(log)
    async with working(engine, log):
        for at, temperature in ((1000, 5.0), (2000, 9.0), (3000, 4.0), (4000, 9.0)):
            await say(log, at, temperature, DEVICES[:1])
        await eventually(engine, DECISIONS, [("firing", 2, 1), ("resolved", 1, 1)])
        assert read(engine, "SELECT count(*), count(recovered_at) FROM cases") == [(1, 0)]
        with engine.begin() as connection:
            connection.execute(text("UPDATE cases SET state = 'resolved'"))
        await say(log, 5000, 4.0, DEVICES[:1])
        await say(log, 6000, 9.0, DEVICES[:1])
        await eventually(engine, DECISIONS, [("firing", 3, 1), ("resolved", 2, 1)])
    assert read(engine, "SELECT state, count(*) FROM cases GROUP BY 1 ORDER BY 1") == [("open", 1), ("resolved", 1)]


async def test_a_stopped_worker_leaves_a_checkpoint_from_which_the_next_one_goes_on(
    engine: Engine, log: EventLog
) -> None:
    await bring_in(log)
    async with working(engine, log):
        await say(log, 1000, 5.0)
        await say(log, 2000, 9.0)
        await eventually(engine, DECISIONS, [FIRED])
    states = read(engine, "SELECT count(*) FROM subject_states")
    assert states == [(len(DEVICES),)]
    assert read(engine, "SELECT sum(events) FROM partitions") == [(2 * len(DEVICES),)]
    # Only the checkpoint knows that the alerts fire: without it the next reading would fire them again.
    async with working(engine, log):
        await say(log, 3000, 9.5)
        await say(log, 4000, 4.0)
        await eventually(engine, DECISIONS, [FIRED, RESOLVED])
    assert read(engine, "SELECT sum(events) FROM partitions") == [(4 * len(DEVICES),)]


async def test_a_worker_that_never_wrote_a_checkpoint_is_replayed_without_a_second_decision(
    engine: Engine, log: EventLog
) -> None:
    await bring_in(log)
    async with working(engine, log, checkpoint_seconds=60) as _:
        await say(log, 1000, 5.0)
        await say(log, 2000, 9.0)
        await eventually(engine, DECISIONS, [FIRED])
        cut(engine)
        await eventually(engine, "SELECT count(*) FROM partitions", [(0,)])
        await say(log, 3000, 4.0)
        await eventually(engine, DECISIONS, [FIRED, RESOLVED])
    assert read(engine, "SELECT count(*) FROM cases") == [(len(DEVICES),)]


async def test_two_workers_share_the_partitions_and_one_takes_over_from_the_other(
    engine: Engine, log: EventLog
) -> None:
    await bring_in(log)
    shares = "SELECT jsonb_array_length(partitions) FROM workers ORDER BY 1"
    async with working(engine, log), working(engine, log) as second_stop:
        await eventually(engine, shares, [(PARTITIONS // 2,), (PARTITIONS // 2,)])
        await say(log, 1000, 5.0)
        await say(log, 2000, 9.0)
        await eventually(engine, DECISIONS, [FIRED])
        second_stop.set()
        await eventually(engine, shares, [(PARTITIONS,)])
        await say(log, 3000, 4.0)
        await eventually(engine, DECISIONS, [FIRED, RESOLVED])


async def test_connections_cut_again_and_again_lose_nothing_and_repeat_nothing(engine: Engine, log: EventLog) -> None:
    await bring_in(log)
    async with working(engine, log), working(engine, log):
        at = 0
        for _ in range(8):
            for temperature in (5.0, 9.0):
                at += 1000
                await say(log, at, temperature)
            await asyncio.to_thread(cut, engine)
        count = 8 * len(DEVICES)
        wanted = [("firing", count, len(DEVICES)), ("resolved", count - len(DEVICES), len(DEVICES))]
        await eventually(engine, DECISIONS, wanted, within=30)


async def test_what_a_decision_can_not_write_is_set_aside_and_the_partition_moves_on(
    engine: Engine, log: EventLog
) -> None:
    def stumble(_connection: Connection, decision: Decision | Intervention, _now: datetime) -> None:
        if decision.subject == DEVICES[0]:
            raise ValueError("a template that does not render")

    await bring_in(log)
    stop = asyncio.Event()
    running = asyncio.create_task(
        worker.run(
            engine=engine, event_log=log, partitions=PARTITIONS, checkpoint_seconds=0.2, follow=stumble, stop=stop
        )
    )
    await say(log, 1000, 5.0)
    await say(log, 2000, 9.0)
    rest = len(DEVICES) - 1
    await eventually(engine, DECISIONS, [("firing", rest, rest)])
    faults = "SELECT subject, error FROM faults"
    await eventually(engine, faults, [(DEVICES[0], "a template that does not render")])
    stop.set()
    await asyncio.wait_for(running, 20)
