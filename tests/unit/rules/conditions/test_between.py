from tests.unit.rules.story import Story, reading, rule


def test_both_limits_are_included() -> None:
    story = Story(rule("{metric: t, between: [2, 8]}"), reading(0, 1))
    assert story.heard(reading(1, 2), reading(2, 8), reading(3, 8.01)) == [("firing", 1), ("resolved", 3)]


def test_a_text_is_unknown() -> None:
    story = Story(rule("{metric: t, between: [2, 8]}"), reading(0, 1))
    assert story.heard(reading(1, "x"), reading(2, 3), reading(3, "x")) == [("firing", 2)]


def test_says_what_it_saw() -> None:
    story = Story(rule("{metric: t, between: [2, 8]}"), reading(0, 1))
    story.tell(reading(1, 3), reading(2, 9))
    assert story.decisions[0].summary == "t 3 is between 2 and 8 on chiller-7"
    assert story.decisions[1].summary == "t 9 is no longer between 2 and 8 on chiller-7"
    assert story.decisions[0].explanation["low"] == 2
