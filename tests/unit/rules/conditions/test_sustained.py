from tests.unit.rules.story import Story, reading, rule, tick

WARM = "{metric: t, above: 8, clear_below: 6, for: 10m}"


def test_fires_by_a_timer_at_the_exact_moment() -> None:
    story = Story(rule(WARM), reading(0, 5), reading(60, 9))
    assert story.heard(reading(300, 9), tick(659)) == []
    assert story.heard(tick(661), tick(700)) == [("firing", 660)]


def test_fires_at_the_same_moment_when_only_a_later_sample_shows_it() -> None:
    story = Story(rule(WARM), reading(0, 5), reading(60, 9), reading(300, 9))
    assert story.heard(reading(700, 3)) == [("firing", 660), ("resolved", 700)]


def test_a_sample_at_the_very_end_is_asked_first() -> None:
    story = Story(rule(WARM), reading(0, 5), reading(60, 9), reading(300, 9))
    assert story.heard(reading(660, 3), tick(800)) == []


def test_a_break_starts_the_count_again() -> None:
    story = Story(rule(WARM), reading(0, 9), reading(300, 5), reading(360, 9), reading(800, 9))
    assert story.heard(tick(959)) == []
    assert story.heard(tick(960)) == [("firing", 960)]


def test_first_sight_above_is_counted_and_needs_no_second_confirmation() -> None:
    story = Story(rule(WARM))
    assert story.heard(reading(0, 9), reading(400, 9), tick(600)) == [("firing", 600)]


def test_a_gap_in_the_data_does_not_satisfy_it() -> None:
    story = Story(rule("{metric: t, above: 8, for: 20m}"), reading(0, 9), reading(300, 9))
    assert story.heard(tick(1300), reading(1300, 9), reading(1800, 9), tick(2300)) == []
    assert story.heard(reading(2400, 9), tick(2500)) == [("firing", 2500)]


def test_a_gap_shown_only_by_the_next_sample_counts_the_same() -> None:
    story = Story(rule("{metric: t, above: 8, for: 20m}"), reading(0, 9), reading(300, 9))
    assert story.heard(reading(1300, 9), reading(1900, 9)) == []
    assert story.heard(reading(2500, 9)) == [("firing", 2500)]


def test_the_rule_may_allow_a_longer_gap() -> None:
    story = Story(rule("{metric: t, above: 8, for: 1h}", max_gap="40m"), reading(0, 9), reading(1800, 9))
    assert story.heard(tick(3600)) == [("firing", 3600)]


def test_once_complete_silence_ends_nothing_and_only_the_opposite_does() -> None:
    story = Story(rule(WARM), reading(0, 9), reading(400, 9))
    assert story.heard(tick(600), tick(9000), reading(9001, 9)) == [("firing", 600)]
    assert story.heard(reading(9002, 5)) == [("resolved", 9002)]


def test_stands_beside_a_combination() -> None:
    both = "{all: [{metric: t, above: 8}, {metric: door, equals: open}], for: 1m}"
    story = Story(rule(both), reading(0, 9), reading(10, "open", "door"))
    assert story.heard(reading(40, 9), tick(70)) == [("firing", 70)]


def test_is_pending_while_it_counts() -> None:
    story = Story(rule(WARM), reading(0, 9))
    assert [(alert.phase, alert.device_id) for alert in story.state.alerts()] == [("pending", "chiller-7")]
    story.tell(reading(300, 9), tick(600))
    assert [alert.phase for alert in story.state.alerts()] == ["firing"]
    story.tell(reading(700, 1))
    assert list(story.state.alerts()) == []


def test_says_for_how_long() -> None:
    story = Story(rule(WARM), reading(0, 9.4), reading(300, 9.4))
    story.tell(tick(600))
    assert story.decisions[0].summary == "t 9.4 is above 8 for 10 min on chiller-7"
    assert story.decisions[0].explanation["of"][0]["operator"] == "above"
    assert story.decisions[0].explanation["result"] is True
