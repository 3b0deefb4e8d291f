from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from devices.event import CustomerFacts, DeviceChanged, DeviceEvent, DeviceFacts, StoreFacts, Telemetry, Tick
from rules.document import parse
from rules.problem import RuleErrors
from tests.unit.rules.conditions.asked import evidence, explained
from tests.unit.rules.story import START, Story, device, happening, reading, rule, status, store, tick

DAY = 86_400
SERVICE = "{every: 90d}"


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def at(text: str) -> float:
    """Seconds of the story."""
    return (ms(text) - START) / 1000


def told_at(story: Story, *events: Any) -> list[tuple[str, str]]:
    story.outcomes.clear()
    story.tell(*events)
    return [(d.transition, datetime.fromtimestamp(d.at / 1000).astimezone().isoformat()) for d in story.decisions]


def test_is_due_at_the_moment_at_which_the_period_is_over_and_until_the_service() -> None:
    story = Story(rule(SERVICE), reading(0, 1))
    assert story.heard(tick(90 * DAY - 1), tick(90 * DAY + 1), reading(91 * DAY, 1)) == [("firing", 90 * DAY)]
    assert story.heard(tick(400 * DAY), happening(401 * DAY, "cleaned")) == []
    assert story.heard(happening(402 * DAY, "serviced")) == [("resolved", 402 * DAY)]
    assert story.heard(reading(403 * DAY, 1), tick(493 * DAY)) == [("firing", 492 * DAY)]


def test_a_service_in_time_begins_a_new_period() -> None:
    story = Story(rule(SERVICE), reading(0, 1), happening(80 * DAY, "serviced"))
    assert story.heard(tick(169 * DAY)) == []
    assert story.heard(tick(171 * DAY)) == [("firing", 170 * DAY)]


def test_another_event_may_be_the_service() -> None:
    story = Story(rule("{every: {hours: 8, reset_by: cleaned}}"), reading(0, 1), happening(3600, "serviced"))
    assert story.heard(tick(8 * 3600)) == [("firing", 8 * 3600)]
    assert story.heard(happening(9 * 3600, "cleaned")) == [("resolved", 9 * 3600)]


def test_the_registry_may_say_when_the_first_period_began() -> None:
    since = rule("{every: {days: 90, since: installed_at, time_zone: Asia/Tokyo}}")
    facts = DeviceFacts("chiller-7", owner="customer-1", attributes={"installed_at": "2025-04-01"})
    story = Story(since, device(facts), reading(0, 1))
    assert story.heard(tick(at("2025-06-29T14:59:59Z"))) == []
    assert story.heard(tick(at("2025-06-29T15:00:01Z"))) == [("firing", at("2025-06-29T15:00:00Z"))]
    assert story.decisions[0].summary == "chiller-7 is due: 90 days since 2025-04-01"


@pytest.mark.parametrize(
    ("said", "due"),
    [
        ("2025-06-01T10:00:00+02:00", "2025-06-11T08:00:00Z"),
        ("2025-06-01T10:00:00", "2025-06-11T10:00:00Z"),
        ("2025-06-01T10:00:00Z", "2025-06-11T10:00:00Z"),
        ("2025-06-01", "2025-06-11T00:00:00Z"),
    ],
)
def test_dates_and_times_of_the_registry(said: str, due: str) -> None:
    facts = DeviceFacts("chiller-7", attributes={"installed_at": said})
    story = Story(rule("{every: {days: 10, since: installed_at}}"), device(facts), reading(0, 1))
    assert explained(story)["due_at"] == ms(due)


@pytest.mark.parametrize("said", ["yesterday", "2025-02-30", 12, None, "", {"a": 1}, "0001-01-01", "x" * 10_000])
def test_what_is_no_date_counts_as_not_said(said: Any) -> None:
    facts = DeviceFacts("chiller-7", attributes={"installed_at": said})
    story = Story(rule("{every: {days: 10, since: installed_at}}"), device(facts), reading(0, 1))
    assert explained(story)["due_at"] == START + 10 * DAY * 1000


def test_a_date_that_the_registry_learns_later_counts_at_once() -> None:
    story = Story(rule("{every: {days: 90, since: serviced_at}}"), device(DeviceFacts("chiller-7")), reading(0, 1))
    assert story.heard(tick(91 * DAY), reading(91 * DAY, 1)) == [("firing", 90 * DAY)]
    facts = DeviceFacts("chiller-7", attributes={"serviced_at": "2025-09-14T12:00:00Z"})
    assert [word for word, _ in story.heard(DeviceChanged(START + 92 * DAY * 1000, facts), reading(92 * DAY, 1))] == [
        "resolved"
    ]
    assert explained(story)["due_at"] == ms("2025-12-13T12:00:00Z")


def test_a_device_first_seen_long_after_it_was_due_is_pending_until_it_says_something() -> None:
    facts = DeviceFacts("chiller-7", attributes={"installed_at": "2024-01-01"})
    story = Story(rule("{every: {months: 3, since: installed_at}}"), device(facts))
    assert story.heard(reading(0, 1)) == []
    assert story.heard(reading(60, 1)) == [("firing", 60)]


def test_an_event_that_comes_twice_or_late_counts_once() -> None:
    story = Story(rule(SERVICE), reading(0, 1), happening(10 * DAY, "serviced"), happening(10 * DAY, "serviced"))
    story.tell(reading(20 * DAY, 1), happening(15 * DAY, "serviced"))
    assert explained(story)["due_at"] == START + 100 * DAY * 1000


def test_a_message_that_was_under_way_does_not_undo_what_is_due() -> None:
    story = Story(rule(SERVICE), reading(0, 1), reading(90 * DAY - 10, 1))
    assert story.heard(tick(90 * DAY + 1)) == [("firing", 90 * DAY)]
    assert story.heard(reading(90 * DAY - 5, 1), tick(90 * DAY + 60)) == []


MONDAYS = "{every: {weekday: mon, at: '09:00', time_zone: Asia/Tokyo}}"


def moments(story: Story, *events: Any) -> list[tuple[str, int]]:
    story.outcomes.clear()
    story.tell(*events)
    return [(d.transition, d.at) for d in story.decisions]


def test_a_time_happens_for_a_moment() -> None:
    story = Story(rule(MONDAYS), reading(0, 1))  # Sunday, 15 June 2025, 15:06 in London
    ticks = [tick(hour * 3600) for hour in range(15 * 24)]
    assert moments(story, *ticks) == [
        (word, ms(monday) + later)
        for monday in ("2025-06-16T00:00Z", "2025-06-23T00:00Z", "2025-06-30T00:00Z")
        for word, later in (("firing", 0), ("resolved", 1))
    ]
    assert story.decisions[0].summary == "it is mon at 09:00 in Asia/Tokyo on chiller-7"
    assert story.decisions[1].notify is None


def test_a_time_needs_no_tick_where_the_device_speaks() -> None:
    story = Story(rule(MONDAYS), reading(0, 1))
    assert moments(story, reading(at("2025-06-16T00:00:00Z"), 1))[0] == ("firing", ms("2025-06-16T00:00Z"))
    late = Story(rule(MONDAYS), reading(0, 1))
    assert moments(late, reading(at("2025-06-16T07:00:00Z"), 1))[0] == ("firing", ms("2025-06-16T00:00Z"))


def test_what_was_missed_happens_once() -> None:
    story = Story(rule("{every: {at: '09:00'}}"), reading(0, 1), tick(60))
    found = moments(story, tick(at("2025-07-15T12:00:00Z")))
    assert [word for word, _ in found] == ["firing", "resolved"]
    assert moments(story, tick(at("2025-07-16T12:00:00Z")))[0] == ("firing", ms("2025-07-16T09:00Z"))


def test_it_does_not_happen_at_first_sight() -> None:
    story = Story(rule("{every: {at: '09:00'}}"))
    assert moments(story, reading(at("2025-06-16T09:00:00Z"), 1), tick(at("2025-06-17T08:59:59Z"))) == []
    assert moments(story, tick(at("2025-06-17T09:00:00Z"))) == [("firing", ms("2025-06-17T09:00Z"))]


@pytest.mark.parametrize(
    ("facts", "hour"),
    [
        (DeviceFacts("chiller-7"), "09"),
        (DeviceFacts("chiller-7", owner="c", customer=CustomerFacts("Europe/Berlin")), "07"),
        (DeviceFacts("chiller-7", owner="c", store="ginza", customer=CustomerFacts("Europe/Berlin")), "00"),
        (DeviceFacts("chiller-7", store="nowhere"), "09"),
    ],
)
def test_the_clock_is_that_of_its_store_or_owner(facts: DeviceFacts, hour: str) -> None:
    ginza = StoreFacts("ginza", "Ginza", time_zone="Asia/Tokyo")
    story = Story(rule("{every: {at: '09:00'}}"), store(ginza), device(facts), reading(0, 1))
    assert moments(story, tick(at("2025-06-16T14:00:00Z")))[0] == ("firing", ms(f"2025-06-16T{hour}:00Z"))


def test_a_clock_that_becomes_another_counts_from_then_on() -> None:
    story = Story(rule("{every: {at: '09:00'}}"), device(DeviceFacts("chiller-7", owner="c")), reading(0, 1))
    moved = DeviceFacts("chiller-7", owner="c", customer=CustomerFacts("Asia/Tokyo"))
    story.tell(DeviceChanged(START + 1000, moved), reading(60, 1))
    assert moments(story, tick(at("2025-06-16T12:00:00Z")))[0] == ("firing", ms("2025-06-16T00:00Z"))


def test_asks_other_conditions_at_its_time() -> None:
    both = "{all: [{every: {at: '09:00'}}, {metric: t, below: 20}]}"
    story = Story(rule(both), reading(0, 50))
    assert moments(story, tick(at("2025-06-16T10:00:00Z")), reading(at("2025-06-16T11:00:00Z"), 10)) == []
    assert moments(story, tick(at("2025-06-17T10:00:00Z")))[0] == ("firing", ms("2025-06-17T09:00Z"))


def test_a_device_that_never_spoke_is_not_known() -> None:
    assert Story(rule(SERVICE), status(0, True)).heard(tick(100 * DAY)) == []


def test_gives_templates_its_times() -> None:
    story = Story(rule(SERVICE), reading(0, 1))
    assert evidence(story) == {"due_at": "2025-09-13T15:06:40Z", "due_since": "2025-06-15T15:06:40Z"}


@pytest.mark.parametrize(
    ("every", "said"),
    [
        ("90d", "90d"),
        ("3 months", "3 months"),
        ("1 year", "1 year"),
        ("{weeks: 2}", "2 weeks"),
        ("{days: 1, at: '08:00'}", "1 day"),
    ],
)
def test_periods_can_be_written_in_several_ways(every: str, said: str) -> None:
    story = Story(rule(f"{{every: {every}}}"), reading(0, 1))
    assert explained(story)["period"] == said


@pytest.mark.parametrize(
    ("every", "said"),
    [
        ("{at: '09:00'}", "every day at 09:00"),
        ("{weekday: [thu, mon], at: '09:00'}", "mon, thu at 09:00"),
        ("{day: last, at: '06:00'}", "the last day of each month at 06:00"),
        ("{day: 15, at: '06:00'}", "day 15 of each month at 06:00"),
        ("{month: apr, day: 1, at: '06:00'}", "day 1 of apr at 06:00"),
        ("{month: 2, day: 29, at: '06:00'}", "day 29 of feb at 06:00"),
    ],
)
def test_times_can_be_written_in_several_ways(every: str, said: str) -> None:
    story = Story(rule(f"{{every: {every}}}"), reading(0, 1))
    assert explained(story)["pattern"] == said


@pytest.mark.parametrize(
    ("every", "message", "mend"),
    [
        ("90", "'90' has no unit", "90s"),
        ("soon", "'soon' is no duration", "90s"),
        ("0 days", "0 days are no period", "write 1 to 3660 days"),
        ("11 years", "11 years are no period", "write 1 to 10 years"),
        ("{days: 0}", "0 days are no period", "1 to"),
        ("{days: 1.5}", "must be a whole number", "days: 2"),
        ("{days: 1, weeks: 1}", "one unit", "keep one"),
        ("{days: 90, weekday: mon}", "a rule needs one of the two", "weekday"),
        ("{hours: 8, at: '09:00'}", "no fixed time of the day", "remove 'at'"),
        ("{weekday: mon}", "'at' is missing", 'write at: "09:00"'),
        ("{}", "'at' is missing", "days: 90"),
        ("{weekday: monday, at: '09:00'}", "'weekday' cannot be 'monday'", "'mon'"),
        ("{weekday: [], at: '09:00'}", "no day of the week", "mon"),
        ("{at: '9:00'}", "'9:00' is no time of the day", "09:00"),
        ("{at: '24:00'}", "'24:00' is no time of the day", "23:59"),
        ("{month: feb, day: 31, at: '09:00'}", "feb has no day 31", "write 1 to 29, or day: last"),
        ("{month: 4, day: 31, at: '09:00'}", "apr has no day 31", "1 to 30"),
        ("{day: 32, at: '09:00'}", "'32' is no day of a month", "day: 31"),
        ("{month: 13, day: 1, at: '09:00'}", "'13' is no month", "1 to 12"),
        ("{month: march, day: 1, at: '09:00'}", "'march' is no month", "'mar'"),
        ("{month: mar, at: '09:00'}", "a month has many days", "day: 1"),
        ("{weekday: mon, day: 1, at: '09:00'}", "not always that day", "keep one"),
        ("{at: '09:00', since: installed_at}", "belongs to a period", "days: 90"),
        ("{at: '09:00', time_zone: Asia/Tokio}", "there is no time zone 'Asia/Tokio'", "Asia/Tokyo"),
        ("{day: 1, att: '09:00'}", "unknown key 'att'", "'at'"),
    ],
)
def test_refuses_what_is_impossible_and_says_what_to_write(every: str, message: str, mend: str) -> None:
    with pytest.raises(RuleErrors, match=r"rules\.yaml:1:") as refused:
        parse({"rules.yaml": rule(f"{{every: {every}}}")})
    assert any(message in problem.message and mend in problem.mend for problem in refused.value.problems), str(
        refused.value
    )


def test_what_only_happens_can_not_explained() -> None:
    with pytest.raises(RuleErrors, match="never 'for' a time"):
        parse({"rules.yaml": rule("{every: {at: '09:00'}, for: 10m}")})


def test_a_period_can_explained() -> None:
    story = Story(rule("{every: 90d, for: 1d}"), reading(0, 1))
    assert story.heard(tick(92 * DAY)) == [("firing", 91 * DAY)]


def test_events_at_the_very_moment_come_first() -> None:
    story = Story(rule(SERVICE), reading(0, 1))
    due = START + 90 * DAY * 1000
    story.tell(DeviceEvent("chiller-7", due, due, "serviced", {}), Tick(due + 5))
    assert story.decisions == []
    story.tell(Telemetry("chiller-7", 2 * due - START, 2 * due - START, {"t": 1}))
    assert [(d.transition, d.at) for d in story.decisions] == [("firing", 2 * due - START)]
