import pytest

from devices.event import Telemetry
from rules.document import parse
from rules.problem import RuleErrors
from tests.unit.rules.story import START, Story, reading, rule, tick

ANY = "{metric: t, changed: true}"


def test_fires_at_each_sample_that_differs_and_is_over_a_moment_later() -> None:
    story = Story(rule(ANY), reading(0, "a"))
    assert story.heard(reading(10, "b"), reading(20, "b"), tick(21)) == [("firing", 10), ("resolved", 10.001)]
    assert story.heard(reading(30, "a"), reading(40, "c")) == [
        ("firing", 30), ("resolved", 30.001), ("firing", 40),
    ]  # fmt: skip


def test_the_first_sample_is_no_change() -> None:
    assert Story(rule(ANY)).heard(reading(0, "a"), reading(10, "a"), tick(20)) == []


def test_other_data_in_between_ends_it_and_is_no_change() -> None:
    story = Story(rule("{any: [{metric: t, changed: true}, {metric: other, above: 5}]}"), reading(0, 1))
    assert story.heard(reading(1, 1, "other"), reading(10, 2), reading(10.001, 1, "other")) == [
        ("firing", 10), ("resolved", 10.001),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "fired"),
    [("{from: auto}", [10, 30]), ("{to: manual}", [10, 40]), ("{from: off, to: manual}", [40]), ("{to: 5}", [])],
)
def test_may_ask_from_what_and_to_what(asked: str, fired: list[float]) -> None:
    story = Story(rule(f"{{metric: t, changed: {asked}}}"), reading(0, "auto"))
    told = story.heard(reading(10, "manual"), reading(20, "auto"), reading(30, "off"), reading(40, "manual"), tick(50))
    assert [at for name, at in told if name == "firing"] == fired


def test_one_is_the_same_number_however_it_is_written_and_not_true() -> None:
    story = Story(rule(ANY), reading(0, 1))
    assert story.heard(reading(10, 1.0), tick(11)) == []
    assert story.heard(reading(20, True), tick(21)) == [("firing", 20), ("resolved", 20.001)]


def test_a_second_value_of_the_same_millisecond_is_passed_over_where_the_device_gave_the_time() -> None:
    story = Story(rule(ANY), reading(0, "a", late_by=5))
    assert story.heard(reading(0, "b", late_by=5), tick(1)) == []


def test_says_what_changed() -> None:
    story = Story(rule("{metric: mode, changed: {to: manual}}"), reading(0, "auto", "mode"))
    story.tell(reading(10, "manual", "mode"), tick(11))
    fired, over = story.decisions
    assert fired.summary == "mode changed from auto to manual on chiller-7"
    assert over.summary == "mode changes no more on chiller-7"
    assert fired.explanation == {
        "operator": "changed", "metric": "mode", "to": "manual", "value": "manual", "sampled_at": fired.at,
        "before": "auto", "changed_at": fired.at, "result": True,
    }  # fmt: skip


def test_is_one_of_several_metrics_of_a_reading() -> None:
    story = Story(rule("{all: [{metric: t, changed: true}, {metric: door, equals: open}]}"), reading(0, 1))
    both = Telemetry("chiller-7", START + 5000, START + 5000, {"t": 2, "door": "open"})
    assert story.heard(both, tick(6)) == [("firing", 5), ("resolved", 5.001)]


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("{metric: t, changed: true, for: 5m}", "holds for a moment"),
        ("{all: [{metric: t, changed: true}, {metric: t, above: 5}], for: 5m}", "holds for a moment"),
        ("{metric: t, changed: false}", "must be true"),
        ("{metric: t, changed: {}}", "neither from what nor to what"),
        ("{metric: t, changed: {from: 1, to: 1}}", "is no change"),
        ("{metric: t, changed: {into: 1}}", "unknown key 'into'"),
        ("{metric: t, changed: {to: [1]}}", "must be a single value"),
        ("{changed: true}", "'metric' is missing"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(when: str, message: str) -> None:
    with pytest.raises(RuleErrors) as raised:
        parse({"r.yaml": rule(when)})
    assert any(message in problem.message and problem.line == 1 and problem.mend for problem in raised.value.problems)
