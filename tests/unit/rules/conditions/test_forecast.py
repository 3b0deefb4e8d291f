from __future__ import annotations

import random
from itertools import combinations
from statistics import fmean, median
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.event import Event
from rules.conditions.forecast import roughly
from rules.document import parse
from rules.problem import RuleErrors
from tests.unit.rules.conditions.asked import evidence, explained, memory, phrase
from tests.unit.rules.story import START, Story, reading, rule, tick

DAY = 86_400
FILTER = "{metric: t, forecast: {reaches: 10, within: 9d, over: 30d}}"


def daily(begin: float, end: float, level: float, per_day: float, *, noise: float = 0, seed: int = 1) -> list[Event]:
    """Four readings a day from day ``begin`` until before day ``end``."""
    chance = random.Random(seed)
    return [
        reading((begin + quarter / 4) * DAY, level + per_day * quarter / 4 + chance.gauss(0, noise))
        for quarter in range(round((end - begin) * 4))
    ]


def days(story: Story, events: list[Event]) -> list[tuple[str, Any]]:
    return [(word, round(at / DAY, 1)) for word, at in story.heard(*events)]


def test_fires_when_the_limit_comes_near_and_resolves_when_the_filter_is_new() -> None:
    story = Story(rule(FILTER))
    assert days(story, daily(0, 40, 50, -1, noise=0.3)) == [("firing", pytest.approx(31, abs=0.8))]
    assert days(story, daily(40, 42, 98, -1, noise=0.3)) == [("resolved", pytest.approx(40.8, abs=0.3))]
    # The trend goes on from the new filter on.
    assert days(story, daily(42, 125, 96, -1, noise=0.3)) == [("firing", pytest.approx(119, abs=0.8))]


def test_says_when_and_how_sure_it_is() -> None:
    told = Story(rule(FILTER))
    told.tell(*daily(0, 33, 50, -1, noise=0.3))
    decision = told.decisions[0]
    assert " reaches 10 in about 9 days (confidence " in decision.summary
    assert decision.summary.endswith(" %) on chiller-7")
    assert decision.values["forecast_in"] == "about 9 days"
    found = evidence(told)
    assert found["forecast_in"] in ("about 7 days", "about 8 days")
    assert found["forecast_at"].startswith("2025-07-25T")
    assert 80 <= found["forecast_confidence"] <= 99
    assert decision.explanation["slope_per_day"] == pytest.approx(-1, rel=0.03)
    assert decision.explanation["confidence"] >= 0.8


def test_says_nothing_from_too_few_points_or_too_short_a_time() -> None:
    story = Story(rule(FILTER), *daily(0, 7, 20, -1))
    assert explained(story)["points"] >= 8
    assert explained(story)["result"] is None
    story.tell(*daily(7, 9, 13, -1))
    assert explained(story)["result"] is True
    few = Story(rule(FILTER), *(reading(2 * day * DAY, 30 - 2 * day) for day in range(7)))
    assert explained(few)["covered_ms"] > 7.5 * DAY * 1000
    assert explained(few)["result"] is None


@pytest.mark.parametrize("per_day", [0, 0.5])
def test_what_stands_still_or_goes_away_is_false(per_day: float) -> None:
    story = Story(rule(FILTER), *daily(0, 30, 40, per_day))
    assert story.outcomes == []
    assert explained(story)["result"] is False


def test_noise_is_no_trend() -> None:
    fired = 0
    for seed in range(40):
        story = Story(rule(FILTER), *daily(0, 60, 20, 0, noise=2, seed=seed))
        fired += explained(story)["result"] is True
    assert fired <= 2


def test_rising_to_a_limit_is_the_same_thing() -> None:
    story = Story(rule("{metric: t, forecast: {reaches: 80, within: 9d, over: 30d}}"))
    assert days(story, daily(0, 40, 40, 1)) == [("firing", pytest.approx(31, abs=0.8))]


def test_once_true_it_stays_until_the_limit_is_well_away() -> None:
    chance = random.Random(3)
    story = Story(rule(FILTER), reading(0, 60))
    level, told = 60.0, []
    for quarter in range(1, 50 * 4):
        pace = 1 if quarter < 4 * 45 else 0.9
        level -= pace / 4
        told += story.heard(reading(quarter / 4 * DAY, level + chance.gauss(0, 0.4)))
    assert [word for word, _ in told] == ["firing"]


def test_it_is_over_when_the_wear_stops() -> None:
    story = Story(rule(FILTER), *daily(0, 33, 50, -1, noise=0.2))
    assert [word for word, _ in days(story, daily(33, 60, 17, 0, noise=0.2))] == ["resolved"]


def test_past_the_limit_it_has_been_reached() -> None:
    story = Story(rule(FILTER))
    told = days(story, [*daily(0, 45, 50, -1, noise=0.2), *daily(45, 80, 5, 0, noise=0.2)])
    assert [word for word, _ in told] == ["firing"]
    assert evidence(story)["forecast_in"] == "0 min"
    assert phrase(story).endswith(" has reached 10")


def test_first_seen_beyond_the_limit_it_counts_as_there_only_in_the_named_direction() -> None:
    assert explained(Story(rule(FILTER), *daily(0, 20, 9, -0.1)))["result"] is False
    named = FILTER.replace("over:", "direction: falling, over:")
    assert explained(Story(rule(named), *daily(0, 20, 9, -0.1)))["result"] is True
    assert explained(Story(rule(named), *daily(0, 20, 5, 0.1)))["result"] is True
    rising = FILTER.replace("over:", "direction: rising, over:")
    assert explained(Story(rule(rising), *daily(0, 20, 4, 0.25)))["result"] is True
    assert explained(Story(rule(named), *daily(0, 20, 30, 0.2)))["result"] is False


def test_a_stray_value_is_no_jump() -> None:
    events = daily(0, 30, 50, -0.2, noise=0.2)
    for place in (40, 80, 81):
        events[place] = reading(place / 4 * DAY, 900)
    story = Story(rule(FILTER), *events)
    assert explained(story)["points"] > 60
    assert explained(story)["slope_per_day"] == pytest.approx(-0.2, rel=0.2)


def test_a_device_that_stood_still_goes_on_where_it_was() -> None:
    story = Story(rule(FILTER), *daily(0, 20, 60, -1, noise=0.1))
    story.tell(*daily(28, 31, 40, -1, noise=0.1))
    assert explained(story)["points"] > 40
    assert explained(story)["afresh_since"] is None


def test_what_wears_through_a_long_silence_has_not_jumped() -> None:
    story = Story(rule(FILTER), *daily(0, 6, 60, -1, noise=0.3))
    story.tell(*(reading(day * DAY, 60 - day) for day in (14, 15, 16, 17, 18)))
    assert explained(story)["afresh_since"] is None
    assert explained(story)["slope_per_day"] == pytest.approx(-1, rel=0.1)


def test_a_bend_is_no_jump() -> None:
    events = [reading(hour * 3 * 3600, 100 * (1 - (hour / 240) ** 3)) for hour in range(200)]
    story = Story(rule(FILTER), *events)
    assert explained(story)["points"] > 30


def test_old_data_leave_it_unknown() -> None:
    story = Story(rule(FILTER), *daily(0, 33, 50, -1, noise=0.2))
    assert [decision.transition for decision in story.decisions] == []
    before = [alert.phase for alert in story.state.alerts()]
    assert before == ["firing"]
    assert story.heard(tick(60 * DAY)) == []
    assert [alert.phase for alert in story.state.alerts()] == ["firing"]
    sustained = Story(rule(FILTER.replace("}}", "}, for: 20d}")), *daily(0, 33, 50, -1, noise=0.2))
    assert sustained.heard(tick(70 * DAY)) == []


def test_what_is_no_number_is_not_looked_at() -> None:
    story = Story(rule(FILTER), reading(0, "new"), reading(1, True), reading(2, 1e200))
    assert explained(story)["points"] == 0
    assert explained(story)["result"] is None


def test_a_sample_that_was_under_way_while_its_bucket_ended_is_counted() -> None:
    def told(*, late: bool) -> dict[str, Any]:
        story = Story(
            rule("{any: [{metric: t, forecast: {reaches: 10, within: 15m, over: 1h}}, {metric: u, above: 1}]}")
        )
        for minute in range(30):
            sample, other = reading(60 * minute, 80 - minute), reading(60 * minute + 59, 0, "u")
            story.tell(*((other, sample) if late else (sample, other)))
        return dict(explained(story)["of"][0])

    assert told(late=True)["points"] == told(late=False)["points"]
    assert told(late=True)["reaches_at"] == told(late=False)["reaches_at"]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(60, 20_000), st.floats(-0.5, 0.5, width=16)), min_size=30, max_size=80),
    st.floats(-1.5, -0.5),
)
def test_is_the_line_through_the_means_of_all_samples(drawn: list[tuple[int, float]], per_hour: float) -> None:
    """Against a model that keeps every sample, and knows only when buckets end."""
    hours = "{metric: t, forecast: {reaches: 10, within: 1d, over: 1d}}"
    story, samples, now = Story(rule(hours)), [], 0
    for pause, stray in drawn:
        now += pause
        samples.append((START + now * 1000, 1000 + per_hour * now / 3600 + stray))
        story.tell(reading(now, samples[-1][1]))
    width, end = 1_350_000, memory(story)[0]
    closed = end - width
    buckets: dict[int, list[tuple[int, float]]] = {}
    for at, value in samples:
        buckets.setdefault((at - end) // width, []).append((at, value))
    points = [
        (round(fmean(at for at, _ in bucket)), fmean(value for _, value in bucket))
        for number, bucket in sorted(buckets.items())
        if number < -1
    ]
    newest_end = max((end + (number + 1) * width for number in buckets if number < -1), default=closed)
    points = [point for point in points if point[0] >= newest_end - DAY * 1000]
    found = explained(story)
    assert found["points"] == len(points)
    if len(points) < 8 or points[-1][0] - points[0][0] < DAY * 250:
        assert found["result"] is None
        return
    slope = median((late - early) / (b - a) for (a, early), (b, late) in combinations(points, 2))
    assert found["fitted_at"] == newest_end
    assert found["slope_per_day"] / DAY / 1000 == pytest.approx(slope, rel=1e-6)
    if found["reaches_at"] is not None:
        level = median(value + slope * (points[-1][0] - at) for at, value in points)
        assert found["reaches_at"] == pytest.approx(points[-1][0] + (10 - level) / slope, abs=60_000)


def test_devices_do_not_all_come_due_at_once() -> None:
    story = Story(rule(FILTER), *(reading(0, 50, device=f"d{number}") for number in range(50)))
    assert len({subject.due for subject in story.state.subjects.values()}) > 45


def test_remembers_a_bounded_amount() -> None:
    story = Story(rule("{metric: t, forecast: {reaches: 10, within: 15m, over: 1h}}"))
    story.tell(*(reading(20 * number, 80 - number % 7) for number in range(3000)))
    assert all(len(item) <= 65 for item in memory(story) if isinstance(item, list))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 min"),
        (-5, "0 min"),
        (30, "about a minute"),
        (600, "about 10 minutes"),
        (5400, "about 90 minutes"),
        (36 * 3600, "about 36 hours"),
        (9.4 * DAY, "about 9 days"),
    ],
)
def test_rounds_as_people_do(seconds: float, words: str) -> None:
    assert roughly(round(seconds * 1000)) == words


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("{forecast: {reaches: 1, within: 1d}}", "'metric' is missing"),
        ("{metric: t, forecast: 9d}", "expected a mapping here"),
        ("{metric: t, forecast: {within: 9d}}", "'reaches' is missing"),
        ("{metric: t, forecast: {reaches: 10}}", "'within' is missing"),
        ("{metric: t, forecast: {reaches: 10, within: 9d, ovr: 1d}}", "unknown key 'ovr'"),
        ("{metric: t, forecast: {reaches: 10, within: 9d, over: 1d}}", "1 day of data say nothing about 9 days ahead"),
        ("{metric: t, forecast: {reaches: 10, within: 1m, over: 7d}}", "is looked at every 2 h 37 min"),
        ("{metric: t, forecast: {reaches: 10, within: 1s, over: 30s}}", "a trend can't be seen over 30 s"),
        ("{metric: t, forecast: {reaches: 10, within: 9d, confidence: 10%}}", "a confidence of 10% can't be asked for"),
        ("{metric: t, forecast: {reaches: 10, within: 9d, confidence: 0.9}}", "must be a percentage"),
        ("{metric: t, forecast: {reaches: 10, within: 9d, direction: down}}", "'direction' cannot be 'down'"),
    ],
)
def test_refuses_what_can_not_be_meant(when: str, message: str) -> None:
    with pytest.raises(RuleErrors, match=r"rules\.yaml:1:") as refused:
        parse({"rules.yaml": rule(when)})
    assert message in str(refused.value)


def test_its_mends_are_accepted() -> None:
    for within, over in (("9d", "1d"), ("1m", "7d")):
        with pytest.raises(RuleErrors) as refused:
            parse({"r": rule(f"{{metric: t, forecast: {{reaches: 10, within: {within}, over: {over}}}}}")})
        mended = refused.value.problems[0].mend.split()[2]
        parse({"r": rule(f"{{metric: t, forecast: {{reaches: 10, within: {within}, over: {mended}}}}}")})
