from typing import Any

import pytest

from devices.event import DeviceFacts
from rules.document import parse
from rules.problem import RuleErrors
from tests.unit.rules.story import Story, device, reading, rule, tick


def chiller(**more: Any) -> DeviceFacts:
    return DeviceFacts("chiller-7", **more)


def holds(condition: str, facts: DeviceFacts) -> bool | None:
    """What a condition comes to: with the device as it is, and with its opposite."""
    for sign, when in ((True, f"{{device: {condition}}}"), (False, f"{{not: {{device: {condition}}}}}")):
        story = Story(rule(when), device(facts))
        if story.heard(reading(0, 1), reading(1, 1)):
            return sign
    return None


@pytest.mark.parametrize(
    ("condition", "facts", "expected"),
    [
        ("{model: chiller-*}", chiller(model="chiller-x"), True),
        ("{model: chiller-*}", chiller(model="oven"), False),
        ("{model: chiller-*}", chiller(), None),
        ("{id: chiller-7}", chiller(), True),
        ("{store: ginza}", chiller(store="ginza"), True),
        ("{store: ginza}", chiller(), None),
        ("{tag: kitchen}", chiller(tags=("kitchen", "new")), True),
        ("{tag: kitchen}", chiller(), False),
        ("{attribute: {floor: 2}}", chiller(attributes={"floor": 2}), True),
        ("{attribute: {floor: 2}}", chiller(attributes={"floor": 3}), False),
        ("{attribute: {floor: 1}}", chiller(attributes={"floor": True}), False),
        ("{attribute: {floor: 2}}", chiller(), None),
        ("{attribute: {firmware: '2.*'}}", chiller(attributes={"firmware": "2.14"}), True),
        ("{attribute: {firmware: '2.*'}}", chiller(attributes={"firmware": 2.5}), True),
        ("{attribute: {firmware: '2.*'}}", chiller(attributes={"firmware": "12.1"}), False),
        ("{attribute: {firmware: '2.*'}}", chiller(attributes={"firmware": ["2.1"]}), False),
        ("{attribute: {age: {above: 24}}}", chiller(attributes={"age": 25}), True),
        ("{attribute: {age: {above: 24}}}", chiller(attributes={"age": 24}), False),
        ("{attribute: {age: {above: 24}}}", chiller(attributes={"age": "old"}), None),
        ("{attribute: {age: {above: 24, below: 36}}}", chiller(attributes={"age": 40}), False),
        ("{attribute: {age: {between: [24, 36]}}}", chiller(attributes={"age": 36}), True),
        ("{attribute: {age: {equals: 24}}}", chiller(attributes={"age": 24.0}), True),
        ("{model: chiller-*, attribute: {floor: 2}}", chiller(model="oven"), False),
        ("{model: chiller-*, attribute: {floor: 2}}", chiller(model="chiller-x"), None),
    ],
)
def test_what_the_registry_does_not_say_is_unknown(condition: str, facts: DeviceFacts, expected: bool | None) -> None:
    assert holds(condition, facts) is expected


WARM = rule("{metric: t, above: 8, device: {tag: kitchen}}")


def test_a_device_that_is_changed_fires_and_resolves_without_a_word_of_its_own() -> None:
    story = Story(WARM, device(chiller()), reading(0, 5), reading(10, 9))
    assert story.heard(device(chiller(tags=("kitchen",)), after=60)) == [("firing", 60)]
    assert story.heard(device(chiller(tags=("kitchen", "new")), after=70)) == []
    assert story.heard(device(chiller(), after=80)) == [("resolved", 80)]
    assert story.decisions[0].summary == "t 9 is above 8 and the device is tagged kitchen on chiller-7"
    assert story.decisions[1].summary == "the device is no longer tagged kitchen on chiller-7"


def test_what_was_due_before_the_change_is_judged_by_what_was_known_before() -> None:
    held = rule("{metric: t, above: 8, device: {tag: kitchen}, for: 2m}")
    for time_was_told in (False, True):
        story = Story(held, device(chiller(tags=("kitchen",))), reading(0, 9))
        ticks = [tick(125)] if time_was_told else []
        assert story.heard(*ticks, device(chiller(), after=130)) == [("firing", 120), ("resolved", 130)]


def test_a_rule_on_nothing_else_is_pending_at_first_sight_and_fires_with_the_next_word() -> None:
    story = Story(rule("{device: {tag: recalled}}"), device(chiller(tags=("recalled",))))
    assert story.heard(reading(0, 1)) == []
    assert story.heard(reading(10, 1)) == [("firing", 10)]
    later = Story(rule("{device: {tag: recalled}}"), device(chiller()), reading(0, 1))
    assert later.heard(device(chiller(tags=("recalled",)), after=60)) == [("firing", 60)]


def test_explains_what_was_wanted_and_what_there_was() -> None:
    story = Story(
        rule("{metric: t, above: 8, device: {attribute: {age: {above: 24}}}}"), device(chiller(attributes={"age": 30}))
    )
    story.tell(reading(0, 5), reading(10, 9))
    (fired,) = story.decisions
    assert fired.summary == "t 9 is above 8 and the device's age 30 is above 24 on chiller-7"
    assert fired.explanation["of"][1] == {
        "operator": "device",
        "facts": [{"fact": "attribute.age", "wanted": "above 24", "found": 30, "result": True}],
        "result": True,
    }


@pytest.mark.parametrize(
    ("condition", "message", "mend"),
    [
        ("{}", "nothing is asked of the device", "write device:"),
        ("{modle: x}", "unknown key 'modle'", "did you mean 'model'?"),
        ("{model: '%s*'}" % ("x" * 300), "301 characters", "at most 200"),
        ("{attribute: {}}", "no attribute is named", "attribute: {firmware"),
        ("{attribute: 5}", "expected a mapping", "attribute: {firmware"),
        ("{attribute: {age: {over: 24}}}", "unknown key 'over'", "above"),
        ("{attribute: {age: {}}}", "nothing is compared", "above: 24"),
        ("{attribute: {age: {above: old}}}", "must be a number", "plain number"),
        ("{attribute: {age: {between: [3]}}}", "two numbers", "between: [6, 24]"),
        ("{attribute: {age: [3]}}", "single value", "write a number"),
        ("chiller", "expected a mapping", "write device:"),
    ],
)
def test_names_the_place_and_the_mend(condition: str, message: str, mend: str) -> None:
    with pytest.raises(RuleErrors) as caught:
        parse({"a": rule(f"{{device: {condition}}}")})
    (found,) = caught.value.problems
    assert message in found.message
    assert mend in found.mend


def test_a_hostile_pattern_does_not_hang_the_engine() -> None:
    story = Story(
        rule(f"{{device: {{attribute: {{a: '{'*a' * 60}b'}}}}}}"), device(chiller(attributes={"a": "a" * 2000}))
    )
    assert story.heard(reading(0, 1), reading(1, 1)) == []
