"""How often each rule spoke."""

from __future__ import annotations

import msgspec
from sqlalchemy import Engine

from gateway.storage import decisions
from gateway.storage.rule_activity import DAY_MS, Activity, activity
from rules.decision import Decision, Position

NOW = 20_000 * DAY_MS + 3_600_000


def decision(number: int, rule_id: str, at: int, transition: str = "firing", alert_id: str = "") -> Decision:
    return msgspec.convert(
        {
            "id": f"d{number}", "rule_id": rule_id, "rule_version": "1", "subject": "chiller-7", "at": at,
            "transition": transition, "alert_id": alert_id or f"d{number}", "severity": "major",
            "purpose": "maintenance", "position": Position(number, 0), "customer_id": None, "store_id": None,
            "summary": "s", "values": {}, "explanation": {},
        },
        Decision,
    )  # fmt: skip


def test_episodes_are_counted_on_the_day_on_which_they_began(engine: Engine) -> None:
    made = [
        decision(1, "warm", NOW),
        decision(2, "warm", NOW - DAY_MS),
        decision(3, "warm", NOW - DAY_MS, "resolved", "d2"),
        decision(4, "warm", NOW - 2 * DAY_MS - 2 * 3_600_000),
        decision(5, "old", NOW - 3 * DAY_MS),
        decision(6, "ended", NOW - DAY_MS),
        decision(7, "ended", NOW, "resolved", "d6"),
        decision(8, "ahead", NOW + DAY_MS),
    ]
    with engine.begin() as connection:
        for each in made:
            decisions.record(connection, each)
        found = activity(connection, now=NOW, days=3)
        assert activity(connection, now=NOW, days=3, rule_id="ended") == {"ended": found["ended"]}
    assert found == {
        "warm": Activity((0, 1, 1), 2, NOW),  # the oldest began in the night before the first of the three days
        "old": Activity((0, 0, 0), 1, None),
        "ended": Activity((0, 1, 0), 0, NOW - DAY_MS),
        "ahead": Activity((0, 0, 0), 1, None),
    }
