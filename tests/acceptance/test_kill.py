"""kill -9 in the middle of a run: no decision lost, none made twice, no message recorded as sent twice."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from tests.acceptance.fleet import Fleet
from tests.acceptance.machine_model import ABOVE, CLEAR_BELOW, Expected, Sample, expected_decisions
from tests.acceptance.rig import Rig, eventually, rig

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1_200)]

RULES = f"""
rules:
  - id: too-warm
    for_devices: {{model: chiller-*}}
    when: {{metric: temperature, above: {ABOVE}, clear_below: {CLEAR_BELOW}}}
    severity: critical
    purpose: safety
    then:
      case: {{queue: cold-chain}}
      notify: {{template: alert}}
"""
VICTIMS = ("worker-1", "worker-2", "ingress", "deliver", "nats")
KILLS = {"worker-1": 10, "worker-2": 10, "ingress": 20, "deliver": 20, "nats": 20}
MACHINES = 24
PER_SECOND = 5.0
FIRST_KILL, PAUSE, LAST_WORDS = 4.0, 1.2, 8.0
"""Seconds before the first kill, between kills, and after the last one."""
MOST_SECONDS = 600.0
"""About two minutes on an idle machine: a process that is slow to come back is killed later."""
ENDED = {"accepted", "delivered", "read", "clicked", "withdrawn", "unknown"}


def test_kill_9_loses_no_decision_makes_none_twice_and_records_no_message_as_sent_twice(tmp_path: Path) -> None:
    settings = {"KIZASHI_WORKER__PROCESSES": "2", "KIZASHI_DELIVERY__LEASE_SECONDS": "3"}
    with rig(tmp_path, RULES, {**settings, "KIZASHI_DELIVERY__SETTLE_SECONDS": "1"}) as gateway:
        device_ids = _bring_in(gateway)
        killed, sent = _run_with_kills(gateway, device_ids)
        assert killed == Counter(KILLS), "the schedule was not carried out, so nothing was shown"
        expected = {decision for device, samples in sent.items() for decision in expected_decisions(device, samples)}
        assert len(expected) > MACHINES, "too few decisions to show anything"

        eventually(lambda: _decided(gateway) >= Counter(expected), within=180, every=1, what="all decisions")
        eventually(lambda: not _unfinished(gateway), within=180, every=1, what="all messages at an end")
        eventually(gateway.pids, within=60)

        decided = _decided(gateway)
        assert decided == Counter(expected), _difference(decided, expected)
        _check_cases(gateway, expected)
        _check_messages(gateway, expected, kills_of_delivery=killed["deliver"])


def _bring_in(gateway: Rig) -> list[str]:
    """Half of the owners have a phone with the app, the others get SMS."""
    device_ids = [f"chiller-{number:02d}" for number in range(MACHINES)]
    for number, device_id in enumerate(device_ids):
        addresses = {"push": [f"token-{number}"]} if number % 2 else {"sms": f"+8190123456{number:02d}"}
        customer = {"name": f"Owner {number}", "locale": "en", "time_zone": "Asia/Tokyo", "addresses": addresses}
        gateway.put(f"/v1/customers/owner-{number}", customer)
        gateway.put(f"/v1/devices/{device_id}", {"model": "chiller-3000", "owner": f"owner-{number}"})
    return device_ids


def _run_with_kills(gateway: Rig, device_ids: list[str]) -> tuple[Counter[str], dict[str, list[Sample]]]:
    found = gateway.addresses()
    fleet = Fleet(device_ids, gateway.mqtt_port, found["mqtt_username"], found["mqtt_password"])
    plan = KillPlan(gateway)
    try:
        fleet.run(MOST_SECONDS, PER_SECOND, plan.carry_on)
        eventually(lambda: fleet.unsettled() == 0, within=120, what="the broker's acknowledgements")
    finally:
        fleet.close()
    return plan.killed, dict(fleet.sent)


class KillPlan:
    """Kills in a shuffled order, one after the other; a process that is not back yet is left for later."""

    def __init__(self, gateway: Rig) -> None:
        self.killed: Counter[str] = Counter()
        self._gateway = gateway
        self._left = [name for name, count in KILLS.items() for _ in range(count)]
        random.Random(1).shuffle(self._left)
        self._next_at = FIRST_KILL

    def carry_on(self, elapsed: float) -> bool:
        """Kill if it is time to; returns whether the run shall go on."""
        if elapsed < self._next_at:
            return True
        if not self._left:
            return False
        for name in dict.fromkeys(self._left):
            if self._gateway.kill(name):
                self._left.remove(name)
                self.killed[name] += 1
                break
        self._next_at = elapsed + (PAUSE if self._left else LAST_WORDS)
        return True


def _decided(gateway: Rig) -> Counter[Expected]:
    rows = gateway.query("SELECT subject, transition, at FROM decisions")
    return Counter(Expected(*row) for row in rows)


def _unfinished(gateway: Rig) -> list[tuple[object, ...]]:
    """Messages and contacts that something still has to happen to."""
    return gateway.query("SELECT id, state FROM messages WHERE NOT state = ANY(%s)", list(ENDED))


def _difference(decided: Counter[Expected], expected: set[Expected]) -> str:
    wanted = Counter(expected)
    return f"lost {sorted(wanted - decided)[:5]}, too many {sorted(decided - wanted)[:5]}"


def _check_cases(gateway: Rig, expected: set[Expected]) -> None:
    """One open case per machine that ever fired; whatever came after belongs to it."""
    fired = {decision.device_id for decision in expected if decision.transition == "firing"}
    cases = Counter(row[0] for row in gateway.query("SELECT device_id FROM cases"))
    assert cases == Counter(fired)


def _check_messages(gateway: Rig, expected: set[Expected], *, kills_of_delivery: int) -> None:
    messages = gateway.query(
        "SELECT m.id, m.channel, m.state, d.transition FROM messages m JOIN decisions d ON d.id = m.decision_id"
    )
    firings = [message for message in messages if message[3] == "firing"]
    assert len(firings) == sum(decision.transition == "firing" for decision in expected), "one message per firing"

    recorded = Counter(
        row[0]
        for row in gateway.query(
            "SELECT message_id FROM timeline WHERE kind = 'message' AND detail->>'state' = 'accepted'"
        )
    )
    assert not [message for message, times in recorded.items() if times > 1], "recorded as sent twice"

    asked = Counter(r["message_id"] for r in gateway.provider_requests() if r["outcome"] == "accepted")
    arrived = {message[0] for message in messages if message[2] in {"accepted", "delivered", "read"}}
    assert arrived <= set(asked), "recorded as sent, and the provider knows nothing of it"
    by_sms = {message[0] for message in messages if message[1] == "sms"}
    assert not [message for message in by_sms if asked[message] > 1], "an SMS went out twice"
    extra = sum(times - 1 for times in asked.values())
    assert extra <= kills_of_delivery, f"{extra} requests too many"
