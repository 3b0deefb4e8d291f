from typing import Any

import pytest

from devices.event import Millis
from rules.condition import Memory
from rules.document import parse
from rules.limits import ABOVE, Beyond, Limits, Range
from rules.problem import RuleErrors
from rules.quantity import Compared, Quantity
from rules.subject import NEVER, Subject
from tests.unit.rules.story import START, Story, reading, rule, tick


class Newest(Quantity):
    """The newest sample."""

    name = "newest"

    def fresh(self) -> Memory:
        return [None]

    def observe(self, memory: Memory, at: Millis, value: float) -> None:
        memory[0] = value

    def number(self, memory: Memory, at: Millis) -> Range | None:
        return None if memory[0] is None else Range(memory[0], memory[0])

    def explain(self, memory: Memory, at: Millis) -> dict[str, Any]:
        return {}

    def phrase(self, metric: str, number: float) -> str:
        return f"{metric} is {number}"


def above_five(stale_after: Millis = NEVER) -> Compared:
    return Compared("t", Newest(), Limits((Beyond(ABOVE, 5),)), stale_after)


def subject() -> Subject:
    """A device that a rule concerns."""
    return Story(rule("{metric: t, above: 99}"), reading(0, 1)).state.subjects["chiller-7"]


def test_takes_in_each_sample_once_and_in_order_and_passes_over_what_is_no_number() -> None:
    condition, of = above_five(), subject()
    memory, found = condition.fresh(), []
    for at, value in ((1, 6), (1, 2), (0, 2), (2, "broken"), (3, True), (4, 2), (4, 9)):
        of.samples = {"t": (at, value)}
        found.append(condition.on_event(memory, of, 5))
        assert condition.on_event(memory, of, 5) is found[-1]
    assert found == [True, True, True, True, True, False, False]


def test_a_sample_that_is_too_old_tells_nothing_and_there_is_a_timer_for_that() -> None:
    condition, of = above_five(stale_after=10), subject()
    memory = condition.fresh()
    of.samples = {"t": (100, 6)}
    assert condition.on_event(memory, of, 100) is True
    assert condition.next_deadline(memory, of, 100) == 111
    assert condition.on_time(memory, of, 110) is True
    assert condition.on_time(memory, of, 111) is None
    assert condition.next_deadline(memory, of, 111) == NEVER


def test_explaining_changes_nothing() -> None:
    condition, of = above_five(), subject()
    memory = condition.fresh()
    of.samples = {"t": (100, 6)}
    assert condition.explain(memory, of, 100)["result"] is True
    assert condition.phrase(memory, of, 100, holds=True) == "t is 6.0, above 5"
    assert memory == condition.fresh()


def test_the_limits_beside_a_quantity_do_not_compare_the_metric() -> None:
    story = Story(rule("{metric: t, window: {count: 1h}, above: 3, below: 6}"))
    assert story.heard(*(reading(at, 1000) for at in range(4)), tick(3600)) == []
    story = Story(rule("{metric: t, window: {max: 1m}, above: 3, clear_below: 2}"), reading(0, 0), reading(61, 0))
    assert story.heard(reading(70, 4), reading(125, 2.5), tick(130), tick(184)) == [("firing", 70)]
    assert story.heard(reading(184.5, 1), tick(190)) == [("resolved", 185)]


def test_equals_beside_a_quantity_still_asks_the_metric() -> None:
    story = Story(rule("{metric: t, window: {count: 1h}, above: 1, equals: 7}"), reading(0, 1))
    assert story.heard(reading(1, 1), reading(2, 7)) == [("firing", 2)]


def test_two_quantities_share_a_device_when_each_has_its_limits() -> None:
    both = "{all: [{metric: t, window: {max: 1m}, above: 3}, {metric: t, window: {count: 1m}, above: 2}]}"
    story = Story(rule(both), *(reading(at, 1) for at in (0, 50, 100)))
    assert story.heard(reading(110, 5), reading(120, 1)) == [("firing", 120)]


def test_the_order_of_the_words_does_not_matter() -> None:
    one = parse({"r": rule("{metric: t, above: 3, rate: per_hour, below: 9}")}).rules[0]
    other = parse({"r": rule("{below: 9, rate: per_hour, metric: t, above: 3}")}).rules[0]
    assert one.version == other.version
    assert one.condition.fresh() == other.condition.fresh()


def test_two_quantities_in_one_mapping_are_refused_where_the_second_stands() -> None:
    with pytest.raises(RuleErrors) as raised:
        parse(
            {"r": "rules:\n- id: r\n  when:\n    metric: t\n    rate: per_hour\n    window: {avg: 5m}\n    above: 5\n"}
        )
    (problem,) = raised.value.problems
    assert (problem.line, problem.message) == (6, "'rate' and 'window' both ask for the limits beside them")
    assert "all:" in problem.mend


def test_templates_can_show_the_number() -> None:
    story = Story(rule("{metric: power, window: {max: 1m}, above: 3}"), reading(0, 1, "power"))
    story.tell(reading(61, 1, "power"), reading(70, 7, "power"))
    assert story.decisions[0].values["power_window"] == 7
    assert story.decisions[0].at == START + 70_000
