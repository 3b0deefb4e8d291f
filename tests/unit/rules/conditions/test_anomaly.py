from __future__ import annotations

import random

import pytest

from devices.event import DeviceFacts, Event, StoreFacts
from rules.document import parse
from rules.problem import RuleErrors
from tests.unit.rules.conditions.asked import evidence, explained
from tests.unit.rules.story import Story, device, happening, reading, rule, store, tick

MINUTE, HOUR, DAY = 60, 3600, 86_400
UNUSUAL = "{metric: t, anomaly: {score: 5, learn_for: 6h}}"
BY_HOUR = "{metric: t, anomaly: {score: 5, learn_for: 3d, seasonal: hour, time_zone: Asia/Tokyo}}"


def usual(begin: float, end: float, *, level: float = 3, seed: int = 1) -> list[Event]:
    """A noisy reading a minute, from hour ``begin`` until before hour ``end``."""
    chance = random.Random(seed)
    return [
        reading(minute * MINUTE, level + chance.gauss(0, 0.5)) for minute in range(round(begin * 60), round(end * 60))
    ]


def test_fires_on_what_is_unusual_and_resolves_when_it_is_usual_again() -> None:
    story = Story(rule(UNUSUAL), *usual(0, 12))
    assert story.outcomes == []
    assert story.heard(reading(12 * HOUR, 14.2)) == [("firing", 12 * HOUR)]
    assert story.heard(reading(12 * HOUR + 60, 3.1)) == [("resolved", 12 * HOUR + 60)]


def test_says_how_unusual_and_what_would_be_normal() -> None:
    story = Story(rule(UNUSUAL), *usual(0, 12))
    story.tell(reading(12 * HOUR, 6.6), reading(12 * HOUR + 60, 3))
    fired, over = story.decisions
    score = fired.explanation["score"]
    assert 6 < score < 8.5
    assert fired.summary.startswith(f"t 6.6 is unusual: score {score:g}, normal is about ")
    assert float(fired.summary.split()[-3]) == pytest.approx(3, abs=0.15)
    assert over.summary.startswith("t 3 is usual again: normal is about ")
    assert fired.explanation["learned_samples"] == 721
    assert fired.explanation["spread"] == pytest.approx(0.5, rel=0.1)


def test_gives_templates_the_score_and_the_normal() -> None:
    story = Story(rule(UNUSUAL), *usual(0, 12), reading(12 * HOUR, -1))
    found = evidence(story)
    assert -10 < found["anomaly_score"] < -6
    assert found["normal"] == pytest.approx(3, abs=0.1)


def test_is_unknown_while_it_learns() -> None:
    story = Story(rule(UNUSUAL), *usual(0, 5.9), reading(5.95 * HOUR, 500))
    assert explained(story)["result"] is None
    story.tell(*usual(6, 6.1))
    assert explained(story)["result"] is False
    few = Story(rule(UNUSUAL), *(reading(HOUR * hour, 3 + hour % 2) for hour in range(29)))
    assert explained(few)["result"] is None


def test_stays_until_the_score_is_below_half() -> None:
    story = Story(rule(UNUSUAL), *usual(0, 12), reading(12 * HOUR, 7))
    assert story.heard(reading(12 * HOUR + 60, 4.9)) == []
    assert story.heard(reading(12 * HOUR + 120, 3.9)) == [("resolved", 12 * HOUR + 120)]


@pytest.mark.parametrize(
    ("direction", "value", "fires"),
    [
        ("high", 9, True),
        ("high", -3, False),
        ("low", -3, True),
        ("low", 9, False),
        ("both", 9, True),
        ("both", -3, True),
    ],
)
def test_looks_to_the_side_that_is_asked_for(direction: str, value: float, fires: bool) -> None:
    story = Story(rule(UNUSUAL.replace("score: 5", f"score: 5, direction: {direction}")), *usual(0, 12))
    assert bool(story.heard(reading(12 * HOUR, value))) is fires


def test_a_lasting_level_resolves_by_itself() -> None:
    story = Story(rule(UNUSUAL), *usual(0, 12))
    told = story.heard(*usual(12, 30, level=8, seed=2))
    assert [word for word, _ in told] == ["firing", "resolved"]
    assert 1 * HOUR < told[1][1] - told[0][1] < 8 * HOUR


def test_the_same_sample_is_learned_from_once() -> None:
    once, often = Story(rule(UNUSUAL)), Story(rule("{any: [" + UNUSUAL + ", {metric: u, above: 5}]}"))
    for minute, event in enumerate(usual(0, 8)):
        once.tell(event)
        often.tell(event, event, reading(minute * MINUTE + 1, 0, "u"), reading(minute * MINUTE + 2, 1, "u"))
    assert explained(often)["of"][0] == explained(once)


def test_what_is_no_number_is_unknown_and_teaches_nothing() -> None:
    story = Story(rule(UNUSUAL), *usual(0, 12))
    before = explained(story)["learned_samples"]
    assert story.heard(reading(12 * HOUR, "broken"), reading(12 * HOUR + 1, True), reading(12 * HOUR + 2, 1e200)) == []
    assert explained(story)["result"] is None
    assert explained(story)["learned_samples"] == before


def test_under_a_for_a_silence_is_unknown() -> None:
    story = Story(rule(UNUSUAL.replace("}}", "}, for: 30m}")), *usual(0, 12), reading(12 * HOUR, 14))
    assert story.heard(tick(13 * HOUR)) == []
    told = story.heard(*(reading(13 * HOUR + 300 * place, 40) for place in range(8)))
    assert told == [("firing", 13 * HOUR + 30 * MINUTE)]


def daily(begin: float, end: float) -> list[Event]:
    """Warm from 8 to 20 o'clock in Tokyo, that is from 23 to 11 in London; the story begins at 15:06:40 there."""
    chance = random.Random(1)
    found: list[Event] = []
    for place in range(round(begin * 288), round(end * 288)):
        at = place * 300
        hour = (at + 15 * HOUR + 400) // HOUR % 24
        found.append(reading(at, (30 if hour >= 23 or hour < 11 else 20) + chance.gauss(0, 0.5)))
    return found


def test_each_hour_has_its_own_normal() -> None:
    story = Story(rule(BY_HOUR), *daily(0, 10))
    assert story.heard(*daily(10, 10.5)) == []
    at = 11 * DAY  # 15:06 in London, past midnight in Tokyo
    assert [word for word, _ in story.heard(reading(at, 30))] == ["firing"]
    assert explained(story)["hour"] == 0
    assert explained(story)["normal"] == pytest.approx(20, abs=0.5)
    assert [word for word, _ in story.heard(reading(at + 60, 20), reading(at + 9 * HOUR, 30))] == ["resolved"]


def test_the_hours_are_those_of_the_store_unless_the_rule_says_whose() -> None:
    ginza = StoreFacts("ginza", "Ginza", time_zone="Asia/Tokyo")
    own = BY_HOUR.replace(", time_zone: Asia/Tokyo", "")
    story = Story(rule(own), store(ginza), device(DeviceFacts("chiller-7", store="ginza")), reading(0, 1))
    assert (explained(story)["hour"], explained(story)["time_zone"]) == (0, "Asia/Tokyo")
    story = Story(rule(own), reading(0, 1))
    assert (explained(story)["hour"], explained(story)["time_zone"]) == (15, "UTC")


def test_asked_before_the_metric_was_sent_it_is_unknown() -> None:
    story = Story(rule("{any: [" + UNUSUAL + ", {metric: u, above: 5}]}"), reading(0, 1, "u"), happening(1, "button"))
    assert explained(story)["of"][0]["result"] is None


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("{anomaly: {score: 5}}", "'metric' is missing"),
        ("{metric: t, anomaly: 5}", "expected a mapping here"),
        ("{metric: t, anomaly: {learn_for: 2d}}", "'score' is missing"),
        ("{metric: t, anomaly: {score: 1}}", "a score of 1 is nothing unusual"),
        ("{metric: t, anomaly: {score: 500}}", "a score of 500 is never reached"),
        ("{metric: t, anomaly: {score: 5, learn_for: 1m}}", "what is normal can't be learned in 1 min"),
        ("{metric: t, anomaly: {score: 5, learn_for: 6h, seasonal: hour}}", "what is normal can't be learned in 6 h"),
        ("{metric: t, anomaly: {score: 5, seasonal: week}}", "'seasonal' cannot be 'week'"),
        ("{metric: t, anomaly: {score: 5, direction: up}}", "'direction' cannot be 'up'"),
        ("{metric: t, anomaly: {score: 5, time_zone: Asia/Tokyo}}", "needs 'seasonal' beside it"),
        ("{metric: t, anomaly: {score: 5, seasonal: hour, time_zone: Tokyo}}", "there is no time zone 'Tokyo'"),
        ("{metric: t, anomaly: {score: 5, sesonal: hour}}", "unknown key 'sesonal'"),
    ],
)
def test_refuses_what_can_not_be_meant(when: str, message: str) -> None:
    with pytest.raises(RuleErrors, match=r"rules\.yaml:1:") as refused:
        parse({"rules.yaml": rule(when)})
    assert message in str(refused.value)
