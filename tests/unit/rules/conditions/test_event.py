import pytest

from devices.event import DeviceEvent
from rules.document import parse
from rules.problem import RuleErrors
from tests.unit.rules.story import START, Story, happening, reading, rule, tick

UNTIL = '{event: {type: "error-*", until: error-cleared}}'


def test_fires_at_each_event_and_is_over_a_moment_later() -> None:
    story = Story(rule("{event: door-opened}"), reading(0, 1))
    assert story.heard(happening(10, "door-opened"), tick(11)) == [("firing", 10), ("resolved", 10.001)]
    assert story.heard(happening(20, "door-closed"), happening(30, "door-opened"), reading(40, 1)) == [
        ("firing", 30), ("resolved", 30.001),
    ]  # fmt: skip


def test_the_very_first_thing_that_a_device_says_counts() -> None:
    assert Story(rule("{event: door-opened}")).heard(happening(0, "door-opened")) == [("firing", 0)]
    assert Story(rule(UNTIL)).heard(happening(0, "error-3")) == [("firing", 0)]


def test_the_type_is_a_shell_pattern() -> None:
    story = Story(rule('{event: "door-[0-9]?"}'), reading(0, 1))
    assert story.heard(happening(1, "door-1"), happening(2, "door-xy"), happening(3, "a-door-12")) == []
    assert story.heard(happening(4, "door-12")) == [("firing", 4)]


def test_the_data_have_to_say_it_exactly() -> None:
    story = Story(rule("{event: {type: fault, data: {code: 7, fan: true}}}"), reading(0, 1))
    assert story.heard(happening(1, "fault"), happening(2, "fault", code=7), happening(3, "fault", code=7, fan=1)) == []
    assert story.heard(happening(4, "fault", code=7.0, fan=True, more="x")) == [("firing", 4)]


def test_lasts_until_the_other_event() -> None:
    story = Story(rule(UNTIL), reading(0, 1))
    assert story.heard(happening(10, "error-3"), happening(20, "error-4"), tick(99), reading(100, 1)) == [
        ("firing", 10)
    ]
    assert story.heard(happening(200, "error-cleared")) == [("resolved", 200)]
    assert story.heard(happening(300, "error-cleared")) == []


def test_what_lasts_can_be_held_for_a_time() -> None:
    story = Story(rule("{event: {type: door-opened, until: door-closed}, for: 5m}"), reading(0, 1))
    assert story.heard(happening(10, "door-opened"), happening(100, "door-closed"), tick(400)) == []
    assert story.heard(happening(500, "door-opened"), tick(900)) == [("firing", 800)]
    assert story.heard(happening(1000, "door-closed")) == [("resolved", 1000)]


def test_a_late_or_repeated_event_changes_nothing() -> None:
    story = Story(rule(UNTIL), reading(0, 1), happening(10, "error-3"), happening(20, "error-cleared"))
    assert story.heard(happening(10, "error-3"), happening(15, "error-9"), happening(20, "error-cleared")) == []


def test_stands_beside_a_metric() -> None:
    story = Story(rule("{all: [{event: door-opened}, {metric: t, above: 8}]}"), reading(0, 5))
    assert story.heard(happening(10, "door-opened"), reading(20, 9), reading(30, 9)) == []
    assert story.heard(happening(40, "door-opened"), tick(41)) == [("firing", 40), ("resolved", 40.001)]


def test_says_what_was_reported_and_shows_it_to_templates() -> None:
    story = Story(rule(UNTIL), reading(0, 1))
    story.tell(happening(10, "error-3", code=7, part="fan", where={"floor": 2}), happening(20, "error-cleared"))
    fired, resolved = story.decisions
    assert fired.summary == "chiller-7 reported error-3 (code 7, part fan)"
    assert resolved.summary == "chiller-7 reported error-cleared"
    assert fired.values.items() >= {"event": "error-3", "code": 7, "part": "fan", "device": "chiller-7"}.items()
    assert fired.explanation == {
        "operator": "event", "type": "error-*", "happened_at": START + 10_000, "event": "error-3",
        "values": {"code": 7, "part": "fan"}, "until": "error-cleared", "ended_by": None, "result": True,
    }  # fmt: skip


def test_keeps_no_more_of_the_data_than_templates_may_need() -> None:
    story = Story(rule("{event: dump}"), reading(0, 1))
    data = {f"k{i}": "x" * 10_000 for i in range(1000)}
    story.tell(DeviceEvent("chiller-7", START + 1000, START + 1000, "dump", data))
    slot = story.state.subjects["chiller-7"].slots[0]
    assert slot is not None
    assert len(str(slot.memory)) < 6_000


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("{event: door-opened, for: 5m}", "holds for a moment"),
        ("{event: {until: x}}", "'type' is missing"),
        ("{event: {type: a, until: a}}", "cannot end what it begins"),
        ("{event: {type: a, code: 7}}", "unknown key 'code'"),
        ("{event: {type: a, data: 7}}", "expected a mapping"),
        ("{event: {type: a, data: {code: [1]}}}", "must be a single value"),
        ("{event: [a, b]}", "must be a text"),
        (f"{{event: {'x' * 300}}}", "has 300 characters"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(when: str, message: str) -> None:
    with pytest.raises(RuleErrors) as raised:
        parse({"r.yaml": rule(when)})
    assert any(message in problem.message and problem.line == 1 and problem.mend for problem in raised.value.problems)
