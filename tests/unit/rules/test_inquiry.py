"""Why did it not fire? The fold of one device up to a moment."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from devices.event import DeviceFacts, Event, RulesChanged
from rules.checkpoint import encode_shared, encode_subject, restore_shared, restore_subject
from rules.decision import Decision, Position
from rules.engine import step
from rules.inquiry import Inquiry
from rules.state import PartitionState
from tests.unit.rules.story import CHILLER, START, device, inquire, reading, rule, status, store, tick

WARM = "{metric: t, above: 8}"
LONG = "{metric: t, above: 8, for: 10m}"


def rules(when: str, after: float = -3600, **more: str) -> Event:
    at = START + round(after * 1000)
    return RulesChanged(at, f"v{after}", {"rules.yaml": rule(when, **more)})


def numbered(events: list[Event]) -> list[tuple[Position, Event]]:
    return [(Position(number, 0), event) for number, event in enumerate(events, 1)]


def asked(*events: Event, at: float = 120, rule_id: str = "r", device_id: str = "chiller-7", **more: Any) -> Inquiry:
    return inquire(numbered(list(events)), rule_id, device_id, START + round(at * 1000), **more)


def test_a_false_condition_is_shown_with_what_it_saw() -> None:
    found = asked(rules(WARM), device(CHILLER), reading(0, 7.4), tick(121))
    assert found.verdict == "false"
    assert found.explanation["value"] == 7.4
    assert found.explanation["sampled_at"] == START
    assert found.explanation["limit"] == 8
    assert (found.heard_at, found.own_events) == (START, 2)
    assert found.alert is not None
    assert found.alert.phase == "inactive"


def test_what_comes_after_the_moment_is_not_looked_at() -> None:
    found = asked(rules(WARM), reading(0, 7), reading(1, 7), reading(121, 9), reading(122, 9), at=120)
    assert found.verdict == "false"
    assert found.transitions == ()
    assert asked(rules(WARM), reading(0, 7), reading(1, 7), reading(121, 9), at=121).verdict == "fires"


def test_a_decision_that_falls_on_the_moment_itself_is_seen() -> None:
    """A deadline's own time lies between two ticks."""
    story = [rules(LONG), reading(0, 7), reading(1, 9), reading(500, 9), tick(600.5), tick(601.5)]
    assert asked(*story, at=600.999).verdict == "pending"
    found = asked(*story, at=601)
    assert found.verdict == "fires"
    assert [(each.transition, each.at) for each in found.transitions] == [("firing", START + 601_000)]


def test_time_that_nobody_wrote_has_not_passed() -> None:
    """No worker ran: no tick, no decision, and the answer shows how far the log's time had come."""
    found = asked(rules(LONG), reading(0, 7), reading(1, 9), reading(500, 9), tick(510), at=700)
    assert found.verdict == "pending"
    assert found.clock == START + 510_000
    assert found.next_look_at == START + 601_000


def test_true_at_first_sight_is_pending() -> None:
    assert asked(rules(WARM), reading(0, 9)).verdict == "pending"


def test_a_device_that_the_rule_does_not_concern_is_told_why() -> None:
    found = asked(rules(WARM, for_devices="{model: freezer-*}"), device(CHILLER), reading(0, 9))
    assert found.verdict == "not_concerned"
    assert [(each.part, each.wanted, each.found) for each in found.unmet] == [("model", "freezer-*", "chiller-x")]


def test_a_rule_or_device_that_is_not_known_then_is_said_to_be_unknown() -> None:
    story = [rules(WARM, after=0), reading(1, 9)]
    assert asked(*story, rule_id="x").verdict == "no_such_rule"
    assert asked(*story, rule_id="x").rules_known == ("r",)
    assert asked(*story, at=-1).verdict == "no_such_rule", "the rule came later"
    assert asked(*story, device_id="else").verdict == "unknown_device"


def test_nothing_was_heard_yet() -> None:
    found = asked(rules(WARM), device(CHILLER))
    assert (found.verdict, found.heard_at) == ("unknown", None)
    assert found.explanation["value"] is None


def test_the_rule_is_the_version_that_held_at_the_moment() -> None:
    story = [rules(WARM), reading(0, 9), reading(1, 9), rules("{metric: t, above: 20}", after=60), reading(90, 10)]
    first, second = asked(*story, at=59), asked(*story, at=91)
    assert first.explanation["limit"] == 8
    assert second.explanation["limit"] == 20
    assert first.rule_version != second.rule_version


def test_a_device_whose_clock_is_slow_is_asked_about_by_its_own_time() -> None:
    hour = 3600.0
    late = [reading(after, value, late_by=3_600_000) for after, value in ((0, 7), (1, 9), (300, 9))]
    story = [rules(LONG), *late, tick(hour + 700)]
    assert asked(*story, at=600).verdict == "pending"
    found = asked(*story, at=601)
    assert (found.verdict, found.lag) == ("fires", 3_600_000)


def test_a_status_at_the_brokers_time_does_not_end_the_look_at_a_slow_device() -> None:
    story = [rules(WARM), reading(0, 7, late_by=3_600_000), status(3000, online=False), reading(5, 9)]
    assert asked(*story, at=10).verdict == "fires"


def test_a_store_that_is_broken_or_somebody_elses_data_does_no_harm() -> None:
    story = [store(), rules(WARM), reading(0, 9, device="other"), reading(0, 1), reading(130, 1, device="other")]
    assert asked(*story).own_events == 1


def test_it_goes_on_from_a_checkpoint() -> None:
    state = PartitionState.empty()
    before = numbered([rules(LONG), device(CHILLER), reading(0, 7), reading(1, 9), reading(1, 9, device="x")])
    for position, event in before:
        step(state, event, position)
    restored = restore_shared(encode_shared(state))
    restore_subject(restored, "chiller-7", encode_subject(state, "chiller-7"))
    after: list[tuple[Position, Event]] = [(Position(9, 0), reading(500, 9)), (Position(10, 0), tick(602))]
    found = inquire(after, "r", "chiller-7", START + 601_000, restored)
    assert found.verdict == "fires"
    whole = inquire([*before, *after], "r", "chiller-7", START + 601_000)
    assert (found.own_events, whole.own_events) == (1, 4)
    assert found == msgspec.structs.replace(whole, own_events=1)


@given(
    values=st.lists(st.tuples(st.integers(1, 400), st.sampled_from([5.0, 9.0])), max_size=30),
    at=st.integers(0, 4000),
    when=st.sampled_from([WARM, LONG, "{absent_for: 2m}", "{metric: t, below: 6, for: 90s}"]),
)
def test_it_tells_exactly_the_decisions_that_the_live_run_took_up_to_then(
    values: list[tuple[int, float]], at: int, when: str
) -> None:
    log: list[Event] = [rules(when, repeat_every="20m"), device(DeviceFacts("chiller-7"))]
    now = 0
    for pause, value in values:
        log += [tick(second) for second in range(now + 1, now + pause, 7)]
        now += pause
        log.append(reading(now, value))
    log += [tick(second) for second in range(now + 1, 4100, 7)]
    state = PartitionState.empty()
    taken = [made for position, event in numbered(log) for made in step(state, event, position)]
    moment = START + at * 1000
    found = asked(*log, at=at)
    wanted = [each for each in taken if isinstance(each, Decision) and each.at <= moment]
    assert [(each.transition, each.at) for each in found.transitions] == [(d.transition, d.at) for d in wanted[-10:]]
    assert (found.verdict == "fires") == (bool(wanted) and wanted[-1].transition != "resolved")


@given(
    values=st.lists(st.tuples(st.integers(1, 400), st.sampled_from([5.0, 9.0])), min_size=1, max_size=20),
    at=st.integers(0, 3000),
    part=st.floats(0, 1),
    when=st.sampled_from([WARM, LONG, "{absent_for: 2m}"]),
)
def test_from_any_checkpoint_before_the_moment_it_tells_the_same(
    values: list[tuple[int, float]], at: int, part: float, when: str
) -> None:
    log: list[Event] = [rules(when), device(DeviceFacts("chiller-7"))]
    now = 0
    for pause, value in values:
        now += pause
        log += [reading(now, value), tick(now + 0.5)]
    moment = START + at * 1000
    before = [each for each in numbered(log) if each[1].at <= moment]
    kept = max(2, round(part * len(before)))
    state = PartitionState.empty()
    for position, event in numbered(log)[:kept]:
        step(state, event, position)
    restored = restore_shared(encode_shared(state))
    restore_subject(restored, "chiller-7", encode_subject(state, "chiller-7"))
    found = inquire(numbered(log)[kept:], "r", "chiller-7", moment, restored)
    whole = asked(*log, at=at)
    assert (found.verdict, found.explanation, found.alert) == (whole.verdict, whole.explanation, whole.alert)
    assert (found.heard_at, found.clock, found.next_look_at) == (whole.heard_at, whole.clock, whole.next_look_at)
