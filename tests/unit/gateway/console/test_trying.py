"""What a backtest came to, as the console draws it."""

from __future__ import annotations

from datetime import date

from gateway.api.shapes.backtest import BacktestResult
from gateway.console.spark import bars, days
from gateway.console.trying import _result

DAY = 86_400_000
FIRST = 1_772_323_200_000  # 2026-03-01T00:00:00Z


def tally(fired: int, devices: int, per_day: dict[str, int]) -> dict[str, object]:
    return {
        "version": "1",
        "counts": {"firing": fired},
        "devices": devices,
        "customers": 1,
        "first_at": FIRST,
        "last_at": FIRST,
        "per_day": per_day,
        "top_devices": [],
        "top_customers": [],
        "examples": [],
        "faults": 0,
        "first_fault": "",
    }


def result(**more: object) -> BacktestResult:
    change = {
        "kind": "gone",
        "subject": "<chiller-7>",
        "customer_id": "tanaka",
        "at": None,
        "live_at": FIRST,
        "says": "9 is above 8",
    }
    warm = {
        "rule_id": "warm",
        "candidate": tally(3, 2, {"2026-03-01": 1, "2026-03-03": 2}),
        "live": tally(1, 1, {"2026-03-02": 1}),
        "same": 0,
        "new": 3,
        "gone": 1,
        "changed": 0,
        "changes": [change],
        "devices_gained": [],
        "devices_lost": [],
    }
    told = {
        "events": 1_200,
        "first_at": FIRST,
        "last_at": FIRST + 2 * DAY,
        "compared": True,
        "differs": True,
        "rules": [warm],
        "remarks": ["mind <this>"],
        "set_aside": 0,
        **more,
    }
    return BacktestResult.model_validate(told)


def test_it_says_how_often_both_would_fire_and_what_is_otherwise() -> None:
    shown = str(_result(result(), "warm"))
    assert "It would fire 3 times on 2 devices; as it is now, 1 time on 1 device." in shown
    assert "1,200 events from" in shown
    assert "3 new, 1 gone, 0 changed, 0 the same" in shown
    assert "&lt;chiller-7&gt;" in shown
    assert "mind &lt;this&gt;" in shown


def test_each_day_has_the_bars_of_both() -> None:
    shown = str(_result(result(), "warm"))
    assert shown.count('class="bar"') - shown.count('<span class="bar"') == 2
    assert shown.count('class="bar other"') - shown.count('<span class="bar other"') == 1
    assert "1 Mar" in shown
    assert "3 Mar" in shown


def test_a_rule_that_decided_nothing_says_so() -> None:
    assert "It decides nothing over 1,200 events." in str(_result(result(rules=[]), "warm"))


def test_the_highest_day_fills_the_picture_and_the_smallest_is_still_seen() -> None:
    shown = str(days([("alerts", "bar", (0, 1, 1000))], date(2026, 3, 3)))
    assert 'y="0.0" width="0.720" height="100.0"' in shown
    assert 'height="3.0"' in shown
    assert shown.count("<rect") == 2
    assert "<rect" not in str(bars((0, 0, 0), "nothing"))
