from tests.unit.rules.story import Story, reading, rule


def test_fires_once_for_an_episode_and_resolves_when_it_is_over() -> None:
    story = Story(rule("{metric: t, below: 20}"), reading(0, 50))
    assert story.heard(reading(1, 19), reading(2, 3), reading(3, 20)) == [("firing", 1), ("resolved", 3)]


def test_stays_until_it_is_greater_than_clear_above() -> None:
    story = Story(rule("{metric: t, below: 20, clear_above: 30}"), reading(0, 50))
    assert story.heard(reading(1, 19), reading(2, 25), reading(3, 30)) == [("firing", 1)]
    assert story.heard(reading(4, 30.5)) == [("resolved", 4)]


def test_says_what_it_saw() -> None:
    story = Story(rule("{metric: t, below: 20}"), reading(0, 50))
    story.tell(reading(1, 19), reading(2, 21))
    assert [decision.summary for decision in story.decisions] == [
        "t 19 is below 20 on chiller-7",
        "t 21 is no longer below 20 on chiller-7",
    ]


def test_a_text_is_unknown() -> None:
    assert Story(rule("{metric: t, below: 20}"), reading(0, 50)).heard(reading(1, "low")) == []
