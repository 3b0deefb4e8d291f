import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.event import Telemetry
from rules.document import parse
from rules.problem import RuleErrors
from tests.unit.rules.story import SECOND, START, Story, happening, reading, rule, tick

ABC = "{sequence: [{event: a}, {event: b}, {event: c}], within: 10m}"
DOOR = "{sequence: {steps: [{event: door-opened}, {metric: t, above: 8, clear_below: 6}], within: 10m}}"


def fired(story: Story, *steps: tuple[float, str]) -> list[float]:
    """When it fires, as the events of these times and types come."""
    told = story.heard(*(happening(at, kind) for at, kind in steps))
    return [at for name, at in told if name == "firing"]


def test_fires_when_the_last_step_follows_all_others_in_order() -> None:
    assert fired(Story(rule(ABC)), (0, "a"), (10, "b"), (20, "c")) == [20]
    assert fired(Story(rule(ABC)), (0, "b"), (10, "a"), (20, "c"), (30, "b")) == []


def test_other_things_in_between_do_not_matter() -> None:
    assert fired(Story(rule(ABC)), (0, "a"), (5, "c"), (6, "x"), (10, "b"), (12, "a"), (20, "c")) == [20]


def test_the_first_and_the_last_step_may_be_exactly_the_time_apart() -> None:
    assert fired(Story(rule(ABC)), (0, "a"), (300, "b"), (600, "c")) == [600]
    assert fired(Story(rule(ABC)), (0, "a"), (300, "b"), (600.001, "c")) == []


def test_keeps_the_newest_start() -> None:
    assert fired(Story(rule(ABC)), (0, "a"), (500, "a"), (510, "b"), (1000, "c")) == [1000]
    assert fired(Story(rule(ABC)), (0, "a"), (10, "b"), (500, "a"), (700, "c")) == []


def test_a_run_that_completes_is_used_up_and_a_later_start_is_not() -> None:
    assert fired(Story(rule(ABC)), (0, "a"), (1, "b"), (2, "c"), (4, "c"), (6, "b"), (8, "c")) == [2]
    assert fired(Story(rule(ABC)), (0, "a"), (1, "b"), (2, "a"), (4, "c"), (6, "b"), (8, "c")) == [4, 8]


def test_the_same_step_twice_takes_two_events() -> None:
    story = Story(rule("{sequence: [{event: knock}, {event: knock}], within: 1m}"))
    assert fired(story, (0, "knock"), (10, "knock"), (20, "knock"), (21, "x")) == [10]
    assert fired(story, (30, "knock")) == [30]


def test_in_the_same_millisecond_the_log_says_which_came_first() -> None:
    two = "{sequence: [{event: a}, {event: b}], within: 1m}"
    assert fired(Story(rule(two)), (5, "a"), (5, "b")) == [5]
    assert fired(Story(rule(two)), (5, "b"), (5, "a")) == []


def test_what_one_reading_brings_at_once_does_not_come_one_after_the_other() -> None:
    two = "{sequence: [{metric: t, above: 8}, {metric: door, equals: open}], within: 1m}"
    low = Telemetry("chiller-7", START, START, {"t": 5, "door": "shut"})
    both = Telemetry("chiller-7", START + SECOND, START + SECOND, {"t": 9, "door": "open"})
    assert Story(rule(two), low).heard(both) == []
    assert Story(rule(two), low).heard(reading(1, 9), reading(1, "open", "door")) == [("firing", 1)]


def test_a_state_as_the_last_step_lasts_until_it_is_over() -> None:
    story = Story(rule(DOOR), reading(0, 5))
    assert story.heard(happening(10, "door-opened"), reading(60, 9), reading(9000, 7)) == [("firing", 60)]
    assert story.heard(reading(9001, 5)) == [("resolved", 9001)]
    assert story.heard(reading(9002, 9)) == []


def test_an_event_as_the_last_step_is_over_a_moment_later() -> None:
    story = Story(rule("{sequence: [{metric: t, above: 8}, {event: b}], within: 1m}"), reading(0, 5))
    assert story.heard(reading(10, 9), happening(20, "b"), tick(21)) == [("firing", 20), ("resolved", 20.001)]


def test_a_step_that_is_true_at_first_sight_has_not_begun() -> None:
    story = Story(rule(DOOR))
    assert story.heard(happening(1, "door-opened"), reading(2, 9), reading(3, 9)) == []
    assert story.heard(reading(4, 5), happening(5, "door-opened"), reading(6, 9)) == [("firing", 6)]


def test_a_step_may_need_time_and_begins_by_a_timer() -> None:
    when = "{sequence: [{event: a}, {metric: t, above: 8, for: 2m}], within: 5m}"
    story = Story(rule(when), reading(0, 5))
    assert story.heard(happening(10, "a"), reading(20, 9), tick(139)) == []
    assert story.heard(tick(200)) == [("firing", 140)]


def test_may_be_counted_and_negated_and_nested() -> None:
    twice = "{sequence: {steps: [{event: a}, {event: b}], within: 1m}, count: 2, within: 1h}"
    story = Story(rule(twice))
    assert fired(story, (0, "a"), (1, "b"), (10, "b"), (20, "a"), (21, "b")) == [21]
    nested = "{sequence: [{sequence: [{event: a}, {event: b}], within: 1m}, {event: c}], within: 1h}"
    assert fired(Story(rule(nested)), (0, "c"), (1, "a"), (2, "b"), (50, "c")) == [50]


def test_says_what_led_to_it_as_it_was_then() -> None:
    when = "{sequence: [{metric: t, above: 8}, {event: opened}], within: 10m}"
    story = Story(rule(when), reading(0, 5))
    story.tell(reading(10, 9.5), reading(20, 3), happening(30, "opened"))
    decision = story.decisions[0]
    assert decision.summary == "t 9.5 is above 8, then chiller-7 reported opened, within 10 min"
    told = decision.explanation
    assert (told["operator"], told["within_ms"], told["completed_at"]) == ("sequence", 600_000, decision.at)
    assert told["began_at"] == [START + 10_000, START + 30_000]
    assert [part["operator"] for part in told["of"]] == ["above", "event"]


@given(st.lists(st.tuples(st.integers(0, 200), st.sampled_from("abcx")), max_size=60))
def test_equals_a_search_through_all_that_happened(steps: list[tuple[int, str]]) -> None:
    at, happened = 0, []
    for gap, kind in steps:
        at += gap + 1
        happened.append((at, kind))
    story = Story(rule(ABC))
    assert fired(story, *happened) == plain(happened)


def plain(happened: list[tuple[int, str]]) -> list[float]:
    """Each c that ends a run a, b, c; of the runs that it ends the one that started last is taken, and used up."""
    found, used = list[float](), -1
    for end, (at, kind) in enumerate(happened):
        if kind != "c":
            continue
        starts = [
            start
            for first, (start, a) in enumerate(happened[:end])
            if a == "a" and start > used and at - start <= 600 and any(b == "b" for _, b in happened[first:end])
        ]
        if starts:
            used = max(starts)
            found.append(at)
    return found


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("{sequence: [{event: a}, {event: b}]}", "'within' is missing"),
        ("{sequence: {steps: [{event: a}, {event: b}]}}", "'within' is missing"),
        ("{sequence: {within: 10m}}", "'steps' is missing"),
        ("{sequence: [{event: a}], within: 10m}", "2 to 20 steps, not 1"),
        ("{sequence: [], within: 10m}", "at least one item"),
        ("{sequence: a, within: 10m}", "expected a mapping"),
        ("{sequence: [{event: a}, {evnt: b}], within: 10m}", "unknown operator 'evnt'"),
        ("{sequence: [{event: a}, {event: b}], within: 90d}", "an impossible window"),
        ("{sequence: {steps: [{event: a}, {event: b}], within: 1m}, within: 1h}", "inside the sequence"),
        ("{sequence: [{metric: t, above: 1}, {event: b}], within: 10m, for: 1m}", "holds for a moment"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(when: str, message: str) -> None:
    with pytest.raises(RuleErrors) as raised:
        parse({"r.yaml": rule(when)})
    assert any(message in problem.message and problem.line == 1 and problem.mend for problem in raised.value.problems)
