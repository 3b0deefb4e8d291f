import pytest

from tests.unit.rules.story import Story, reading, rule


@pytest.mark.parametrize(
    ("written", "other", "sent"),
    [("true", False, True), ("open", "shut", "open"), ("3", 2, 3), ("3", 2, 3.0), ("'3'", 3, "3"), ("on", True, "on")],
)
def test_fires_on_the_value_and_on_no_other(written: str, other: object, sent: object) -> None:
    story = Story(rule(f"{{metric: t, equals: {written}}}"), reading(0, "something else"))
    assert story.heard(reading(1, other), reading(2, sent), reading(3, other)) == [("firing", 2), ("resolved", 3)]


def test_one_is_not_true() -> None:
    assert Story(rule("{metric: t, equals: true}"), reading(0, False)).heard(reading(1, 1)) == []
    assert Story(rule("{metric: t, equals: 1}"), reading(0, 0)).heard(reading(1, True)) == []


def test_says_what_it_saw() -> None:
    story = Story(rule("{metric: door, equals: open}"), reading(0, "shut", "door"))
    story.tell(reading(1, "open", "door"), reading(2, "shut", "door"))
    assert story.decisions[0].summary == "door is open on chiller-7"
    assert story.decisions[1].summary == "door is no longer open on chiller-7"
    assert story.decisions[0].explanation["expected"] == "open"
