"""Rules forget whose a device was once its owner is erased: what workers keep of their state names nobody."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from devices.event import CustomerFacts, DeviceChanged, DeviceFacts, RulesChanged, Telemetry
from devices.partition import partition_of
from gateway.log import EventLog
from gateway.retention.chore import Chore
from gateway.retention.erase import erase
from gateway.settings import Retention
from gateway.storage import customers
from gateway.storage.customers import Customer
from tests.integration.worker_fixture import PARTITIONS, eventually, working
from tests.unit.gateway.retention.past import dumped

pytestmark = pytest.mark.stack

RULES = {
    "rules.yaml": """
rules:
  - id: gold-too-warm
    when: {all: [{metric: temperature, above: 8}, {customer: {attribute: {tier: gold}}}]}
  - id: own
    when: {group: {by: owner, at_least: 1, where: {metric: temperature, above: 8}}}
  - id: too-warm
    when: {metric: temperature, above: 8}
"""
}
T0 = 1_767_225_600_000
NAME = "chiller-1"
PLACE = partition_of(NAME, PARTITIONS)
KEPT = "SELECT count(*) FROM subject_states WHERE position('canary' in encode(state, 'escape')) > 0"
DECISIONS = "SELECT rule_id, transition, customer_id FROM decisions ORDER BY 1, 2"


async def say(log: EventLog, at: int, temperature: float) -> None:
    await log.append(PLACE, [Telemetry(NAME, T0 + at, T0 + at, {"temperature": temperature})])


async def test_states_and_decisions_name_an_erased_owner_no_more(engine: Engine, log: EventLog) -> None:
    with engine.begin() as connection:
        customers.put(connection, Customer(id="canary-person", attributes={"tier": "gold"}))
    for partition in range(PARTITIONS):
        await log.append(partition, [RulesChanged(T0, "v1", RULES)])
    owner = CustomerFacts("UTC", "en", {"tier": "gold", "note": "canary-note"})
    await log.append(PLACE, [DeviceChanged(T0, DeviceFacts(NAME, owner="canary-person", customer=owner))])
    async with working(engine, log):
        await say(log, 1000, 5.0)
        await say(log, 2000, 9.0)
        fired = [(rule, "firing", "canary-person") for rule in ("gold-too-warm", "own", "too-warm")]
        await eventually(engine, DECISIONS, fired)
        await eventually(engine, KEPT, [(2,)])
        erase(engine, "canary-person")
        # The worker does not know yet: what it decides now would name its owner.
        await say(log, 3000, 5.0)
        ended = [("gold-too-warm", "resolved", None), ("too-warm", "resolved", None)]
        await eventually(engine, DECISIONS, ended)
        await log.append(PLACE, [DeviceChanged(T0 + 4000, DeviceFacts(NAME))])
        await say(log, 5000, 9.0)
        await eventually(engine, KEPT, [(1,)])  # the group that was named after them
        await eventually(engine, DECISIONS, [ended[0], ("too-warm", "firing", None), ended[1]])
    Chore(engine, Retention()).look_once()
    with engine.connect() as connection:
        left = [line for line in dumped(connection).splitlines() if "canary" in line]
    assert left == []
