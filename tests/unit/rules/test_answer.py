"""An inquiry in words: whatever kept the rule from firing is named."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from devices.event import AlertCommand, DeviceFacts, Event, MemberChanged, Millis, RulesChanged
from rules.answer import headline, reasons
from rules.decision import Position
from rules.inquiry import Inquiry, Verdict
from tests.unit.rules.story import CHILLER, START, device, inquire, reading, tick


def clock(at: Millis) -> str:
    return f"{(at - START) / 1000:g} s"


def rules(*written: str) -> Event:
    text = "rules:\n" + "".join(f"  - {{{each}, purpose: maintenance}}\n" for each in written)
    return RulesChanged(START - 3_600_000, "v", {"rules.yaml": text})


WARM = rules("id: r, when: {metric: t, above: 8}")
FIRING = [reading(0, 5), reading(1, 9)]


def asked(*events: Event, at: float = 120, rule_id: str = "r", device_id: str = "chiller-7") -> Inquiry:
    numbered = [(Position(number, 0), event) for number, event in enumerate(events, 1)]
    return inquire(numbered, rule_id, device_id, START + round(at * 1000))


def why(*events: Event, **more: Any) -> list[str]:
    return reasons(asked(*events, **more), clock)


def command(after: float, action: Any, found: Inquiry, until: float | None = None) -> Event:
    assert found.alert is not None
    assert found.alert.alert_id is not None
    at = START + round(after * 1000)
    ends = None if until is None else START + round(until * 1000)
    return AlertCommand(at, "chiller-7", "r", found.alert.alert_id, action, "mika", ends)


@pytest.mark.parametrize("verdict", get_args(Verdict))
def test_every_verdict_has_its_words(verdict: Verdict) -> None:
    inquiry = Inquiry(rule_id="r", device_id="d", at=START, verdict=verdict)
    assert headline(inquiry)
    assert isinstance(reasons(inquiry, clock), list)


def test_first_sight_is_told_apart_from_a_crossing() -> None:
    assert why(WARM, reading(0, 9)) == [
        "true at first sight, which is no crossing: the next event that says so again fires it"
    ]


def test_an_alert_that_fires_already_does_not_fire_again() -> None:
    assert why(WARM, *FIRING) == ["it fires since 1 s, so it does not fire again until it is resolved"]


def test_what_a_person_did_is_told() -> None:
    found = asked(WARM, *FIRING)
    assert why(WARM, *FIRING, command(10, "acknowledge", found))[1:] == ["acknowledged by mika at 10 s"]
    assert why(WARM, *FIRING, command(10, "snooze", found, until=600))[1:] == [
        "snoozed until 600 s: nobody hears of it before"
    ]
    closed = why(WARM, *FIRING, command(10, "resolve", found), reading(20, 9))
    assert closed[0] == "the alert was closed while this was true: it has to be false once before it fires again"


def test_the_alert_that_speaks_for_it_is_named() -> None:
    two = rules(
        "id: r, when: {metric: t, above: 8}, inhibited_by: [door]", "id: door, when: {metric: door, equals: open}"
    )
    doors = [reading(0, "shut", metric="door"), reading(0.5, "open", metric="door")]
    assert why(two, *doors, *FIRING)[1:] == ["the alert of door speaks for it: nobody hears of it meanwhile"]


GROUP = rules("id: r, when: {group: {by: store, at_least: 2, where: {metric: t, above: 8}}}")


def test_a_rule_about_groups_is_explained_on_one_of_their_devices() -> None:
    found = why(GROUP, device(CHILLER), reading(0, 5))
    assert found == [
        "the rule is about groups: ask about store/ginza; told here is the device's own part in it",
        "t 5 is below the limit 8",
    ]
    homeless = DeviceFacts("chiller-7", model="chiller-x")
    assert why(GROUP, device(homeless), reading(0, 5)) == ["the rule is about groups, and the device belongs to none"]


def test_a_group_that_the_rule_is_not_about_is_told_so() -> None:
    word = MemberChanged("model/x", START, START, "r", "v", "chiller-7", holds=True)
    assert why(GROUP, word, device_id="model/x") == ["group by: the rule wants store, the device has model"]
    assert why(WARM, word, device_id="model/x") == ["subject: the rule wants devices, the device has group model/x"]


def test_a_log_whose_time_stands_still_is_told() -> None:
    found = why(WARM, reading(0, 5), tick(10), at=60)
    assert found == [
        "t 5 is below the limit 8",
        "the log's own time had come to 10 s only: no worker was there to write it",
    ]
    assert why(WARM, reading(0, 5), tick(55), at=60) == ["t 5 is below the limit 8"]


def test_a_slow_clock_is_told() -> None:
    late = reading(0, 5, late_by=3_600_000)
    assert why(WARM, late) == [
        "t 5 is below the limit 8",
        "the device's clock is 1 h behind ours, and its timers wait as much",
    ]


def test_rules_that_held_are_named_where_this_one_did_not() -> None:
    assert why(WARM, reading(0, 5), rule_id="x") == ["rules that held: r"]


def test_a_rule_that_raises_is_told_with_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr("rules.threshold.Threshold.explain", broken)
    monkeypatch.setattr("rules.threshold.Threshold.on_event", broken)
    found = why(WARM, reading(0, 5), reading(1, 9))
    assert found[0].startswith("set aside: error ZeroDivisionError: by nothing")
    assert found[1] == (
        "the rule raised on 2 of the events and was set aside for them, last: ZeroDivisionError: by nothing"
    )
