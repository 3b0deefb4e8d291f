import pytest

from devices.event import DeviceFacts
from rules.document import parse
from rules.problem import RuleErrors
from tests.unit.rules.story import Story, device, fix, happening, reading, rule, status, tick


def test_fires_at_the_moment_at_which_the_time_is_over() -> None:
    story = Story(rule("{absent_for: 15m}"), reading(0, 1))
    assert story.heard(tick(899), tick(905), tick(2000)) == [("firing", 900)]
    assert story.heard(reading(2100, 1)) == [("resolved", 2100)]


def test_needs_no_tick_when_the_next_event_shows_the_silence() -> None:
    assert Story(rule("{absent_for: 15m}"), reading(0, 1)).heard(reading(1000, 1)) == [
        ("firing", 900),
        ("resolved", 1000),
    ]


def test_a_device_that_never_spoke_is_not_absent() -> None:
    assert Story(rule("{absent_for: 15m}"), status(0, False)).heard(tick(10_000)) == []


def test_any_data_counts_and_a_status_does_not() -> None:
    story = Story(rule("{absent_for: 15m}"), reading(0, 1))
    assert (
        story.heard(fix(600, 0, device="chiller-7"), happening(1200, "button"), status(1800, False), tick(2090)) == []
    )
    assert story.heard(tick(2100)) == [("firing", 2100)]


def test_of_one_metric_only_that_metric_counts() -> None:
    story = Story(rule("{metric: t, absent_for: 15m}"), reading(0, 1))
    assert story.heard(reading(600, 1, "other"), tick(900)) == [("firing", 900)]
    assert story.heard(reading(901, 1, "other")) == []
    assert story.heard(reading(902, 1)) == [("resolved", 902)]


def test_silence_before_the_rule_was_there_does_not_count() -> None:
    story = Story(rule("{metric: t, above: 99}"), reading(0, 1))
    story.tell(tick(3000))
    story.load(rule("{absent_for: 15m}"), after=3000)
    assert story.heard(tick(3899)) == []
    assert story.heard(tick(3900)) == [("firing", 3900)]


def test_a_clock_that_is_two_hours_slow_is_not_two_hours_of_silence() -> None:
    late = 7200 * 1000
    story = Story(rule("{absent_for: 15m}"), reading(0, 1, late_by=late))
    assert story.heard(tick(7200 + 600)) == []
    assert story.heard(reading(600, 1, late_by=late), tick(7200 + 1400)) == []
    assert story.heard(tick(7200 + 1500)) == [("firing", 1500)]


def test_says_what_it_missed() -> None:
    story = Story(rule("{metric: t, absent_for: 1h30m}"), reading(0, 1))
    story.tell(tick(9000), reading(9001, 2))
    assert story.decisions[0].summary == "no t from chiller-7 for 1 h 30 min"
    assert story.decisions[1].summary == "t from chiller-7 again"
    assert story.decisions[0].explanation["duration_ms"] == 5_400_000


def test_a_clock_that_was_slow_and_is_right_again_is_reckoned_right_at_once() -> None:
    story = Story(rule("{absent_for: 15m}"), reading(0, 1, late_by=7200 * 1000))
    assert story.heard(reading(7200, 1)) == [("firing", 900), ("resolved", 7200)]
    assert story.heard(tick(7200 + 899)) == []
    assert story.heard(tick(7200 + 900)) == [("firing", 8100)]


PROFILES = """
profiles:
  - {id: chiller, every: 1m, absent_after: 15m}
  - {id: oven, every: 1h, absent_after: 3h}
  - {id: phone}
"""
BY_PROFILE = PROFILES + rule("{absent_for: profile}")


def of(profile: str) -> DeviceFacts:
    return DeviceFacts("chiller-7", profile=profile)


@pytest.mark.parametrize(("profile", "after"), [("chiller", 900), ("oven", 10_800)])
def test_by_profile_each_device_has_its_own_time(profile: str, after: float) -> None:
    story = Story(BY_PROFILE, device(of(profile)), reading(0, 1))
    assert story.heard(tick(after - 1)) == []
    assert story.heard(tick(after), reading(after + 9, 1)) == [("firing", after), ("resolved", after + 9)]
    assert story.decisions[0].explanation["duration_ms"] == after * 1000


def test_by_profile_nothing_is_known_of_a_device_whose_profile_says_nothing() -> None:
    for profile in ("phone", "", "unheard-of"):
        assert Story(BY_PROFILE, device(of(profile)), reading(0, 1)).heard(tick(100_000)) == []


def test_a_device_that_gets_a_profile_is_reckoned_by_it_at_once() -> None:
    story = Story(BY_PROFILE, device(of("phone")), reading(0, 1))
    assert story.heard(tick(600), device(of("chiller"), after=700), tick(899)) == []
    assert story.heard(tick(900)) == [("firing", 900)]


def test_without_a_profile_that_says_when_it_is_a_mistake() -> None:
    with pytest.raises(RuleErrors) as caught:
        parse({"a": "profiles: [{id: phone}]\n" + rule("{absent_for: profile}")})
    (found,) = caught.value.problems
    assert (found.line, found.message) == (2, "no profile says when a device counts as absent")
    assert "absent_after: 15m" in found.mend


def test_only_a_profiles_silence_is_part_of_the_rule() -> None:
    version = parse({"a": BY_PROFILE}).rules[0].version
    assert parse({"a": BY_PROFILE.replace("every: 1m", "every: 2m")}).rules[0].version == version
    assert parse({"a": BY_PROFILE.replace("3h", "4h")}).rules[0].version != version
