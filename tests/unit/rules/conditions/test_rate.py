from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.event import Event
from rules.conditions.rate import Rate
from rules.document import parse
from rules.problem import RuleErrors
from tests.unit.rules.story import HOUR, MINUTE, SECOND, START, Story, reading, rule, tick

ENERGY = "{metric: t, rate: {per: hour, over: 30m}, above: 5, clear_below: 3}"


def line(start: int, end: int, value: Callable[[int], float], every: int = 1) -> list[Event]:
    """Readings at the minutes from ``start`` to ``end``."""
    return [reading(minute * 60, value(minute)) for minute in range(start, end, every)]


def found(points: list[tuple[int, float]], over: int = 30 * MINUTE, *, counter: bool = False) -> float | None:
    """The rate per hour after ``points`` (ms, value)."""
    rate = Rate("hour", over, 10 * MINUTE, counter=counter)
    memory = rate.fresh()
    for at, value in points:
        rate.observe(memory, at, value)
    number = rate.number(memory, points[-1][0])
    return None if number is None else number.low


def test_fires_when_the_slope_of_most_pairs_is_beyond_the_limit() -> None:
    story = Story(rule(ENERGY), *line(0, 40, lambda _: 100))
    times = [at for _, at in story.heard(*line(40, 80, lambda minute: 100 + (minute - 39) / 10))]
    assert len(times) == 1
    assert 40 * 60 < times[0] <= 60 * 60
    assert story.heard(*line(80, 120, lambda _: 104))[0][0] == "resolved"


def test_says_how_fast_and_from_how_many_points() -> None:
    story = Story(rule("{metric: energy, rate: {per: hour, over: 20m}, above: 5}"))
    story.tell(*(reading(i * 60, 100 if i < 25 else 100 + (i - 24) * 0.2, "energy") for i in range(60)))
    decision = story.decisions[0]
    assert decision.summary.startswith("energy rises by ")
    assert decision.summary.endswith(" per hour, above 5 on chiller-7")
    told = decision.explanation
    assert (told["operator"], told["per"], told["points"], told["span_ms"]) == ("rate", "hour", 21, 20 * MINUTE)
    assert told["number"] > told["above"] == 5


def test_times_may_be_irregular() -> None:
    times = [0, 7, 130, 131, 400, 777, 1100, 1500, 1700]
    assert found([(START + at * SECOND, 10 + at / 3600 * 6) for at in times]) == pytest.approx(6)


def test_outliers_change_next_to_nothing() -> None:
    clean = [(START + minute * MINUTE, minute / 10) for minute in range(30)]
    spiked = [(at, 1e9 if i in (7, 15, 22) else value) for i, (at, value) in enumerate(clean)]
    assert found(spiked) == pytest.approx(found(clean) or 0, abs=0.5)


@pytest.mark.parametrize("minutes", [(0, 29), (0, 1, 2), (0, 4, 9, 14)])
def test_too_few_points_or_too_short_a_time_is_unknown(minutes: tuple[int, ...]) -> None:
    assert found([(START + minute * MINUTE, float(minute)) for minute in minutes]) is None


def test_half_of_the_time_is_enough() -> None:
    assert found([(START + minute * MINUTE, float(minute)) for minute in (0, 7, 15)]) == pytest.approx(60)


def test_no_slope_is_drawn_across_a_gap() -> None:
    before = [(START + minute * MINUTE, 0.0) for minute in range(20)]
    after = [(START + minute * MINUTE, 500.0) for minute in range(30, 44)]
    assert found(before + after) is None
    assert found([*before, *after, (START + 45 * MINUTE, 500.0)]) == 0


def test_is_unknown_after_a_silence_and_ends_nothing() -> None:
    story = Story(rule(ENERGY), *line(0, 40, lambda minute: minute))
    story.tell(*line(40, 60, lambda minute: minute))
    assert [alert.phase for alert in story.state.alerts()] == ["firing"]
    assert story.heard(tick(100 * 60), reading(100 * 60, 60), tick(101 * 60)) == []


def test_a_counter_that_begins_again_does_not_fall() -> None:
    points = [(START + minute * MINUTE, float(minute * 2 % 30)) for minute in range(31)]
    assert found(points, counter=True) == pytest.approx(120, rel=0.05)
    assert (found(points) or 0) < 110


def test_a_slow_fall_is_below_and_said_as_a_fall() -> None:
    story = Story(rule("{metric: t, rate: per_minute, below: -1}"), *line(0, 12, lambda _: 50))
    story.tell(*line(12, 30, lambda minute: 50 - 2 * (minute - 11)))
    assert "t falls by " in story.decisions[0].summary
    assert story.decisions[0].summary.endswith(" per minute, below -1 on chiller-7")


def test_between_compares_the_rate_too() -> None:
    story = Story(rule("{metric: t, rate: per_hour, between: [55, 65]}"), *line(0, 10, lambda _: 0.0))
    assert [name for name, _ in story.heard(*line(10, 30, float))] == ["firing"]


def test_stands_under_for() -> None:
    when = "{metric: t, rate: {per: hour, over: 10m}, above: 30, for: 20m}"
    story = Story(rule(when), *line(0, 20, lambda _: 0.0))
    heard = story.heard(*line(20, 60, lambda minute: float(minute - 19)))
    assert [name for name, _ in heard] == ["firing"]
    assert heard[0][1] >= 40 * 60


@given(
    st.lists(st.tuples(st.integers(1, 400), st.floats(-1e6, 1e6)), min_size=1, max_size=60),
    st.sampled_from([MINUTE, 30 * MINUTE, HOUR]),
)
def test_is_the_median_of_the_slopes_of_the_first_samples_of_each_slot(
    steps: list[tuple[int, float]], over: int
) -> None:
    at, points = START, []
    for gap, value in steps:
        at += gap * SECOND
        points.append((at, value))
    assert found(points, over) == pytest.approx(plain(points, over), nan_ok=True)


def plain(points: list[tuple[int, float]], over: int) -> float | None:
    """The same from the whole list at once."""
    gaps = [i for i in range(1, len(points)) if points[i][0] - points[i - 1][0] > min(over, 10 * MINUTE)]
    points = points[gaps[-1] :] if gaps else points
    width = over // 20
    firsts = [p for i, p in enumerate(points) if i == 0 or p[0] // width != points[i - 1][0] // width]
    inside = [p for p in firsts if firsts[-1][0] - p[0] <= over]
    if len(inside) < 3 or inside[-1][0] - inside[0][0] < over / 2:
        return None
    slopes = sorted((b[1] - a[1]) / (b[0] - a[0]) * HOUR for i, a in enumerate(inside) for b in inside[i + 1 :])
    half = len(slopes) // 2
    return slopes[half] if len(slopes) % 2 else (slopes[half - 1] + slopes[half]) / 2


@given(st.lists(st.integers(1, 30), min_size=200, max_size=400))
def test_remembers_at_most_one_point_for_each_slot(gaps: list[int]) -> None:
    rate = Rate("hour", MINUTE, 10 * MINUTE, counter=False)
    memory, at = rate.fresh(), START
    for gap in gaps:
        at += gap * SECOND
        rate.observe(memory, at, 1.0)
    assert len(memory[3]) == len(memory[4]) <= 21


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("{metric: t, rate: per_fortnight, above: 1}", "'rate' cannot be 'per_fortnight'"),
        ("{metric: t, rate: {over: 5m}, above: 1}", "'per' is missing"),
        ("{metric: t, rate: {per: hour, over: 32d}, above: 1}", "an impossible window: 'rate' cannot look at 32 days"),
        ("{metric: t, rate: {per: hour, over: 10ms}, above: 1}", "an impossible window"),
        ("{metric: t, rate: {per: hour, counter: perhaps}, above: 1}", "'counter' must be true or false"),
        ("{metric: t, rate: per_hour}", "nothing says what is wrong with it"),
        ("{rate: per_hour, above: 1}", "'metric' is missing"),
        ("{metric: t, rate: per_hour, window: {avg: 5m}, above: 1}", "both ask for the limits beside them"),
        ("{metric: t, rate: per_hour, above: 5, clear_below: 6}", "on the wrong side"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(when: str, message: str) -> None:
    with pytest.raises(RuleErrors) as raised:
        parse({"r.yaml": rule(when)})
    assert any(message in problem.message and problem.line == 1 and problem.mend for problem in raised.value.problems)
