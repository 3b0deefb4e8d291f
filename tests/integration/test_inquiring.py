"""Asking why a rule did not fire, on a real log and a real database beside a worker."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text

from devices.event import DeviceChanged, DeviceFacts, Event, RulesChanged, Telemetry, Tick
from devices.partition import partition_of
from gateway.inquiring import Answer, ask, utc_ms
from gateway.log import EventLog
from gateway.storage import devices, rule_sets
from tests.integration.worker_fixture import PARTITIONS, eventually, working

pytestmark = pytest.mark.stack

RULES = {
    "rules.yaml": """
rules:
  - id: hot
    for_devices: {model: chiller-*}
    when: {metric: temperature, above: 8, for: 10m}
    purpose: maintenance
"""
}
DEVICE = "chiller-1"
PARTITION = partition_of(DEVICE, PARTITIONS)
STRANGER = next(name for name in map("freezer-{}".format, range(20)) if partition_of(name, PARTITIONS) == PARTITION)
FACTS = DeviceFacts(DEVICE, model="chiller-x")
MINUTE = 60_000


def reading(at: int, value: float, device: str = DEVICE) -> Event:
    return Telemetry(device, at, at, {"temperature": value})


async def tell(log: EventLog, *events: Event) -> None:
    for event in events:
        await log.append(PARTITION, [event])


async def asked(engine: Engine, log: EventLog, at: int, rule: str = "hot", device: str = DEVICE) -> Answer:
    return await ask(engine, log, PARTITIONS, rule, device, at)


async def test_the_replay_tells_what_was_missing(engine: Engine, log: EventLog) -> None:
    start = utc_ms() - 60 * MINUTE
    await tell(log, RulesChanged(start, "v", RULES), DeviceChanged(start, FACTS))
    await tell(log, reading(start, 5), reading(start + MINUTE, 9), reading(start + 8 * MINUTE, 9))
    await tell(log, reading(start + 9 * MINUTE, 9, device="chiller-11"), Tick(start + 60 * MINUTE))
    pending = await asked(engine, log, start + 9 * MINUTE)
    assert pending.inquiry.verdict == "pending"
    assert pending.inquiry.explanation["since"] == start + MINUTE
    assert pending.begins_at is None
    assert (await asked(engine, log, start + 11 * MINUTE)).inquiry.verdict == "fires"
    assert (await asked(engine, log, start + 30_000)).inquiry.verdict == "false"
    stranger = await asked(engine, log, start + 9 * MINUTE, device=STRANGER)
    assert (stranger.inquiry.verdict, stranger.device_known) == ("unknown_device", False)
    assert not (await asked(engine, log, start + 9 * MINUTE, rule="cold")).rule_known


async def test_going_on_from_a_checkpoint_tells_the_same(engine: Engine, log: EventLog) -> None:
    now = utc_ms()
    start = now - 9 * MINUTE
    await tell(log, RulesChanged(start, "v", RULES), DeviceChanged(start, FACTS))
    await tell(log, reading(start, 5), reading(start + MINUTE, 9))
    async with working(engine, log, checkpoint_seconds=0.1):
        await eventually(engine, "SELECT count(*) FROM subject_states WHERE subject = 'chiller-1'", [(1,)])
        ticked = f"SELECT count(*) FROM partitions WHERE partition = {PARTITION} AND clock > 0"
        await eventually(engine, ticked, [(1,)])
        quick = await asked(engine, log, utc_ms() + MINUTE)
    whole = await asked_from_the_beginning(engine, log, quick.inquiry.at)
    assert quick.inquiry.own_events == 0, "all of it was in the checkpoint"
    assert whole.inquiry.own_events == 3
    assert quick.inquiry.verdict == "pending"
    assert quick.inquiry.explanation == whole.inquiry.explanation
    assert quick.inquiry.alert == whole.inquiry.alert
    earlier = await asked(engine, log, start + 30_000)
    assert (earlier.inquiry.verdict, earlier.inquiry.own_events) == ("false", 2), "the checkpoint is of later"


async def asked_from_the_beginning(engine: Engine, log: EventLog, at: int) -> Answer:
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM partitions"))
    return await asked(engine, log, at)


async def test_where_the_logs_beginning_is_gone_the_registry_stands_in_and_the_answer_says_so(
    engine: Engine, log: EventLog
) -> None:
    with engine.begin() as connection:
        rule_sets.put(connection, RULES, version="v")
        rule_sets.mark_published(connection, "v")
        devices.put(connection, devices.Device(id=DEVICE, model="chiller-x"))
    now = utc_ms()
    await tell(log, RulesChanged(now, "v", RULES), DeviceChanged(now, FACTS), reading(now - MINUTE, 5))
    await purge(log, keep_from=4)
    assert (await asked(engine, log, now + MINUTE)).inquiry.verdict == "no_such_rule", "nothing is left at all"
    await tell(log, reading(utc_ms(), 5))
    found = await asked(engine, log, utc_ms() + MINUTE)
    assert found.inquiry.verdict == "false"
    assert found.begins_at is not None
    assert abs(found.begins_at - now) < MINUTE
    assert (await asked(engine, log, now - 60 * MINUTE)).inquiry.verdict == "too_long_ago"


async def purge(log: EventLog, keep_from: int) -> None:
    """What retention does in time."""
    await log.move_past(keep_from - 1)


async def test_a_record_that_is_no_batch_is_passed_over(engine: Engine, log: EventLog) -> None:
    start = utc_ms() - 60 * MINUTE
    await tell(log, RulesChanged(start, "v", RULES), DeviceChanged(start, FACTS))
    await log._link.store(f"kz.events.{PARTITION}", b"\xc1 chiller-1", "broken-1")
    await tell(log, reading(start, 5))
    assert (await asked(engine, log, start + MINUTE)).inquiry.verdict == "false"


async def test_the_log_tells_of_its_progress(engine: Engine, log: EventLog) -> None:
    start = utc_ms() - MINUTE
    await tell(log, RulesChanged(start, "v", RULES), *[reading(start + number, 5) for number in range(200)])
    seen: list[tuple[int, int]] = []
    await ask(engine, log, PARTITIONS, "hot", DEVICE, start + MINUTE, lambda done, total: seen.append((done, total)))
    assert seen[-1] == (201, 201)
    assert all(total == 201 for _, total in seen)


async def test_an_empty_partition_is_read_at_once(engine: Engine, log: EventLog) -> None:
    assert await log.first_seq() == 1
    assert [records async for records in log.read_raw(PARTITION)] == []
    assert (await asked(engine, log, utc_ms())).inquiry.verdict == "no_such_rule"
