from tests.unit.rules.story import Story, reading, rule

OUTSIDE = "{not: {metric: t, between: [2, 8]}}"


def test_is_the_opposite() -> None:
    story = Story(rule(OUTSIDE), reading(0, 5))
    assert story.heard(reading(1, 9), reading(2, 5)) == [("firing", 1), ("resolved", 2)]


def test_the_opposite_of_unknown_is_unknown() -> None:
    story = Story(rule(OUTSIDE), reading(0, 1, "other"))
    assert story.heard(reading(1, "x"), reading(2, 5), reading(3, "x")) == []


def test_keeps_the_hysteresis_inside() -> None:
    story = Story(rule("{not: {metric: t, above: 8, clear_below: 6}}"), reading(0, 9))
    assert story.heard(reading(1, 7)) == []
    assert story.heard(reading(2, 5)) == [("firing", 2)]


def test_says_it_the_other_way_round() -> None:
    story = Story(rule(OUTSIDE), reading(0, 5))
    story.tell(reading(1, 9), reading(2, 5))
    assert story.decisions[0].summary == "t 9 is no longer between 2 and 8 on chiller-7"
    assert story.decisions[1].summary == "t 5 is between 2 and 8 on chiller-7"
