"""A worker that is stopped, not dead, loses its partitions, and does no harm when it wakes."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from devices.partition import partition_of
from gateway.worker.ownership import SILENT_SECONDS
from tests.acceptance import outside
from tests.acceptance.machine_model import ABOVE, CLEAR_BELOW, Expected, Sample, expected_decisions
from tests.acceptance.rig import Rig, eventually, rig

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

RULES = f"""
rules:
  - id: too-warm
    for_devices: {{model: chiller-*}}
    when: {{metric: temperature, above: {ABOVE}, clear_below: {CLEAR_BELOW}}}
    severity: critical
    purpose: safety
    then:
      case: {{queue: cold-chain}}
"""
PARTITIONS = 4
DECIDED_SECONDS = SILENT_SECONDS + 60
"""Also where a partition's owner has to be found silent first."""
DEVICES = [f"chiller-{number}" for number in range(12)]
BACKENDS = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND pid = %s AND granted"


class Household:
    """Sends readings of all devices, and knows what must have been decided about them."""

    def __init__(self, gateway: Rig) -> None:
        self._gateway = gateway
        self._sent: dict[str, list[Sample]] = {device: [] for device in DEVICES}
        self._at = time.time_ns() // 1_000_000

    def say(self, *temperatures: float) -> None:
        """One reading after the other, of every device."""
        for temperature in temperatures:
            self._at = max(self._at + 1, time.time_ns() // 1_000_000)
            for samples in self._sent.values():
                samples.append(Sample(self._at, temperature))
            items = [
                {"device_id": device, "ts": self._at, "values": {"temperature": temperature}} for device in DEVICES
            ]
            with self._gateway.api() as api:
                assert api.post("/v1/events", json=items).json()["accepted"] == len(DEVICES)

    @property
    def count(self) -> int:
        """Events sent."""
        return sum(map(len, self._sent.values()))

    def expected(self) -> Counter[Expected]:
        """Every decision, once."""
        return Counter(made for device, samples in self._sent.items() for made in expected_decisions(device, samples))

    def decided(self) -> Counter[Expected]:
        """What stands in the database."""
        rows = self._gateway.query("SELECT subject, transition, at FROM decisions")
        return Counter(Expected(*row) for row in rows)

    def all_decided(self) -> None:
        """Wait for the expected decisions; there must be no others."""
        wanted = self.expected()
        eventually(lambda: self.decided() >= wanted, within=DECIDED_SECONDS, what="all decisions")
        assert self.decided() == wanted


@pytest.fixture
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    settings = {"KIZASHI_WORKER__PROCESSES": "2", "KIZASHI_LOG__PARTITIONS": str(PARTITIONS)}
    with rig(tmp_path_factory.mktemp("take-over"), RULES, settings) as running:
        outside.rules_are_in_force(running)
        for device in DEVICES:
            outside.machine(running, device)
        eventually(lambda: len(owners(running)) == 2, within=120, what="two workers with partitions each")
        yield running


def owners(gateway: Rig) -> dict[int, dict[str, Any]]:
    """The workers that own partitions, by process id."""
    rows = gateway.query("SELECT process_id, backend_pid, partitions FROM workers")
    return {row[0]: {"backend": row[1], "partitions": set(row[2])} for row in rows if row[2]}


def test_a_stopped_owner_is_replaced_and_commits_nothing_when_it_wakes(gateway: Rig) -> None:
    household = Household(gateway)
    household.say(4, 9)
    household.all_decided()

    stopped = gateway.pids()["worker-1"]
    before = owners(gateway)
    assert before[stopped]["partitions"] & {partition_of(device, PARTITIONS) for device in DEVICES}
    os.kill(stopped, signal.SIGSTOP)
    try:
        household.say(7, 9.5, 5, 8.5)
        household.all_decided()
        (other,) = set(before) - {stopped}
        everything = {"backend": before[other]["backend"], "partitions": set(range(PARTITIONS))}
        eventually(lambda: owners(gateway) == {other: everything}, within=60, what="one owner of everything")
        assert not gateway.query(BACKENDS, before[stopped]["backend"]), "the connection that could commit is ended"
        household.say(5)
        household.all_decided()
    finally:
        os.kill(stopped, signal.SIGCONT)

    household.say(9)
    positions = watch_positions(gateway, seconds=4)
    household.say(5)
    household.all_decided()
    assert positions == sorted(positions), "a checkpoint went backwards"
    eventually(lambda: set(owners(gateway)) == {other, stopped}, within=120, what="both at work again")
    household.say(9.25)
    household.all_decided()
    eventually(lambda: outside.events_so_far(gateway) >= household.count, within=60, what="the last checkpoints")
    assert outside.events_so_far(gateway) == household.count, "an event was counted twice"
    cases = gateway.query("SELECT device_id FROM cases")
    assert sorted(device for (device,) in cases) == sorted(DEVICES), "trouble that comes back stays in its open case"


def watch_positions(gateway: Rig, seconds: float) -> list[int]:
    """How far the checkpoints of all partitions have come, looked at again and again."""
    end = time.monotonic() + seconds
    seen = []
    while time.monotonic() < end:
        ((total,),) = gateway.query("SELECT sum(seq)::bigint FROM partitions")
        seen.append(int(total))
        time.sleep(0.2)
    return seen
