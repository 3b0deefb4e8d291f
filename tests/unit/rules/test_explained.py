"""Explanations as a person reads them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rules.explained import explained, utc
from tests.unit.rules.story import CHILLER, START, Story, device, reading, rule


def seconds(at: int) -> str:
    return f"{(at - START) // 1000} s"


def test_a_threshold_says_what_it_saw_and_when() -> None:
    tree = {"operator": "above", "metric": "t", "value": 9.5, "sampled_at": START, "limit": 8, "clear_below": 6,
            "result": True}  # fmt: skip
    assert explained(tree, seconds) == ["✓ above: t 9.5 at 0 s, limit 8, clear below 6"]


def test_a_metric_that_was_never_sent_is_unknown() -> None:
    tree = {"operator": "above", "metric": "t", "value": None, "sampled_at": None, "limit": 8, "result": None}
    assert explained(tree, seconds) == ["? above: t was never sent, limit 8"]


def test_parts_stand_below_the_whole() -> None:
    warm = {"operator": "above", "metric": "a", "value": 2, "sampled_at": START + 300_000, "limit": 1, "result": True}
    door = {"operator": "equals", "metric": "b", "value": False, "sampled_at": START, "expected": True, "result": False}
    parts = {"operator": "all", "of": [warm, {"operator": "not", "of": [door], "result": True}], "result": True}
    tree = {"operator": "for", "since": START, "duration_ms": 600_000, "result": True, "of": [parts]}
    assert explained(tree, seconds) == [
        "✓ for: since 0 s, duration 10 min",
        "└─ ✓ all",
        "   ├─ ✓ above: a 2 at 300 s, limit 1",
        "   └─ ✓ not",
        "      └─ ✗ equals: b false at 0 s, expected true",
    ]


def test_what_the_engine_explains_can_be_drawn() -> None:
    story = Story(rule("{metric: t, above: 1, for: 10m}"), device(CHILLER))
    story.tell(reading(0, 0), *(reading(after, 2) for after in range(2, 700, 60)))
    (decision,) = story.decisions
    whole, part = explained(decision.explanation, seconds)
    assert whole == "✓ for: since 2 s, duration 10 min"
    assert part.startswith("└─ ✓ above: t 2 at ")


def test_a_part_under_a_key_of_its_own_is_named_by_it() -> None:
    inner = {"operator": "above", "metric": "t", "result": False}
    tree = {"operator": "sequence", "within_ms": 60_000, "started_by": inner, "result": False}
    assert explained(tree) == ["✗ sequence: within 1 min", "└─ started by: ✗ above: t"]


def test_positions_lists_and_times_are_readable() -> None:
    tree = {"operator": "zone", "fix": {"at": START, "lat": 35.0}, "inside": ["a", "b"], "since": None, "result": False}
    assert explained(tree, seconds) == ["✗ zone: fix (at 0 s, lat 35), inside a, b, since –"]


def test_a_long_list_is_cut() -> None:
    tree = {"operator": "group", "members": [f"d{n}" for n in range(9)], "result": True}
    assert explained(tree) == ["✓ group: members d0, d1, d2, d3, d4, d5 and 3 more"]


def test_times_are_written_in_utc_unless_told_otherwise() -> None:
    assert utc(1_767_225_600_000) == "2026-01-01 00:00:00 UTC"
    assert utc(1_767_225_600_250) == "2026-01-01 00:00:00.250 UTC"


plain = st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False) | st.text(max_size=5)
keys = st.sampled_from(["since", "duration_ms", "at", "value", "metric", "sampled_ago_ms", "x", "of", "result"])
trees = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
)


@given(st.dictionaries(keys, trees, max_size=6), st.sampled_from([True, False, None]))
def test_whatever_an_operator_puts_into_its_explanation_can_be_shown(more: dict[str, object], result: object) -> None:
    lines = explained({"operator": "new", **more, "result": result})
    assert lines[0][0] in "✓✗?"
    assert all(isinstance(line, str) for line in lines)
