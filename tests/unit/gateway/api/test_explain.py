"""Why did it not fire, and what followed where it did: over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, delete, insert

from devices.event import DeviceChanged, DeviceFacts, RulesChanged, Telemetry, Tick
from devices.partition import partition_of
from gateway.storage import decisions, devices, rule_sets, timeline
from gateway.storage.tables import contacts, messages
from gateway.storage.tables import rule_sets as rule_sets_table
from notifiers.policy import Reason
from rules.decision import CaseAction, Decision, Position
from rules.state import ruleset_of
from tests.api_fixture import NOW, PARTITIONS, Calls, RememberingLog

MINUTE = 60_000
START = NOW - 30 * MINUTE
RULES = {
    "cold.yaml": """rules:
  # Food is at stake.
  - id: hot
    for_devices: {model: chiller-*}
    when: {metric: temperature, above: 8, for: 10m}
    purpose: maintenance
  - id: other
    when: {metric: temperature, above: 80}
    purpose: maintenance
"""
}
DEVICE = "chiller-1"


@pytest.fixture
def told(log: RememberingLog, engine: Engine) -> RememberingLog:
    """A log in which the chiller grew warm 25 minutes ago and fell silent."""
    with engine.begin() as connection:
        rule_sets.put(connection, RULES, version="v")
        devices.put(connection, devices.Device(id=DEVICE, model="chiller-x"))
    partition = partition_of(DEVICE, PARTITIONS)
    log.appended += [
        (partition, [RulesChanged(START, "v", RULES), DeviceChanged(START, DeviceFacts(DEVICE, model="chiller-x"))]),
        (partition, [Telemetry(DEVICE, START + at, START + at, {"temperature": t}) for at, t in WARMING]),
        (partition, [Tick(START + at) for at in range(0, 30 * MINUTE + 1, 30_000)]),
    ]
    return log


WARMING = [(0, 5.0), (5 * MINUTE, 9.5), (9 * MINUTE, 9.7)]


async def asked(call: Calls, rule: str = "hot", role: Any = "read", **query: str) -> Any:
    return await call("GET", f"/v1/rules/{rule}/explain", role=role, params={"device_id": DEVICE, **query})


def iso(after: int) -> str:
    return datetime.fromtimestamp((START + after) / 1000, UTC).isoformat()


async def test_the_answer_says_what_was_missing(call: Calls, told: RememberingLog) -> None:
    answer = (await asked(call, at=iso(12 * MINUTE))).json()
    assert answer["verdict"] == "pending"
    assert answer["headline"] == "the alert was pending"
    assert answer["reasons"] == ["true since 2025-12-31 23:35:00 UTC, for 10 min: 3 min missing"]
    assert answer["explanation"]["of"][0]["value"] == 9.7
    assert answer["lines"][1] == "└─ ✓ above: temperature 9.7 at 2025-12-31 23:39:00 UTC, max gap 10 min, limit 8"
    assert (answer["heard_at"], answer["log_begins_at"]) == ("2025-12-31T23:39:00.000Z", None)
    assert answer["alert"]["phase"] == "pending"


async def test_a_moment_may_be_written_in_several_ways(call: Calls, told: RememberingLog) -> None:
    early = (await asked(call, at="29m ago")).json()
    assert early["verdict"] == "false"
    assert early["reasons"] == ["temperature 5 is below the limit 8"]
    assert (await asked(call)).json()["at"] == "2026-01-01T00:00:00.000Z"
    wrong = await asked(call, at="yesterday")
    assert wrong.status_code == 422
    assert "2h ago" in wrong.json()["detail"]
    assert "not come yet" in (await asked(call, at="2030-01-01T00:00:00Z")).json()["detail"]


async def test_a_rule_or_device_that_is_not_known_is_404_with_the_closest_name(
    call: Calls, told: RememberingLog
) -> None:
    unknown = await asked(call, rule="hott")
    assert unknown.status_code == 404
    assert "did you mean 'hot'?" in unknown.json()["detail"]
    stranger = await asked(call, device_id="chiller-2")
    assert stranger.status_code == 404
    assert "did you mean 'chiller-1'?" in stranger.json()["detail"]


async def test_a_log_that_is_away_is_503(call: Calls, told: RememberingLog) -> None:
    told.away = True
    assert (await asked(call)).status_code == 503


@pytest.mark.parametrize(("role", "status"), [("read", 200), ("agent", 200), ("admin", 200), ("ingest", 403)])
async def test_whoever_may_read_may_ask(role: str, status: int, call: Calls, told: RememberingLog) -> None:
    assert (await asked(call, role=role)).status_code == status


@pytest.fixture
def fired(engine: Engine, told: RememberingLog) -> Decision:
    """The rule fired, the customer was to be told by push, and SMS was not agreed to."""
    with engine.begin() as connection:
        decisions.record(connection, DECISION)
        timeline.add(connection, [_suppression()])
        made = datetime.fromtimestamp(NOW / 1000, UTC)
        contact = {"id": "c_1", "decision_id": "d_1", "alert_id": "d_1", "rule_id": "hot", "customer_id": "aiko"}
        steps = [{"channel": "push", "addresses": ["token"]}]
        connection.execute(insert(contacts).values(**contact, state="active", request={}, context={}, steps=steps))
        connection.execute(insert(messages).values(**MESSAGE, due_at=made))
    return DECISION


MESSAGE = {
    "id": "m_1",
    "contact_id": "c_1",
    "decision_id": "d_1",
    "customer_id": "aiko",
    "channel": "push",
    "step": 0,
    "address": "token",
    "purpose": "maintenance",
    "template": "alert",
    "title": "Warm",
    "body": "It is warm.",
    "state": "delivered",
}
DECISION = Decision(
    id="d_1",
    rule_id="hot",
    rule_version=next(rule.version for rule in ruleset_of(RULES).rules if rule.id == "hot"),
    subject=DEVICE,
    at=START + 15 * MINUTE,
    transition="firing",
    alert_id="d_1",
    severity="major",
    purpose="maintenance",
    position=Position(3, 0),
    customer_id="aiko",
    store_id=None,
    summary="temperature 9.7 is above 8 for 10 min on chiller-1",
    values={"temperature": 9.7},
    explanation={
        "operator": "for",
        "since": START + 5 * MINUTE,
        "duration_ms": 10 * MINUTE,
        "result": True,
        "of": [{"operator": "above", "metric": "temperature", "value": 9.7, "sampled_at": START, "result": True}],
    },
    case=CaseAction("cold-chain", "high"),
)


def _suppression() -> timeline.Entry:
    return timeline.Entry(
        id="t_1",
        customer_id="aiko",
        at=datetime.fromtimestamp(NOW / 1000, UTC) - timedelta(minutes=15),
        kind="suppression",
        summary="Has not agreed to maintenance by SMS",
        channel="sms",
        decision_id="d_1",
        reason=Reason.NO_CONSENT.value,
    )


async def test_a_decision_comes_with_the_rule_as_it_was_and_all_that_followed(call: Calls, fired: Decision) -> None:
    answer = (await call("GET", "/v1/decisions/d_1", role="read")).json()
    assert answer["lines"][0].startswith("✓ for: since 2025-12-31 23:35:00 UTC, duration 10 min")
    assert answer["rule"]["file"] == "cold.yaml"
    assert answer["rule"]["line"] == 3
    assert answer["rule"]["text"].startswith("- id: hot\n  for_devices:")
    assert "other" not in answer["rule"]["text"]
    assert answer["rule"]["set_version"] == "v"
    assert [(each["channel"], each["reason"]) for each in answer["said"]] == [("sms", "no_consent")]
    assert [(each["id"], each["state"], each["step"]) for each in answer["contacts"]] == [("c_1", "active", 0)]
    assert [(each["id"], each["channel"], each["state"]) for each in answer["messages"]] == [
        ("m_1", "push", "delivered")
    ]
    assert (answer["case"]["queue"], answer["case"]["state"]) == ("cold-chain", "open")


async def test_the_text_is_that_of_the_version_that_decided(call: Calls, fired: Decision, engine: Engine) -> None:
    with engine.begin() as connection:
        rule_sets.put(connection, {"cold.yaml": RULES["cold.yaml"].replace("above: 8,", "above: 20,")}, version="v2")
    answer = (await call("GET", "/v1/decisions/d_1")).json()
    assert "above: 8" in answer["rule"]["text"]
    with engine.begin() as connection:
        connection.execute(delete(rule_sets_table))
    assert (await call("GET", "/v1/decisions/d_1")).json()["rule"] is None


async def test_why_not_tells_the_decisions_before_and_what_the_contact_policy_said(
    call: Calls, fired: Decision
) -> None:
    found = (await asked(call)).json()["decisions"]
    assert [(each["id"], each["transition"]) for each in found] == [("d_1", "firing")]
    assert [(each["reason"], each["summary"]) for each in found[0]["said"]] == [
        ("no_consent", "Has not agreed to maintenance by SMS")
    ]
    assert (await asked(call, at=iso(10 * MINUTE))).json()["decisions"] == []
