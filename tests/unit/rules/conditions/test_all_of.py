from tests.unit.rules.story import Story, reading, rule

BOTH = "{all: [{metric: t, above: 8}, {metric: door, equals: shut}]}"


def test_needs_each_of_them() -> None:
    story = Story(rule(BOTH), reading(0, 5), reading(1, "open", "door"))
    assert story.heard(reading(2, 9)) == []
    assert story.heard(reading(3, "shut", "door"), reading(4, 5)) == [("firing", 3), ("resolved", 4)]


def test_is_unknown_while_one_is_unknown_and_none_is_false() -> None:
    story = Story(rule(BOTH), reading(0, 9))
    assert story.heard(reading(1, 9.5)) == []
    assert story.heard(reading(2, "shut", "door"), reading(3, 9)) == [("firing", 3)]


def test_several_operators_in_one_mapping_mean_all() -> None:
    story = Story(rule("{metric: t, above: 2, below: 8}"), reading(0, 1))
    assert story.heard(reading(1, 5), reading(2, 9)) == [("firing", 1), ("resolved", 2)]


def test_two_metrics_in_one_reading_are_judged_together() -> None:
    from devices.event import Telemetry

    story = Story(rule(BOTH), reading(0, 5), reading(1, "open", "door"))
    at = reading(2, 0).at
    assert story.heard(Telemetry("chiller-7", at, at, {"t": 9, "door": "shut"})) == [("firing", 2)]


def test_says_all_that_holds_and_only_what_no_longer_does() -> None:
    story = Story(rule(BOTH), reading(0, 5), reading(1, "shut", "door"))
    story.tell(reading(2, 9), reading(3, "open", "door"))
    assert story.decisions[0].summary == "t 9 is above 8 and door is shut on chiller-7"
    assert story.decisions[1].summary == "door is no longer shut on chiller-7"
