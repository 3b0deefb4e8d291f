import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.event import Event
from rules.document import parse
from rules.problem import RuleErrors
from tests.unit.rules.story import START, Story, happening, reading, rule, tick, transitions

DOOR = "{event: door-opened, count: 3, within: 10m}"
SHAKEN = "{metric: t, above: 12, clear_below: 10, count: 3, within: 1h}"


def opened(*times: float) -> list[Event]:
    """The door opens at each of these seconds."""
    return [happening(at, "door-opened") for at in times]


def test_fires_at_the_last_of_so_many_and_ends_when_the_first_has_left() -> None:
    story = Story(rule(DOOR), reading(0, 1))
    assert story.heard(*opened(100, 200, 300), tick(699)) == [("firing", 300)]
    assert story.heard(tick(2000)) == [("resolved", 700)]


def test_goes_on_while_they_keep_coming() -> None:
    story = Story(rule(DOOR), reading(0, 1))
    assert story.heard(*opened(100, 200, 300, 650, 750, 900, 1100)) == [("firing", 300)]
    assert story.heard(tick(3000)) == [("resolved", 750 + 600)]


def test_exactly_the_time_is_too_long() -> None:
    story = Story(rule(DOOR), reading(0, 1))
    assert story.heard(*opened(0.001, 300, 600.001), tick(601)) == []
    assert story.heard(*opened(899.999), tick(900)) == [("firing", 899.999), ("resolved", 900)]


def test_counts_the_beginnings_of_a_state_not_its_samples() -> None:
    story = Story(rule(SHAKEN), reading(0, 5))
    assert story.heard(*(reading(at, 13) for at in range(10, 60))) == []
    assert story.heard(reading(60, 5), reading(70, 13), reading(80, 11), reading(81, 13)) == []
    assert story.heard(reading(90, 9), reading(100, 14)) == [("firing", 100)]
    assert story.heard(tick(4000)) == [("resolved", 3610)]


def test_a_condition_true_at_first_sight_has_not_begun() -> None:
    story = Story(rule("{metric: t, above: 12, count: 2, within: 1h}"))
    assert story.heard(reading(0, 13), reading(10, 5), reading(20, 13)) == []
    assert story.heard(reading(30, 5), reading(40, 13)) == [("firing", 40)]


def test_the_first_event_of_a_device_counts() -> None:
    assert Story(rule(DOOR)).heard(*opened(0, 1, 2)) == [("firing", 2)]


def test_two_in_the_same_millisecond_count_once() -> None:
    story = Story(rule("{event: door-opened, count: 2, within: 1m}"), reading(0, 1))
    assert story.heard(happening(1, "door-opened", n=1), happening(1, "door-opened", n=2)) == []
    assert story.heard(happening(1.001, "door-opened")) == [("firing", 1.001)]


def test_with_for_it_counts_what_lasted_whatever_the_order_of_the_words() -> None:
    for when in (
        "{metric: t, above: 8, for: 1m, count: 2, within: 1h}",
        "{within: 1h, count: 2, for: 1m, above: 8, metric: t}",
    ):
        story = Story(rule(when), reading(0, 5))
        assert story.heard(reading(10, 9), reading(30, 5), reading(40, 9), reading(100, 9), reading(110, 5)) == []
        assert story.heard(reading(200, 9), tick(260)) == [("firing", 260)]
        assert story.heard(reading(300, 5), tick(3700)) == [("resolved", 3700)]


def test_makes_a_state_of_a_moment() -> None:
    story = Story(rule("{event: alarm, count: 1, within: 1h}"), reading(0, 1))
    assert story.heard(happening(10, "alarm"), tick(5000)) == [("firing", 10), ("resolved", 3610)]


@pytest.mark.parametrize("lasting", ["", "for: 1s, "])
def test_silence_between_samples_is_no_new_beginning(lasting: str) -> None:
    story = Story(rule(f"{{metric: t, above: 12, {lasting}count: 2, within: 1d}}"), reading(0, 5))
    assert story.heard(*(reading(at, 13) for at in range(1000, 9000, 1000)), tick(9000)) == []
    assert story.heard(reading(9001, "broken"), reading(9002, 13), tick(9010)) == []
    assert [name for name, _ in story.heard(reading(9011, 5), reading(9012, 13), tick(9020))] == ["firing"]


def test_says_how_often_within_what_time() -> None:
    story = Story(rule(DOOR), reading(0, 1))
    story.tell(*opened(100, 200, 300), tick(800))
    fired, resolved = story.decisions
    assert fired.summary == "chiller-7 reported door-opened, 3 times within 10 min"
    assert resolved.summary == "chiller-7 reported door-opened, no longer 3 times within 10 min"
    told = {key: value for key, value in fired.explanation.items() if key != "of"}
    assert told == {
        "operator": "count", "count": 3, "within_ms": 600_000, "counted": 3, "oldest": START + 100_000,
        "newest": START + 300_000, "result": True,
    }  # fmt: skip
    assert fired.values["event"] == "door-opened"


@given(st.lists(st.integers(1, 400), min_size=1, max_size=60), st.integers(1, 6))
def test_equals_the_plain_list_of_times(gaps: list[int], times: int) -> None:
    at, moments = 0, []
    for gap in gaps:
        at += gap
        moments.append(at)
    story = Story(rule(f"{{event: door-opened, count: {times}, within: 10m}}"), reading(0, 1))
    found = transitions(story.tell(*opened(*moments), tick(at + 10_000)))
    assert found == plain(moments, times)
    slot = story.state.subjects["chiller-7"].slots[0]
    assert slot is not None
    assert len(slot.memory[1]) <= times


def plain(moments: list[int], times: int) -> list[tuple[str, float]]:
    """The transitions, second by second."""
    found, firing = list[tuple[str, float]](), False
    for second in range(moments[-1] + 10_000):
        holds = sum(second - 600 < moment <= second for moment in moments) >= times
        if holds != firing:
            found.append(("firing" if holds else "resolved", second))
        firing = holds
    return found


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("{event: a, count: 5}", "'within' is missing"),
        ("{event: a, within: 10m}", "'within' needs 'sequence' or 'count' beside it"),
        ("{event: a, count: 0, within: 10m}", "'count' cannot be 0"),
        ("{event: a, count: 1001, within: 10m}", "'count' cannot be 1001"),
        ("{event: a, count: 2.5, within: 10m}", "'count' cannot be 2.5"),
        ("{event: a, count: many, within: 10m}", "must be a number"),
        ("{event: a, count: 2, within: 40d}", "an impossible window: 'count' cannot look at 40 days"),
        ("{count: 2, within: 10m}", "nothing is asked here"),
        ("{sequence: [{event: a}, {event: b}], count: 2, within: 10m}", "could be the sequence's or the count's"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(when: str, message: str) -> None:
    with pytest.raises(RuleErrors) as raised:
        parse({"r.yaml": rule(when)})
    assert any(message in problem.message and problem.line == 1 and problem.mend for problem in raised.value.problems)
