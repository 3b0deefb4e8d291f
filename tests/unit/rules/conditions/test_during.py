from datetime import UTC, datetime

import pytest

from devices.event import CustomerFacts, DeviceFacts, StoreFacts
from rules.decision import Decision
from rules.document import parse
from rules.problem import Problem, RuleErrors
from tests.unit.rules.story import GINZA, START, Story, device, fix, reading, rule, store, tick

GEOFENCE = GINZA.geofence


def after(text: str) -> float:
    """Seconds from the story's beginning to ``text`` (UTC)."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() - START / 1000


def when(hours: str) -> str:
    return rule(f"{{metric: t, above: 8, during: {hours}}}")


def owned(time_zone: str) -> DeviceFacts:
    return DeviceFacts("chiller-7", owner="aiko", customer=CustomerFacts(time_zone))


def test_fires_when_the_hours_begin_and_resolves_when_they_end() -> None:
    story = Story(when('{hours: "09:00-18:00", time_zone: Asia/Tokyo}'))
    begin, end = after("2025-06-16T00:00"), after("2025-06-16T09:00")
    assert story.heard(reading(0, 5), reading(60, 9), tick(begin - 1)) == []
    assert story.heard(tick(end + 100)) == [("firing", begin), ("resolved", end)]
    assert story.decisions[0].summary == "t 9 is above 8 and it is within 09:00-18:00 on chiller-7"
    assert story.decisions[1].summary == "it is no longer within 09:00-18:00 on chiller-7"


def test_hours_over_midnight_belong_to_the_day_on_which_they_begin() -> None:
    story = Story(when('{days: sun, hours: "22:00-06:00", time_zone: UTC}'))  # the story begins on a Sunday
    assert story.heard(reading(0, 5), reading(60, 9), tick(after("2025-06-17T12:00"))) == [
        ("firing", after("2025-06-15T22:00")),
        ("resolved", after("2025-06-16T06:00")),
    ]


def test_outside_of_a_calendar_is_not_during() -> None:
    story = Story(rule('{metric: t, above: 8, not: {during: {hours: "09:00-18:00", time_zone: UTC}}}'))
    assert story.heard(reading(0, 5), reading(60, 9), tick(after("2025-06-15T18:00"))) == [
        ("firing", after("2025-06-15T18:00"))
    ]


def test_a_named_calendar_may_stand_in_any_file_and_has_days_off() -> None:
    rules = f"calendars: [{{id: office, days: [mon-fri], except: 2025-06-16, time_zone: UTC}}]\n{when('office')}"
    story = Story(rules)
    assert story.heard(reading(0, 5), reading(60, 9), tick(after("2025-06-18T12:00"))) == [
        ("firing", after("2025-06-17T00:00"))
    ]
    (fired,) = story.decisions
    during = fired.explanation["of"][1]
    assert during == {
        "operator": "during",
        "calendar": "office",
        "time_zone": "UTC",
        "local_time": "2025-06-17T00:00:00+00:00",
        "until": START + after("2025-06-21T00:00") * 1000,
        "result": True,
    }


def test_dates_include_the_last_one() -> None:
    story = Story(when("{from: 2025-06-20, to: 2025-06-21, time_zone: Asia/Tokyo}"))
    assert story.heard(reading(0, 5), reading(60, 9), tick(after("2026-06-01T00:00"))) == [
        ("firing", after("2025-06-19T15:00")),
        ("resolved", after("2025-06-21T15:00")),
    ]


HOURS = '{hours: "09:00-18:00"}'
TOKYO, BERLIN = after("2025-06-16T00:00"), after("2025-06-16T07:00")


def test_the_zone_is_the_own_stores_or_else_the_owners_or_else_utc() -> None:
    shop = store(StoreFacts("ginza", "Ginza", GEOFENCE, (), {}, "Asia/Tokyo"))
    in_store = DeviceFacts("chiller-7", store="ginza", customer=CustomerFacts("Europe/Berlin"))
    for facts, begin in (
        (in_store, TOKYO),
        (owned("Europe/Berlin"), BERLIN),
        (DeviceFacts("chiller-7"), after("2025-06-16T09:00")),
    ):
        story = Story(when(HOURS), shop, device(facts))
        assert story.heard(reading(6 * 3600, 5), reading(6 * 3600 + 60, 9), tick(begin)) == [("firing", begin)]


def test_a_zone_that_is_asked_for_and_not_known_is_unknown() -> None:
    for zone in ("store", "customer"):
        story = Story(when(f'{{hours: "00:00-24:00", time_zone: {zone}}}'))
        assert story.heard(reading(0, 5), reading(60, 9), reading(120, 9)) == []


def test_an_owner_who_moves_has_other_hours() -> None:
    story = Story(when('{hours: "09:00-18:00", time_zone: customer}'), device(owned("Asia/Tokyo")))
    assert story.heard(reading(0, 5), reading(60, 9)) == []
    moved = story.heard(device(owned("Atlantic/Reykjavik"), after=100))  # 15:08 there
    assert moved == [("firing", 100)]


OPEN = StoreFacts("ginza", "Ginza", GEOFENCE, ("flagship",), {"mon": ["09:00-20:00"]}, "Asia/Tokyo")
MONDAY = after("2025-06-16T00:00")  # 09:00 in Tokyo


def test_the_welcome_offer_waits_for_the_store_to_open() -> None:
    story = Story(rule("{zone: {dwell: 2m, store: {tag: flagship}}, during: store_hours}"), store(OPEN))
    early = MONDAY - 600
    assert story.heard(fix(early, 500), fix(early + 10, 0), tick(early + 300)) == []
    assert story.heard(tick(MONDAY), fix(MONDAY + 60, 500)) == [("firing", MONDAY), ("resolved", MONDAY + 60)]
    assert story.decisions[0].store_id == "ginza"
    assert story.decisions[0].summary == "phone-3 has been in Ginza for 2 min and it is within store hours"


def test_store_hours_are_those_of_the_own_store_for_a_device_that_never_moves() -> None:
    story = Story(when("store_hours"), store(OPEN), device(DeviceFacts("chiller-7", store="ginza")))
    assert story.heard(reading(0, 5), reading(60, 9), tick(MONDAY + 11 * 3600)) == [
        ("firing", MONDAY),
        ("resolved", MONDAY + 11 * 3600),
    ]


def test_without_a_store_or_its_hours_nobody_knows() -> None:
    unknown = StoreFacts("ginza", "Ginza", GEOFENCE)
    broken = StoreFacts("ginza", "Ginza", GEOFENCE, (), {"mon": ["9 to 5"]}, "Asia/Tokyo")
    nowhere = StoreFacts("ginza", "Ginza", GEOFENCE, (), {"mon": ["09:00-20:00"]}, "Mars/Olympus")
    for facts in (unknown, broken, nowhere):
        story = Story(when("store_hours"), store(facts), device(DeviceFacts("chiller-7", store="ginza")))
        assert story.heard(reading(MONDAY, 5), reading(MONDAY + 60, 9), tick(MONDAY + 90_000)) == []
    story = Story(when("store_hours"), device(DeviceFacts("chiller-7", store="closed-down")))
    assert story.heard(reading(MONDAY, 5), reading(MONDAY + 60, 9)) == []


def test_changed_hours_hold_from_the_next_event() -> None:
    story = Story(when("store_hours"), store(OPEN), device(DeviceFacts("chiller-7", store="ginza")))
    story.tell(reading(0, 5), reading(60, 9))
    sunday = StoreFacts("ginza", "Ginza", GEOFENCE, (), {"mon": ["00:00-24:00"]}, "Asia/Tokyo")
    assert story.heard(store(sunday, after=100)) == []
    assert story.heard(reading(120, 9)) == [("firing", 120)]


def test_a_device_in_two_stores_needs_one_that_is_open() -> None:
    shut = StoreFacts("annex", "Annex", GEOFENCE, (), {"tue": ["09:00-20:00"]}, "Asia/Tokyo")
    story = Story(rule("{zone: {dwell: 2m}, during: store_hours}"), store(OPEN), store(shut))
    assert story.heard(fix(MONDAY, 500), fix(MONDAY + 1, 0), tick(MONDAY + 200)) == [("firing", MONDAY + 121)]
    story.tell(tick(MONDAY + 11 * 3600))
    assert isinstance(story.outcomes[-1], Decision)
    assert story.outcomes[-1].transition == "resolved"
    stores = story.outcomes[-1].explanation["of"][1]["stores"]
    assert [(each["store"], each["open"]) for each in stores] == [("annex", False), ("ginza", False)]


def test_a_rule_that_asks_only_the_time_follows_the_clock_once_the_device_is_known() -> None:
    story = Story(rule('{during: {hours: "00:00-12:00", time_zone: UTC}}'))
    assert story.heard(reading(0, 5), tick(after("2025-06-16T12:00"))) == [
        ("firing", after("2025-06-16T00:00")),
        ("resolved", after("2025-06-16T12:00")),
    ]


def test_changed_calendars_are_changed_rules_where_they_are_used() -> None:
    calendars = "calendars: [{id: office, days: [mon-fri]}, {id: night, hours: '22:00-06:00'}]\n"
    rules = "rules: [{id: a, when: {during: office}}, {id: b, when: {during: night}}]"
    before = parse({"a": calendars + rules}).rules
    now = parse({"a": calendars.replace("mon-fri", "mon-sat") + rules}).rules
    assert before[0].version != now[0].version
    assert before[1].version == now[1].version


def problem(text: str) -> Problem:
    with pytest.raises(RuleErrors) as caught:
        parse({"rules.yaml": text})
    assert len(caught.value.problems) == 1, caught.value.problems
    return caught.value.problems[0]


@pytest.mark.parametrize(
    ("hours", "message", "mend"),
    [
        ("stor_hours", "there is no calendar 'stor_hours'", "did you mean 'store_hours'?"),
        ("offce", "there is no calendar 'offce'", "did you mean 'office'?"),
        ("{}", "names no time", "write days"),
        ("{time_zone: UTC}", "names no time", "write days"),
        ("{days: []}", "'days' is empty", "leave the key out"),
        ("{days: [monday]}", "'monday' is no day", "did you mean 'mon'?"),
        ("{days: [mon-xyz]}", "'mon-xyz' is no day", "mon, tue"),
        ("{hours: 9-17}", "'9-17' are no hours", "09:00-18:00"),
        ("{hours: ['09:00-09:00']}", "'09:00-09:00' are no hours", "00:00-24:00"),
        ("{hours: {from: 9}}", "these are no hours", "09:00-18:00"),
        ("{from: 2026-02-30}", "'2026-02-30' is no date", "2026-12-24"),
        ("{from: 2026-12-26, to: 2026-12-24}", "lies before 'from'", "earlier date first"),
        ("{hours: '09:00-18:00', except: tomorrow}", "'tomorrow' is no date", "2026-12-24"),
        ("{hours: '09:00-18:00', time_zone: Asia/Tokio}", "no time zone 'Asia/Tokio'", "did you mean 'Asia/Tokyo'?"),
        ("{hours: '09:00-18:00', timezone: UTC}", "unknown key 'timezone'", "did you mean 'time_zone'?"),
    ],
)
def test_names_the_place_and_the_mend(hours: str, message: str, mend: str) -> None:
    found = problem(f"calendars: [{{id: office, days: [mon-fri]}}]\n{when(hours)}")
    assert message in found.message
    assert mend in found.mend
    assert found.line == 2


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{id: office}", "names no time"),
        ("{id: store_hours, days: [mon]}", "means the hours of the store itself"),
        ("{days: [mon]}", "'id' is missing"),
        ("{id: office, days: [moon]}", "'moon' is no day"),
    ],
)
def test_a_calendar_is_checked_even_if_no_rule_uses_it(entry: str, message: str) -> None:
    found = problem(f"calendars:\n  - {entry}\n")
    assert message in found.message
    assert found.line == 2


def test_a_broken_calendar_is_one_problem_however_often_it_is_used() -> None:
    used = "rules: [{id: a, when: {during: office}}, {id: b, when: {during: office}}]"
    assert "'moon' is no day" in problem(f"calendars: [{{id: office, days: [moon]}}]\n{used}").message
