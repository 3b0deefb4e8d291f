from tests.unit.rules.story import Story, reading, rule, tick

EITHER = "{any: [{metric: t, above: 8}, {metric: v, above: 12}]}"


def test_one_is_enough_and_a_second_does_not_fire_again() -> None:
    story = Story(rule(EITHER), reading(0, 5), reading(1, 1, "v"))
    assert story.heard(reading(2, 9), reading(3, 13, "v"), reading(4, 5)) == [("firing", 2)]
    assert story.heard(reading(5, 2, "v")) == [("resolved", 5)]


def test_does_not_resolve_while_the_other_is_unknown() -> None:
    story = Story(rule(EITHER), reading(0, 5))
    assert story.heard(reading(1, 9), reading(2, 9), reading(3, 5)) == [("firing", 2)]
    assert story.heard(reading(4, 1, "v")) == [("resolved", 4)]


def test_says_which_one() -> None:
    story = Story(rule(EITHER), reading(0, 5), reading(1, 1, "v"))
    story.tell(reading(2, 13, "v"))
    assert story.decisions[0].summary == "v 13 is above 12 on chiller-7"


def test_says_which_one_also_when_time_alone_made_it_true() -> None:
    story = Story(rule("{any: [{absent_for: 5m}, {metric: t, above: 8}]}"), reading(0, 5))
    story.tell(tick(400))
    assert story.decisions[0].summary == "no data from chiller-7 for 5 min"
