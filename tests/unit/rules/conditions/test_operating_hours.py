from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.event import Event
from rules.document import parse
from rules.problem import RuleErrors
from tests.unit.rules.conditions.asked import evidence, explained
from tests.unit.rules.story import MINUTE, Story, happening, reading, rule, tick

PAGE = Path("docs/reference/rules/operating_hours.md")
RUNS = "{operating_hours: {every: 2h, while: {metric: t, above: 50}}}"
COUNTS = "{operating_hours: {every: 500, metric: t}}"


def power(*minutes: tuple[int, float]) -> list[Event]:
    return [reading(60 * minute, value) for minute, value in minutes]


def every_five(begin: int, end: int, value: float) -> list[Event]:
    return power(*((minute, value) for minute in range(begin, end, 5)))


def test_is_due_when_it_has_run_so_long_and_until_it_was_serviced() -> None:
    story = Story(rule(RUNS), *every_five(0, 60, 0))
    assert story.heard(*every_five(60, 160, 100), *every_five(160, 300, 0)) == []
    assert explained(story)["run_ms"] == 100 * MINUTE
    assert story.heard(*every_five(300, 340, 100)) == [("firing", 320 * 60)]
    assert story.decisions[0].summary == "chiller-7 has run 2 h since first seen, due every 2 h"
    assert story.heard(*every_five(340, 400, 0), happening(24_000, "cleaned")) == []
    assert story.heard(happening(24_010, "serviced")) == [("resolved", 24_010)]
    assert story.decisions[1].summary == "chiller-7 reported serviced: its hours count from 0 again"
    assert explained(story)["run_ms"] == 0
    assert story.heard(*every_five(405, 540, 100)) == [("firing", 525 * 60)]


def test_the_second_example_on_its_page_is_a_rule_too() -> None:
    examples = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    story = Story(examples[1])
    story.tell(*(reading(300 * place, 100, "power") for place in range(6000)))
    assert explained(story)["run_ms"] == 5999 * 5 * MINUTE
    assert story.decisions == []
    assert story.heard(reading(300 * 6000, 100, "power")) == [("firing", 300 * 6000)]


def test_time_before_a_service_does_not_count_after_it() -> None:
    story = Story(rule(RUNS), *every_five(0, 60, 100))
    story.tell(happening(59 * 60, "serviced"), *power((60, 100)))
    assert explained(story)["run_ms"] == MINUTE


def test_a_silence_longer_than_max_gap_does_not_count() -> None:
    story = Story(rule(RUNS), *power((0, 100), (5, 100), (16, 100), (20, 100)))
    assert explained(story)["run_ms"] == 9 * MINUTE
    wide = Story(rule(RUNS, max_gap="1h"), *power((0, 100), (5, 100), (16, 100), (20, 100)))
    assert explained(wide)["run_ms"] == 20 * MINUTE


def test_ticks_in_a_silence_do_not_count_it_either() -> None:
    story = Story(rule(RUNS), *power((0, 100)))
    story.tell(*(tick(60 * minute) for minute in range(1, 30)), *power((30, 100), (31, 100)))
    assert explained(story)["run_ms"] == MINUTE


def test_other_data_do_not_confirm_that_it_runs() -> None:
    story = Story(rule("{all: [" + RUNS + ", {metric: u, above: 0}]}"), *power((0, 100)))
    story.tell(reading(300, 1, "u"), reading(540, 1, "u"), *power((20, 0)))
    assert explained(story)["of"][0]["run_ms"] == 0


def test_it_ends_with_the_sample_that_says_so() -> None:
    story = Story(rule(RUNS), *power((0, 100), (7, 0), (12, 100), (14, 0)))
    assert explained(story)["run_ms"] == 9 * MINUTE


def test_runs_under_any_condition_that_lasts() -> None:
    both = "{all: [{metric: t, above: 50}, {metric: door, equals: shut}], for: 5m}"
    story = Story(rule(f"{{operating_hours: {{every: 2h, while: {both}}}}}"), reading(0, "shut", "door"))
    story.tell(*power((0, 100), (4, 100), (8, 100), (12, 100)))
    assert explained(story)["run_ms"] == 3 * MINUTE  # until the door was heard of too long ago
    story.tell(reading(720, "shut", "door"), *power((16, 100), (20, 100)))
    assert explained(story)["of"][0]["operator"] == "for"


def test_nothing_is_known_before_anything_is() -> None:
    story = Story(rule(RUNS), happening(0, "button"))
    assert explained(story)["result"] is None
    story.tell(*power((0, 0)))
    assert explained(story)["result"] is False


def test_counts_on_while_unknown() -> None:
    story = Story(rule(RUNS), *every_five(0, 130, 100))
    assert story.heard(tick(200 * 60)) == []
    assert [alert.phase for alert in story.state.alerts()] == ["firing"]
    assert explained(story)["result"] is True


def test_follows_a_device_that_counts_by_itself() -> None:
    story = Story(rule(COUNTS), reading(0, 3000))
    assert story.heard(reading(60, 3499.5), reading(120, 3500)) == [("firing", 120)]
    assert story.decisions[0].summary == "t of chiller-7 went up by 500 since first seen, due every 500"
    assert story.heard(happening(180, "serviced"), reading(240, 3600)) == [("resolved", 180)]
    assert explained(story)["run"] == 100


def test_a_count_that_started_anew_goes_on() -> None:
    story = Story(rule(COUNTS), reading(0, 3000), reading(60, 3300), reading(120, 0), reading(180, 5))
    assert explained(story)["run"] == 305
    assert story.heard(reading(240, 200)) == [("firing", 240)]


def test_a_slip_of_the_count_is_none() -> None:
    story = Story(rule(COUNTS), reading(0, 3000), reading(60, 3300))
    assert story.heard(reading(120, 0), reading(180, 0), reading(240, 3301)) == []
    assert explained(story)["run"] == 301
    after = Story(rule(COUNTS), reading(0, 3000), reading(60, 0), happening(70, "serviced"), reading(80, 3010))
    assert explained(after)["run"] == 10


def test_what_is_no_number_is_not_counted() -> None:
    story = Story(rule(COUNTS), reading(0, "many"), reading(10, True))
    assert explained(story)["result"] is None
    story.tell(reading(20, 10), reading(30, "n/a"), reading(40, 12))
    assert explained(story)["run"] == 2


def test_gives_templates_its_hours() -> None:
    running = Story(rule(RUNS), *every_five(0, 95, 100))
    assert evidence(running) == {"operating_hours": 1.5, "operating_hours_due": 2}
    assert evidence(Story(rule(COUNTS), reading(0, 1), reading(1, 3.25))) == {
        "operating_hours": 2.2,
        "operating_hours_due": 500,
    }


@pytest.mark.parametrize(
    ("hours", "message", "mend"),
    [
        ("500h", "expected a mapping", "while"),
        ("{every: 500h}", "exactly one of 'while'", "metric"),
        ("{every: 500, metric: t, while: {metric: t, above: 1}}", "exactly one of 'while'", "metric"),
        ("{while: {metric: t, above: 1}}", "'every' is missing", "500h"),
        ("{every: 500, while: {metric: t, above: 1}}", "'500' has no unit", "500h"),
        ("{every: 500h, metric: t}", "'500h' has a unit of its own", "every: 500"),
        ("{every: 0, metric: t}", "more than 0", "500"),
        ("{every: 500h, while: {metric: t}}", "nothing is asked here", "above"),
        ("{every: 500h, while: {every: {at: '09:00'}}}", "takes no time", "lasts"),
        ("{every: 500h, while: {metric: t, above: 1}, reset: x}", "unknown key 'reset'", "reset_by"),
    ],
)
def test_refuses_what_can_not_be_meant(hours: str, message: str, mend: str) -> None:
    with pytest.raises(RuleErrors, match=r"rules\.yaml:1:") as refused:
        parse({"rules.yaml": rule(f"{{operating_hours: {hours}}}")})
    assert any(message in problem.message and mend in problem.mend for problem in refused.value.problems), str(
        refused.value
    )


happenings = st.lists(
    st.tuples(st.integers(1, 900), st.sampled_from([0, 100, "x", None, "serviced"])), min_size=1, max_size=60
)  # (seconds after the one before; power, None for a tick, or the service)


@settings(deadline=None)
@given(happenings)
def test_counts_as_a_plain_model_does(happened: list[tuple[int, Any]]) -> None:
    story, now = Story(rule(RUNS)), 0
    samples: list[tuple[int, bool, bool]] = []
    serviced = 0
    for pause, value in happened:
        now += pause
        if value is None:
            story.tell(tick(now))
        elif value == "serviced":
            story.tell(happening(now, "serviced"))
            serviced = now
        else:
            story.tell(*[reading(now, value)] * 2)
            samples.append((now, value == 100, value != "x"))
    if not samples:
        return
    run = 0
    for (begin, running, _), (end, _, known) in pairwise(samples):
        if running and known and end - max(begin, serviced) <= 600 and end > serviced and end - begin <= 600:
            run += end - max(begin, serviced)
    assert explained(story)["run_ms"] == run * 1000


@settings(deadline=None)
@given(st.lists(st.integers(0, 40), min_size=2, max_size=50))
def test_metered_never_counts_more_than_was_gained(values: list[int]) -> None:
    story = Story(rule(COUNTS))
    story.tell(*(reading(place, value) for place, value in enumerate(values)))
    gained = sum(max(0, late - early) for early, late in pairwise(values))
    assert 0 <= explained(story)["run"] <= gained
    if values == sorted(values):
        assert explained(story)["run"] == values[-1] - values[0]
