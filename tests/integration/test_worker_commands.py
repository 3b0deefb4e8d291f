"""A person's word on an alert, from the log through the worker to the row, the timeline and the outbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Literal

import pytest
from sqlalchemy import Engine

from devices.event import AlertCommand, DeviceChanged, DeviceFacts, RulesChanged, Telemetry
from devices.partition import partition_of
from gateway.delivery import means
from gateway.log import EventLog
from gateway.settings import Settings
from gateway.storage import alerts_read
from gateway.storage.alerts_read import Alert
from gateway.worker import run as worker
from notifiers.policy import policy_settings
from tests.integration.delivery_fixture import AT_ALL_HOURS, a_customer
from tests.integration.worker_fixture import PARTITIONS, eventually

pytestmark = pytest.mark.stack

T0 = int(datetime.now(UTC).timestamp() * 1000) - 10_000
RULES = {
    "rules.yaml": """
rules:
  - id: hot
    when: {metric: temperature, above: 8, clear_below: 6}
    steps: [{severity: critical, when: {metric: temperature, above: 12}}]
    purpose: maintenance
    then: {case: {queue: cold}, notify: {template: alert, channels: [push, sms], escalate_after: 15m}}
"""
}
DEVICE = "chiller-1"
PARTITION = partition_of(DEVICE, PARTITIONS)


@asynccontextmanager
async def working(engine: Engine, log: EventLog) -> AsyncIterator[None]:
    """A worker that contacts customers, while the context lasts."""
    with engine.begin() as connection:
        found = means.load(connection, Settings(public_url="https://kizashi.example"))
    equipment = found._replace(policy=policy_settings(dict.fromkeys(AT_ALL_HOURS, "never")))
    stop = asyncio.Event()
    running = asyncio.create_task(
        worker.run(engine=engine, event_log=log, partitions=PARTITIONS, checkpoint_seconds=0.2,
                   follow=means.follow(equipment), stop=stop)
    )  # fmt: skip
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(running, 20)


async def say(log: EventLog, second: int, temperature: float) -> None:
    at = T0 + second * 1000
    await log.append(PARTITION, [Telemetry(DEVICE, at, at, {"temperature": temperature})])


async def command(
    log: EventLog, alert: Alert, second: int, action: Literal["acknowledge", "snooze", "resolve"]
) -> None:
    at = T0 + second * 1000
    await log.append(PARTITION, [AlertCommand(at, DEVICE, "hot", alert.id, action, "front desk", at + 3_600_000)])


def the_alert(engine: Engine) -> Alert:
    with engine.connect() as connection:
        (found,) = alerts_read.page(connection).items
    return found


async def test_a_word_is_kept_over_a_restart_and_everything_that_follows_is_written_once(
    engine: Engine, log: EventLog
) -> None:
    a_customer(engine)
    for partition in range(PARTITIONS):
        await log.append(partition, [RulesChanged(T0, "v1", RULES)])
    await log.append(PARTITION, [DeviceChanged(T0, DeviceFacts(DEVICE, owner="hanako"))])
    async with working(engine, log):
        await say(log, 1, 5.0)
        await say(log, 2, 9.0)
        await eventually(engine, "SELECT state FROM contacts", [("active",)])
        await command(log, the_alert(engine), 3, "acknowledge")
        await eventually(engine, "SELECT state FROM contacts", [("acknowledged",)])
    assert the_alert(engine).acknowledged_by == "front desk"
    async with working(engine, log):
        await command(log, the_alert(engine), 4, "acknowledge")
        await say(log, 5, 13.0)
        await eventually(engine, "SELECT state FROM contacts ORDER BY created_at", [("acknowledged",), ("active",)])
        await command(log, the_alert(engine), 6, "resolve")
        await eventually(engine, "SELECT state, severity FROM alerts", [("resolved", "critical")])
        await say(log, 7, 13.5)
        await say(log, 8, 5.0)
        await say(log, 9, 9.0)
        await eventually(engine, "SELECT count(*) FROM alerts", [(2,)])
    told = (
        "SELECT summary FROM timeline WHERE kind = 'alert' ORDER BY ordinal",
        [
            ("temperature 9 is above 8 on chiller-1",),
            ("Acknowledged by front desk: temperature 9 is above 8 on chiller-1",),
            ("raised to critical: temperature 13 is above 12 on chiller-1",),
            ("hot on chiller-1 was resolved by front desk",),
            ("temperature 9 is above 8 on chiller-1",),
        ],
    )
    await eventually(engine, *told)
    await eventually(engine, "SELECT state, severity FROM cases", [("open", "critical")])
