from tests.unit.rules.story import Story, reading, rule


def test_fires_once_for_an_episode_and_resolves_when_it_is_over() -> None:
    story = Story(rule("{metric: t, above: 8}"), reading(0, 5))
    assert story.heard(reading(1, 9), reading(2, 12), reading(3, 8.1), reading(4, 8)) == [
        ("firing", 1),
        ("resolved", 4),
    ]


def test_exactly_the_limit_is_not_above_it() -> None:
    assert Story(rule("{metric: t, above: 8}"), reading(0, 5)).heard(reading(1, 8)) == []


def test_stays_until_it_is_less_than_clear_below() -> None:
    story = Story(rule("{metric: t, above: 8, clear_below: 6}"), reading(0, 5))
    assert story.heard(reading(1, 9), reading(2, 7), reading(3, 6)) == [("firing", 1)]
    assert story.heard(reading(4, 5.9), reading(5, 7)) == [("resolved", 4)]


def test_text_and_truth_values_are_unknown_and_end_nothing() -> None:
    story = Story(rule("{metric: t, above: 8}"), reading(0, 5))
    assert story.heard(reading(1, 9), reading(2, "broken"), reading(3, True)) == [("firing", 1)]
    assert story.heard(reading(4, 9)) == []
    assert story.heard(reading(5, 1)) == [("resolved", 5)]


def test_says_what_it_saw() -> None:
    story = Story(rule("{metric: t, above: 8, clear_below: 6}"), reading(0, 5))
    story.tell(reading(1, 9.4), reading(2, 5.25))
    fired, resolved = story.decisions
    assert fired.summary == "t 9.4 is above 8 on chiller-7"
    assert fired.explanation == {
        "operator": "above", "metric": "t", "value": 9.4, "sampled_at": fired.at, "limit": 8, "clear_below": 6,
        "result": True,
    }  # fmt: skip
    assert fired.values["t"] == 9.4
    assert resolved.summary == "t 5.25 is no longer above 8 on chiller-7"
    assert resolved.explanation["result"] is False


def test_a_repeat_between_the_limits_says_what_it_waits_for() -> None:
    story = Story(rule("{metric: t, above: 8, clear_below: 6}", repeat_every="1m"), reading(0, 5))
    story.tell(reading(1, 9), reading(30, 7), reading(100, 7))
    assert story.decisions[-1].summary == "after 1 min still: t 7 is not yet below 6 on chiller-7"
