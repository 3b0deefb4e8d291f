"""The export has all that is on record of one customer, nothing of anybody else, and no key to act in their name."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine

from gateway.retention.export import FORMAT, SECTIONS, document, is_known
from tests.api_fixture import Calls, app, call, log
from tests.unit.gateway.retention import past
from tests.unit.gateway.retention.past import NOW, TOKEN

__all__ = ["app", "call", "log"]

OURS, THEIRS = "901177553311", "802266448822"


def exported(engine: Engine, customer_id: str = "aiko") -> tuple[str, dict[str, Any]]:
    whole = b"".join(document(engine, customer_id, NOW, kept="7d", why_not="it was not asked for")).decode()
    return whole, json.loads(whole)


def seed(engine: Engine) -> None:
    with engine.begin() as connection:
        past.everything(connection, "aiko", OURS)
        past.everything(connection, "kenji", THEIRS)


def test_each_section_has_the_customers_rows_and_nobody_elses(engine: Engine) -> None:
    seed(engine)
    text, whole = exported(engine)
    assert list(whole) == ["format", "exported_at", "customer", *SECTIONS, "events", "event_log"]
    assert whole["format"] == FORMAT
    assert whole["customer"]["addresses"]["sms"] == f"+81{OURS}"
    for name in SECTIONS:
        assert len(whole[name]) == 1, name
        assert OURS in json.dumps(whole[name]) or name in ("consents", "devices", "faults"), name
    assert "kenji" not in text
    assert THEIRS not in text


def test_tokens_that_act_for_the_customer_are_not_in_it(engine: Engine) -> None:
    seed(engine)
    text, whole = exported(engine)
    assert TOKEN not in text
    assert whole["messages"][0]["body"] == f"{OURS} https://x.example/u/… https://x.example/c/…"


def test_times_are_rfc_3339_whatever_the_column_holds(engine: Engine) -> None:
    seed(engine)
    _, whole = exported(engine)
    for at in (
        whole["exported_at"], whole["decisions"][0]["at"], whole["alerts"][0]["fired_at"],
        whole["interventions"][0]["at"], whole["timeline"][0]["at"], whole["messages"][0]["created_at"],
    ):  # fmt: skip
        assert at.endswith("Z")
        assert abs((datetime.fromisoformat(at) - datetime.now(UTC)).total_seconds()) < 3 * 86_400
    assert whole["alerts"][0]["resolved_at"] is None


def test_many_rows_come_oldest_first(engine: Engine) -> None:
    with engine.begin() as connection:
        past.customer(connection)
        for days in range(450):
            past.entry(connection, f"e{days}", days)
    _, whole = exported(engine)
    assert [entry["id"] for entry in whole["timeline"]] == [f"e{days}" for days in reversed(range(450))]


def test_somebody_who_only_left_traces_is_exported_too(engine: Engine) -> None:
    with engine.begin() as connection:
        past.entry(connection, "e", 1, customer_id="ghost")
    with engine.connect() as connection:
        assert is_known(connection, "ghost")
        assert not is_known(connection, "nobody")
    _, whole = exported(engine, "ghost")
    assert whole["customer"] is None
    assert len(whole["timeline"]) == 1


def test_it_says_that_the_events_are_not_in_it_and_for_how_long_they_are_kept(engine: Engine) -> None:
    seed(engine)
    _, whole = exported(engine)
    assert whole["events"] == []
    assert whole["event_log"] == {
        "complete": False,
        "kept_for": "7d",
        "devices": [],
        "note": "What devices said is kept in the event log for 7 days, then deleted. Not all of it is here:"
        " it was not asked for.",
    }


async def test_the_api_streams_the_same_document(engine: Engine, call: Calls) -> None:
    seed(engine)
    answer = await call("GET", "/v1/customers/aiko/export", role="agent")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert "attachment" in answer.headers["content-disposition"]
    _, whole = exported(engine)
    other = {"exported_at": 0, "event_log": answer.json()["event_log"]}
    assert {**answer.json(), **other} == {**whole, **other}
    assert answer.json()["event_log"]["complete"]
    assert (await call("GET", "/v1/customers/nobody/export")).status_code == 404
    assert (await call("GET", "/v1/customers/aiko/export", role="read")).status_code == 403
