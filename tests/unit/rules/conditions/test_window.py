import math
import statistics

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.event import Event
from rules.condition import Memory
from rules.conditions.window import AGGREGATES, BUCKETS, Window
from rules.document import parse
from rules.limits import Range
from rules.problem import RuleErrors
from tests.unit.rules.story import MINUTE, SECOND, START, Story, reading, rule, tick

POWER = "{metric: t, window: {avg: 10m}, above: 100, clear_below: 90}"


def each_minute(start: int, end: int, value: object) -> list[Event]:
    """The same reading each minute."""
    return [reading(minute * 60, value) for minute in range(start, end)]


def test_one_high_sample_is_not_a_high_average() -> None:
    story = Story(rule(POWER), *each_minute(0, 20, 50))
    assert story.heard(reading(1200, 300), *each_minute(21, 40, 50)) == []


def test_fires_when_the_average_passes_the_limit_and_clears_below_the_other() -> None:
    story = Story(rule(POWER), *each_minute(0, 20, 50))
    assert story.heard(*each_minute(20, 40, 150)) == [("firing", 25 * 60)]
    assert story.heard(*each_minute(40, 60, 50)) == [("resolved", 46 * 60)]


def test_is_unknown_until_it_was_watched_for_its_whole_length() -> None:
    story = Story(rule(POWER))
    assert story.heard(*each_minute(0, 10, 150)) == []
    assert [alert.phase for alert in story.state.alerts()] == []
    story.tell(tick(600))
    assert [alert.phase for alert in story.state.alerts()] == ["pending"]
    assert story.heard(*each_minute(11, 13, 150)) == [("firing", 660)]


def test_says_the_number_and_what_it_was_reckoned_from() -> None:
    story = Story(rule("{metric: power, window: {avg: 15m}, above: 100}"))
    story.tell(*(reading(minute * 60, 50 if minute < 20 else 200, "power") for minute in range(40)))
    story.tell(*(reading(minute * 60, 20, "power") for minute in range(40, 60)))
    fired, resolved = story.decisions
    assert fired.summary == "the average power of 15 min is 110, above 100 on chiller-7"
    assert resolved.summary.endswith(", no longer above 100 on chiller-7")
    assert fired.explanation == {
        "operator": "window", "metric": "power", "value": 200, "sampled_at": fired.at, "number": 110.0,
        "aggregate": "avg", "over_ms": 900_000, "samples": 15, "buckets": 15, "watched": True, "above": 100,
        "result": True,
    }  # fmt: skip


def test_a_count_beyond_its_limit_needs_no_whole_window() -> None:
    story = Story(rule("{metric: t, window: {count: 1h}, above: 4}"))
    assert story.heard(*each_minute(0, 6, 1)) == [("firing", 300)]


def test_a_count_ends_by_time_and_an_empty_window_counts_zero() -> None:
    story = Story(rule("{metric: t, window: {count: 10m}, below: 2}"), *each_minute(0, 20, 1))
    assert story.heard(tick(1700)) == [("firing", 1080 + 600)]
    assert story.heard(tick(3000), reading(3001, 1), reading(3002, 1)) == [("resolved", 3002)]


def test_leaves_by_a_timer_when_it_is_as_old_as_the_window_is_long() -> None:
    story = Story(rule("{metric: t, window: {max: 10m}, above: 100}"), *each_minute(0, 20, 50))
    story.tell(reading(1200, 200), *each_minute(21, 25, 50))
    assert story.heard(tick(4000)) == [("resolved", 1800)]


def test_an_empty_window_knows_no_sum() -> None:
    story = Story(rule("{metric: t, window: {sum: 10m}, below: 5}"), *each_minute(0, 20, 1))
    assert story.heard(tick(1500)) == [("firing", 1140 - 240 + 600)]
    assert story.heard(tick(4000)) == []


def test_what_is_no_number_is_passed_over() -> None:
    story = Story(rule(POWER), *each_minute(0, 20, 50), reading(1201, "broken"), reading(1202, True))
    assert story.heard(*each_minute(21, 41, 150)) == [("firing", 25 * 60)]


def test_under_for_an_old_sample_is_not_known() -> None:
    story = Story(rule("{metric: t, window: {max: 1h}, above: 100, for: 20m}"), *each_minute(0, 70, 50))
    assert story.heard(reading(70 * 60, 200), tick(95 * 60)) == []
    assert story.heard(*each_minute(95, 117, 50)) == [("firing", 115 * 60)]


def test_a_sample_that_comes_after_the_devices_time_went_on_counts_where_it_belongs() -> None:
    story = Story(rule("{metric: t, window: {sum: 10m}, above: 100}"), *each_minute(0, 20, 5))
    story.tell(reading(1300, 1, "other"))
    assert story.heard(reading(1210, 60)) == []
    assert story.heard(reading(1302, 1, "other"), tick(1800), tick(1811)) == []


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("{metric: t, window: {avg: 32d}, above: 1}", "an impossible window: 'window' cannot look at 32 days"),
        ("{metric: t, window: {avg: 500ms}, above: 1}", "an impossible window"),
        ("{metric: t, window: {avg: 5m, max: 5m}, above: 1}", "exactly one of"),
        ("{metric: t, window: {mean: 5m}, above: 1}", "unknown key 'mean'"),
        ("{metric: t, window: 5m, above: 1}", "expected a mapping"),
        ("{metric: t, window: {avg: 5}, above: 1}", "has no unit"),
        ("{metric: t, window: {avg: 5m}}", "nothing says what is wrong with it"),
        ("{metric: t, window: {avg: 5m}, above: high}", "must be a number"),
        ("{metric: t, window: {avg: 5m}, between: [3, 1]}", "wrong way round"),
        ("{window: {avg: 5m}, above: 1}", "'metric' is missing"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(when: str, message: str) -> None:
    with pytest.raises(RuleErrors) as raised:
        parse({"r.yaml": rule(when)})
    assert any(message in problem.message and problem.line == 1 and problem.mend for problem in raised.value.problems)


Samples = list[tuple[int, float]]

STREAMS = st.lists(
    st.tuples(st.integers(1, 900_000), st.one_of(st.floats(-1e6, 1e6), st.integers(-5, 5).map(float))),
    min_size=1,
    max_size=80,
)


@given(STREAMS, st.sampled_from(sorted(AGGREGATES)), st.sampled_from([SECOND, 90_001, 10 * MINUTE]), st.data())
def test_equals_the_plain_list_of_samples_of_the_newest_fifty_parts_of_time(
    steps: Samples, aggregate: str, over: int, data: st.DataObject
) -> None:
    window = AGGREGATES[aggregate](over)
    memory, at, seen = window.fresh(), START, list[tuple[int, float]]()
    window.number(memory, at)
    for gap, value in steps:
        for between in sorted(data.draw(st.lists(st.integers(at, at + gap - 1), max_size=2))):
            window.number(memory, between)
        at += gap
        window.observe(memory, at, value)
        seen.append((at, value))
        known = window.number(memory, at)
        assert len(memory[3]) <= BUCKETS + 2
        if at - START < over:
            assert known is None or aggregate in ("count", "min", "max") or known == Range(-math.inf, math.inf)
        else:
            model = plain(aggregate, [v for t, v in seen if newest_beside(t, seen, over // 50) > at - over])
            assert (known is None) == (model is None)
            assert known is None or known == pytest.approx((model, model), abs=1e-6)


def newest_beside(at: int, samples: Samples, width: int) -> int:
    """The newest of the samples in the same part of time."""
    return max(t for t, _ in samples if t // width == at // width)


def plain(aggregate: str, values: list[float]) -> float | None:
    """The number from a list."""
    if aggregate == "count":
        return len(values)
    if aggregate == "stddev":
        return statistics.stdev(values) if len(values) > 1 else None
    if not values:
        return None
    return {"min": min(values), "max": max(values), "sum": math.fsum(values)}.get(aggregate, statistics.fmean(values))


@given(STREAMS, st.sampled_from(sorted(AGGREGATES)))
def test_changes_only_at_its_deadlines_while_nothing_comes(steps: Samples, aggregate: str) -> None:
    window = AGGREGATES[aggregate](10 * MINUTE)
    memory, at = window.fresh(), START
    for gap, value in steps:
        at += gap
        window.observe(memory, at, value)
    before = window.number(memory, at)
    for _ in range(200):
        due = window.next_deadline(memory, at)
        if due > at + 3600_000:
            break
        assert window.number(copied(memory), due - 1) == before
        at, before = due, window.number(memory, due)
    assert window.next_deadline(memory, at) > at + 3600_000
    assert not memory[3]


def copied(memory: Memory) -> Memory:
    """As a checkpoint would keep it."""
    again: Memory = msgspec.msgpack.decode(msgspec.msgpack.encode(memory))
    return again


def test_the_deviation_of_small_changes_on_a_large_value_is_exact() -> None:
    window: Window = AGGREGATES["stddev"](SECOND)
    memory = window.fresh()
    window.number(memory, START)
    for i in range(1000):
        window.observe(memory, START + 1000 + i, 1e9 + i % 2)
    known = window.number(memory, START + 1999)
    assert known is not None
    assert known.low == pytest.approx(0.50025, rel=1e-4)


def test_numbers_too_large_to_add_are_unknown_and_no_fault() -> None:
    story = Story(rule("{metric: t, window: {sum: 1m}, above: 1}"))
    story.tell(reading(0, 1e308), reading(30, 1e308), reading(61, 1e308), reading(62, 1e308), tick(80))
    assert story.outcomes == []
