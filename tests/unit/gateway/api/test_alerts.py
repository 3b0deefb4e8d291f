"""Alerts by HTTP: found, read, and a person's word on them put into the log."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine

from devices.event import AlertCommand
from devices.partition import partition_of
from gateway.storage import alerts, decisions
from rules.decision import Intervention
from tests.api_fixture import NOW, PARTITIONS, Calls, RememberingLog
from tests.unit.gateway.decided import AT, MINUTE, decided

PARTITION = partition_of("chiller-17", PARTITIONS)


@pytest.fixture
def three(engine: Engine) -> None:
    """One that fires, one of another rule, one that is over."""
    with engine.begin() as connection:
        decisions.record(connection, decided())
        decisions.record(connection, decided(after=1, alert="a2", rule_id="door", subject="store/ginza"))
        decisions.record(connection, decided(after=2, alert="a3", customer_id="kenji", severity="critical"))
        decisions.record(connection, decided("resolved", 3, "a3"))


@pytest.mark.usefixtures("three")
async def test_alerts_are_found_by_what_is_known_of_them(call: Calls) -> None:
    for query, found in (
        ("", ["a3", "a2", "a1"]),
        ("?state=firing", ["a2", "a1"]),
        ("?state=resolved", ["a3"]),
        ("?severity=critical", ["a3"]),
        ("?device_id=store/ginza", ["a2"]),
        ("?rule_id=door", ["a2"]),
        ("?customer_id=aiko", ["a2", "a1"]),
        ("?customer_id=nobody", []),
    ):
        answer = await call("GET", f"/v1/alerts{query}", role="read")
        assert [item["id"] for item in answer.json()["items"]] == found, query


@pytest.mark.usefixtures("three")
async def test_pages_follow_each_other_without_a_gap(call: Calls) -> None:
    first = (await call("GET", "/v1/alerts?limit=2")).json()
    second = (await call("GET", f"/v1/alerts?limit=2&cursor={first['next']}")).json()
    assert [item["id"] for item in first["items"] + second["items"]] == ["a3", "a2", "a1"]
    assert second["next"] is None
    assert (await call("GET", "/v1/alerts?cursor=x")).status_code == 400


@pytest.mark.usefixtures("three")
async def test_what_is_asked_for_must_exist(call: Calls) -> None:
    assert (await call("GET", "/v1/alerts?state=open")).status_code == 422
    assert (await call("GET", "/v1/alerts?severity=hot")).status_code == 422
    assert (await call("GET", "/v1/alerts/none")).status_code == 404
    for action, body in (("acknowledge", None), ("snooze", {"for": "2h"}), ("resolve", None)):
        answer = await call("POST", f"/v1/alerts/none/{action}", json=body)
        assert (answer.status_code, "no alert" in answer.json()["detail"]) == (404, True)


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("action", "body", "until"),
    [
        ("acknowledge", None, None),
        ("resolve", None, None),
        ("snooze", {"for": "2h"}, NOW + 120 * MINUTE),
        ("snooze", {"until": "2026-01-01T09:30:00+09:00"}, NOW + 30 * MINUTE),
    ],
)
async def test_a_persons_word_goes_into_the_log_of_the_device(
    call: Calls, log: RememberingLog, action: Any, body: dict[str, str] | None, until: int | None
) -> None:
    answer = await call("POST", f"/v1/alerts/a1/{action}", role="agent", json=body)
    assert (answer.status_code, answer.json()["state"]) == (202, "firing")
    assert log.of(PARTITION) == [AlertCommand(NOW, "chiller-17", "chiller-too-warm", "a1", action, "the agent", until)]


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, "say either"),
        ({"for": "2h", "until": "2026-01-02T00:00:00Z"}, "say either"),
        ({"for": "soon"}, "no duration"),
        ({"for": "20"}, "no unit"),
        ({"until": "2025-12-31T23:59:59Z"}, "in the future"),
        ({"until": "2999-01-01T00:00:00Z"}, "at most ten years"),
        ({"until": "2026-01-02T00:00:00"}, "timezone"),
        ({"span": "2h"}, "span"),
    ],
)
async def test_a_snooze_needs_an_end_that_can_be(
    call: Calls, log: RememberingLog, body: dict[str, str], wrong: str
) -> None:
    answer = await call("POST", "/v1/alerts/a1/snooze", json=body)
    assert (answer.status_code, wrong in answer.json()["detail"]) == (422, True), answer.text
    assert log.appended == []


@pytest.mark.usefixtures("three")
async def test_of_an_alert_that_is_over_nothing_can_be_said(call: Calls, log: RememberingLog) -> None:
    answer = await call("POST", "/v1/alerts/a3/acknowledge")
    assert (answer.status_code, "over already" in answer.json()["detail"]) == (409, True)
    assert log.appended == []


@pytest.mark.usefixtures("three")
async def test_while_the_log_is_away_nothing_is_promised(call: Calls, log: RememberingLog) -> None:
    log.away = True
    answer = await call("POST", "/v1/alerts/a1/resolve")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


@pytest.mark.usefixtures("three")
async def test_the_alert_tells_its_whole_life(call: Calls, engine: Engine) -> None:
    with engine.begin() as connection:
        decisions.record(connection, decided("raised", 5, severity="critical"))
        said = Intervention(
            "i1", AT + 6 * MINUTE, "acknowledge", "mika", "a1", "chiller-too-warm", "chiller-17", "aiko"
        )
        alerts.heed(connection, said)
        decisions.record(connection, decided("resolved", 9, severity="critical", ended_by="mika"))
    told = (await call("GET", "/v1/alerts/a1")).json()
    assert [(each["what"], each["severity"], each["by"]) for each in told["history"]] == [
        ("firing", "warning", None), ("raised", "critical", None), ("acknowledge", None, "mika"),
        ("resolved", "critical", None),
    ]  # fmt: skip
    assert (told["state"], told["severity"], told["acknowledged_by"], told["ended_by"]) == (
        "resolved", "critical", "mika", "mika",
    )  # fmt: skip
    assert told["acknowledged_at"] == "2026-01-01T00:06:00.000Z"


async def test_every_body_and_answer_has_an_example(call: Calls) -> None:
    schemas = (await call("GET", "/v1/openapi.json")).json()["components"]["schemas"]
    for name in ("AlertAnswer", "AlertWithHistory", "SnoozeBody"):
        assert schemas[name]["examples"]
    assert set(schemas["AlertAnswer"]["examples"][0]) <= set(schemas["AlertAnswer"]["properties"])
