"""Firing: the alert of another rule on the same device."""

from __future__ import annotations

import pytest

from devices.event import AlertCommand, DeviceFacts, RulesChanged
from rules.document import parse
from rules.problem import RuleErrors
from tests.unit.rules.story import START, Story, device, reading, store, tick

WARM = "{id: warm, when: {metric: t, above: 8}}"


def told(*rules: str) -> Story:
    return Story(f"rules: [{', '.join(rules)}]", reading(0, 5))


def said(story: Story) -> list[tuple[str, str]]:
    return [(made.rule_id, made.transition) for made in story.decisions]


def test_is_true_while_the_other_alert_fires() -> None:
    story = told("{id: b, when: {firing: warm}}", WARM)
    story.tell(reading(10, 9), reading(20, 5))
    assert said(story) == [("warm", "firing"), ("b", "firing"), ("warm", "resolved"), ("b", "resolved")]
    assert story.decisions[1].summary == "warm fires (t 9 is above 8) on chiller-7"
    assert [made.at for made in story.decisions] == [START + 10_000] * 2 + [START + 20_000] * 2


def test_follows_the_alert_not_the_condition() -> None:
    story = told("{id: b, when: {firing: warm}}", "{id: warm, when: {metric: t, above: 8, for: 1m}}")
    story.tell(reading(10, 9), tick(69))
    assert said(story) == []
    story.tell(tick(71))
    assert [(made.rule_id, made.at - START) for made in story.decisions] == [("warm", 70_000), ("b", 70_000)]


def test_is_asked_in_the_same_step_as_the_other_one_through_a_chain() -> None:
    story = told("{id: c, when: {firing: b}}", "{id: b, when: {firing: warm}}", WARM)
    story.tell(reading(10, 9))
    assert said(story) == [("warm", "firing"), ("b", "firing"), ("c", "firing")]


def test_not_firing_never_flickers_when_both_are_touched_at_once() -> None:
    alone = "{id: alone, when: {all: [{metric: t, above: 6}, {not: {firing: warm}}]}}"
    story = told(alone, WARM)
    story.tell(reading(10, 9))
    assert said(story) == [("warm", "firing")]


def test_a_person_who_ends_the_other_alert_ends_this_one_at_once() -> None:
    story = told("{id: b, when: {firing: warm}}", WARM)
    story.tell(reading(10, 9))
    alert_id = story.decisions[0].alert_id
    story.tell(AlertCommand(START + 20_000, "chiller-7", "warm", alert_id, "resolve", "Mika"))
    assert said(story)[2:] == [("warm", "resolved"), ("b", "resolved")]


def test_an_alert_that_ends_by_itself_ends_this_one() -> None:
    story = told("{id: b, when: {firing: warm}}", "{id: warm, when: {metric: t, above: 8}, auto_resolve_after: 1m}")
    story.tell(reading(10, 9), tick(71))
    assert [(rule, transition) for rule, transition in said(story)[2:]] == [("warm", "resolved"), ("b", "resolved")]


def test_for_counts_how_long_the_alert_fires() -> None:
    story = told("{id: b, when: {firing: warm, for: 5m}}", WARM)
    story.tell(reading(10, 9), tick(309))
    assert said(story) == [("warm", "firing")]
    story.tell(tick(311))
    assert (story.decisions[-1].rule_id, story.decisions[-1].at) == ("b", START + 310_000)


def test_a_rule_that_comes_while_the_other_alert_fires_is_true_at_once() -> None:
    story = told(WARM)
    story.tell(reading(10, 9))
    story.load(f"rules: [{WARM}, {{id: b, when: {{firing: warm}}}}]", 20)
    assert said(story) == [("warm", "firing"), ("b", "firing")]


def test_ends_when_the_other_rule_no_longer_concerns_the_device() -> None:
    warm = "{id: warm, for_devices: {model: x}, when: {metric: t, above: 8}}"
    story = Story(f"rules: [{warm}, {{id: b, when: {{firing: warm}}}}]", device(DeviceFacts("chiller-7", "x")))
    story.tell(reading(0, 5), reading(10, 9))
    story.tell(device(DeviceFacts("chiller-7", "y"), 20), tick(30))
    assert said(story)[2:] == [("warm", "resolved"), ("b", "resolved")]


def test_is_false_where_the_other_rule_does_not_concern_the_device() -> None:
    warm = "{id: warm, for_devices: {model: x}, when: {metric: t, above: 8}}"
    story = told(warm, "{id: b, when: {all: [{metric: t, above: 7}, {not: {firing: warm}}]}}")
    story.tell(reading(10, 9))
    assert said(story) == [("b", "firing")]


def test_counts_the_devices_of_a_group_on_which_a_rule_fires() -> None:
    group = "{id: shop, when: {group: {by: store, at_least: 2, where: {firing: warm}}}}"
    known = [DeviceFacts(name, store="ginza") for name in ("a", "b")]
    cold = [reading(0, 5, device=facts.id) for facts in known]
    story = Story(f"rules: [{group}, {WARM}]", store(), *map(device, known), *cold)
    story.tell(reading(10, 9, device="a"), reading(20, 9, device="b"), reading(30, 5, device="a"))
    assert said(story) == [
        ("warm", "firing"), ("warm", "firing"), ("shop", "firing"), ("warm", "resolved"), ("shop", "resolved"),
    ]  # fmt: skip


def test_asks_for_a_groups_alert_beside_a_group() -> None:
    one = "{id: one, when: {group: {by: store, at_least: 1, where: {metric: t, above: 8}}}}"
    both = "{all: [{firing: one}, {group: {by: store, at_least: 1, where: {metric: door, equals: true}}}]}"
    known = device(DeviceFacts("a", store="ginza"))
    before = [reading(0, 5, device="a"), reading(0, False, "door", "a")]
    story = Story(f"rules: [{{id: two, when: {both}}}, {one}]", store(), known, *before)
    story.tell(reading(10, 9, device="a"), reading(20, True, "door", "a"), reading(30, 5, device="a"))
    assert said(story) == [("one", "firing"), ("two", "firing"), ("one", "resolved"), ("two", "resolved")]


def refused(*rules: str) -> list[tuple[int, str, str]]:
    with pytest.raises(RuleErrors) as caught:
        parse({"rules.yaml": "rules:\n" + "".join(f"  - {rule}\n" for rule in rules)})
    return [(problem.line, problem.message, problem.mend) for problem in caught.value.problems]


def test_names_the_closest_rule_where_there_is_none() -> None:
    assert refused(WARM, "{id: b, when: {firing: wram}}") == [(3, "there is no rule 'wram'", "did you mean 'warm'?")]


def test_says_which_circle_rules_make() -> None:
    circle = refused(
        "{id: a, when: {any: [{metric: t, above: 8}, {firing: b}]}}",
        "{id: b, when: {not: {firing: c}}}",
        "{id: c, when: {firing: a}}",
    )
    assert circle == [(2, "these rules wait for each other: a → b → c → a", "take 'firing' out of one of them")]


def test_a_rule_cannot_wait_for_itself() -> None:
    assert refused("{id: a, when: {not: {firing: a}}}")[0][1] == "'a' waits for itself"


def test_finds_a_circle_through_a_group() -> None:
    group = "{id: shop, when: {group: {by: store, at_least: 2, where: {firing: warm}}}}"
    problems = refused(group, "{id: warm, when: {all: [{metric: t, above: 8}, {not: {firing: shop}}]}}")
    assert (2, "these rules wait for each other: shop → warm → shop", "take 'firing' out of one of them") in problems


def test_a_groups_alert_never_fires_on_a_device() -> None:
    group = "{id: shop, when: {group: {by: store, at_least: 2, where: {metric: t, above: 8}}}}"
    (problem,) = refused(group, "{id: b, when: {firing: shop}}")
    assert problem[:2] == (3, "'shop' fires on groups by store, never on devices")


def test_a_devices_alert_never_fires_on_a_group() -> None:
    group = "{group: {by: store, at_least: 2, where: {metric: t, above: 8}}}"
    (problem,) = refused(WARM, f"{{id: b, when: {{all: [{group}, {{firing: warm}}]}}}}")
    assert problem[:2] == (3, "'warm' fires on devices, never on groups by store")


def test_a_rule_with_problems_of_its_own_is_known_all_the_same() -> None:
    (problem,) = refused("{id: warm, when: {metric: t, above: x}}", "{id: b, when: {firing: warm}}")
    assert "must be a number" in problem[1]


def test_the_order_in_the_file_does_not_matter() -> None:
    rules = [WARM, "{id: b, when: {firing: warm}}", "{id: c, when: {not: {firing: b}}}"]
    one, other = told(*rules), told(*reversed(rules))
    for story in (one, other):
        story.tell(reading(10, 9), reading(20, 5))
    assert said(one) == said(other)


def test_a_change_of_rules_in_between_keeps_what_is_the_same() -> None:
    story = told(WARM, "{id: b, when: {firing: warm}}")
    story.tell(reading(10, 9))
    again = f"rules: [{{id: b, when: {{firing: warm}}}}, {WARM}, {{id: c, when: {{metric: t, above: 100}}}}]"
    assert story.tell(RulesChanged(START + 15_000, "v2", {"rules.yaml": again})) == []
    story.tell(reading(20, 5))
    assert said(story)[2:] == [("warm", "resolved"), ("b", "resolved")]


def test_the_order_of_rules_is_the_same_in_every_process() -> None:
    names = [f"r{number}" for number in range(12)]
    parts = ", ".join(f"{{firing: {name}}}" for name in names)
    text = f"rules: [{{id: any, when: {{any: [{parts}]}}}}"
    text += "".join(f", {{id: {name}, when: {{metric: t, above: 8}}}}" for name in names) + "]"
    assert [rule.id for rule in parse({"rules.yaml": text}).rules] == [*names, "any"]


def test_asking_goes_before_keeping_quiet_where_they_exclude_each_other() -> None:
    story = told("{id: b, when: {firing: warm}}", "{id: warm, when: {metric: t, above: 8}, inhibited_by: [b]}")
    story.tell(reading(10, 9))
    assert [(made.rule_id, made.inhibited_by) for made in story.decisions] == [("warm", None), ("b", None)]
