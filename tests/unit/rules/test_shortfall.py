"""What is missing until a condition is true."""

from __future__ import annotations

import pytest

from devices.event import Event, Millis, RulesChanged
from rules.decision import Position
from rules.shortfall import shortfalls
from tests.unit.rules.story import START, fix, inquire, reading, rule, store, tick


def clock(at: Millis) -> str:
    return f"{(at - START) / 1000:g} s"


def missing(when: str, *events: Event, at: float, device_id: str = "chiller-7") -> list[str]:
    """The shortfalls of a rule at a moment, seconds."""
    log: list[Event] = [RulesChanged(START - 3_600_000, "v", {"rules.yaml": rule(when)}), *events]
    moment = START + round(at * 1000)
    numbered = [(Position(number, 0), event) for number, event in enumerate(log, 1)]
    return shortfalls(inquire(numbered, "r", device_id, moment).explanation, moment, clock)


WARM = "{metric: t, above: 8}"


@pytest.mark.parametrize(
    ("when", "events", "says"),
    [
        (WARM, [reading(0, 7.4)], ["t 7.4 is below the limit 8"]),
        (WARM, [reading(0, 8)], ["t 8 is exactly the limit 8"]),
        (WARM, [reading(0, 8, metric="other")], ["no t yet"]),
        (WARM, [reading(0, "hot")], ["t is unknown: hot is no number"]),
        (WARM, [reading(0, 9)], []),
        ("{metric: t, below: 2}", [reading(0, 3)], ["t 3 is above the limit 2"]),
        ("{metric: t, between: [2, 4]}", [reading(0, 5)], ["t 5 is not between 2 and 4"]),
        ("{metric: t, equals: open}", [reading(0, "shut")], ["t is shut, not open"]),
        ("{metric: t, above: 8, for: 10m}", [reading(0, 7), reading(60, 9)],
            ["true since 60 s, for 10 min: 9 min missing"]),
        ("{metric: t, above: 8, for: 10m}", [reading(60, 7)], ["t 7 is below the limit 8"]),
        ("{metric: t, above: 8, for: 1h}", [reading(-600, 9), tick(30)],
            ["t is unknown: its last sample is 12 min old, max_gap is 10 min"]),
        ("{absent_for: 10m}", [reading(0, 1), tick(60)], ["data last came at 0 s: 8 min of silence missing"]),
        ("{metric: x, absent_for: 10m}", [reading(0, 1)], ["never any x, so none is missing"]),
        ("{all: [{metric: t, above: 8}, {metric: u, above: 1}]}", [reading(0, 9), reading(1, 0, metric="u")],
            ["u 0 is below the limit 1"]),
        ("{any: [{metric: t, above: 8}, {metric: u, above: 1}]}", [reading(0, 7)],
            ["t 7 is below the limit 8", "no u yet"]),
        ("{not: {metric: t, above: 8}}", [reading(0, 9)],
            ["must not hold, and does: above: t 9 at 0 s, limit 8"]),
        ("{not: {metric: t, above: 8}}", [reading(0, 9, metric="u")], ["no t yet"]),
    ],
)  # fmt: skip
def test_the_reason_is_named(when: str, events: list[Event], says: list[str]) -> None:
    assert missing(when, *events, at=120) == says


def test_a_place_is_named_with_what_is_known_of_it() -> None:
    dwell = "{zone: {dwell: 2m}}"
    assert missing(dwell, store(), reading(0, 1, device="phone-3"), at=9, device_id="phone-3") == ["no position yet"]
    assert missing(dwell, store(), fix(0, 5000), at=9, device_id="phone-3") == [
        "no dwell: certainly inside no store at 0 s (10 m)"
    ]
    assert missing(dwell, store(), fix(0, 0), at=60, device_id="phone-3") == [
        "no dwell: certainly inside ginza at 0 s (10 m), in ginza since 0 s: 1 min missing"
    ]


def test_an_operator_with_keys_of_its_own_is_told_with_what_it_saw() -> None:
    tree = {"operator": "humidex", "metric": "t", "score": 1.5, "normal": 3, "result": False}
    assert shortfalls(tree, START) == ["humidex: t, score 1.5, normal 3"]


def test_an_explanation_in_another_shape_is_told_with_what_it_saw() -> None:
    assert shortfalls({"operator": "between", "metric": "t", "from": 3, "result": False}, START) == [
        "between: t, from 3"
    ]
    odd = {"operator": "count", "counted": None, "count": 3, "within_ms": None, "result": False}
    assert len(shortfalls(odd, START)) == 1
