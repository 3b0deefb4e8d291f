from dataclasses import replace
from typing import Any

import pytest

from devices.event import DeviceFacts, StoreFacts, Telemetry
from rules import state as state_module
from rules.condition import Condition, Memory, Truth
from rules.decision import Decision, Fault, Note, derived_id
from rules.limits import ABOVE
from rules.rule import Ruleset
from rules.state import PartitionState, ruleset_of
from rules.subject import Subject
from rules.threshold import Threshold
from tests.unit.rules.story import (
    CHILLER,
    HOUR,
    START,
    Story,
    device,
    happening,
    reading,
    rule,
    status,
    store,
    tick,
    transitions,
)

HIGH = rule("{metric: t, above: 8}")


def test_first_sight_above_is_pending_until_it_is_confirmed() -> None:
    story = Story(HIGH)
    assert story.heard(reading(0, 9)) == []
    assert [alert.phase for alert in story.state.alerts()] == ["pending"]
    assert story.heard(reading(1, 9)) == [("firing", 1)]


def test_a_rule_loaded_while_a_metric_is_already_high_starts_pending() -> None:
    story = Story(rule("{metric: t, above: 100}"), reading(0, 9))
    assert story.load(HIGH, after=10) == []
    assert [alert.phase for alert in story.state.alerts()] == ["pending"]
    assert story.heard(tick(20)) == []
    assert story.heard(reading(30, 9)) == [("firing", 30)]


def test_a_for_loaded_while_a_metric_is_already_high_counts_from_now() -> None:
    story = Story(rule("{metric: t, above: 100}"), reading(0, 9), tick(240))
    story.load(rule("{metric: t, above: 8, for: 5m}"), after=240)
    assert story.heard(tick(539)) == []
    assert story.heard(tick(540)) == [("firing", 540)]


def test_late_and_repeated_readings_change_nothing() -> None:
    story = Story(HIGH, reading(0, 5), reading(10, 5))
    story.state.take_dirty()
    assert story.heard(reading(10, 9, late_by=20), reading(5, 9), reading(-604_800, 9)) == []
    assert story.state.take_dirty() == set()
    assert story.heard(reading(11, 9), reading(9, 1), reading(11, 1, late_by=20)) == [("firing", 11)]


def test_within_a_millisecond_order_of_arrival_counts_where_the_time_is_ours() -> None:
    story = Story(HIGH, device(CHILLER))
    assert story.heard(reading(0, 5), reading(0, 9), reading(0, 9), reading(0, 5)) == [("firing", 0), ("resolved", 0)]
    assert len(story.tell(status(1, True), status(1, False), status(1, False))) == 1
    stamped = Story(HIGH)
    assert stamped.heard(reading(0, 5, late_by=20), reading(0, 9, late_by=20), reading(0, 9, late_by=30)) == []


def test_of_a_reading_that_is_late_for_one_metric_the_others_count() -> None:
    story = Story(rule("{any: [{metric: t, above: 8}, {metric: v, above: 8}]}"), reading(0, 1), reading(0, 1, "v"))
    story.tell(reading(10, 1))
    at = START + 5000
    assert story.heard(Telemetry("chiller-7", at, at, {"t": 99, "v": 9})) == [("firing", 10)]


def test_says_again_every_repeat_interval_and_once_after_a_long_absence() -> None:
    story = Story(rule("{metric: t, above: 8}", repeat_every="10m"), reading(0, 5), reading(1, 9))
    assert story.heard(tick(600)) == []
    assert story.heard(tick(601), tick(602)) == [("repeat", 601)]
    assert story.heard(tick(601 + 6000), tick(601 + 6001)) == [("repeat", 1201)]
    assert story.heard(reading(6700, 5), tick(20_000)) == [("resolved", 6700)]


def test_all_decisions_of_an_episode_carry_the_id_of_its_beginning() -> None:
    story = Story(rule("{metric: t, above: 8}", repeat_every="10m"), reading(0, 5))
    story.tell(reading(1, 9), tick(700), reading(800, 5), reading(900, 9))
    first, again, over, second = story.decisions
    assert first.id == first.alert_id == again.alert_id == over.alert_id == derived_id("d", "r", "chiller-7", 3, 0)
    assert second.alert_id == second.id != first.id
    assert len({first.id, again.id, over.id, second.id}) == 4


def test_two_decisions_at_one_position_have_two_ids() -> None:
    story = Story(rule("{absent_for: 1m}"), reading(0, 1))
    found = story.tell(reading(100, 1))
    assert [type(outcome) for outcome in found] == [Decision, Decision]
    assert len({outcome.id for outcome in found if isinstance(outcome, Decision)}) == 2


def test_time_never_goes_back() -> None:
    story = Story(rule("{absent_for: 1m}"), reading(0, 1), tick(59))
    assert story.heard(tick(10)) == []
    assert story.state.now == START + 59_000


def test_each_of_a_thousand_due_timers_is_handled_once_after_an_hour_away() -> None:
    story = Story(rule("{absent_for: 10m}"))
    story.tell(*(reading(i / 10, 1, device=f"d-{i}") for i in range(1000)))
    assert len(story.tell(tick(3600))) == 1000
    assert story.tell(tick(3601), tick(7200)) == []


def test_a_rule_that_does_not_concern_the_device_says_nothing() -> None:
    text = rule("{metric: t, above: 8}", for_devices="{model: chiller-*, tag: shop, attribute: {tier: gold}}")
    facts = DeviceFacts("chiller-7", model="chiller-x", tags=("shop",), attributes={"tier": "gold"})
    assert Story(text, device(facts), reading(0, 5)).heard(reading(1, 9)) == [("firing", 1)]
    for other in (
        DeviceFacts("chiller-7", model="washer-x", tags=("shop",), attributes={"tier": "gold"}),
        DeviceFacts("chiller-7", model="chiller-x", attributes={"tier": "gold"}),
        DeviceFacts("chiller-7", model="chiller-x", tags=("shop",), attributes={"tier": "tin"}),
    ):
        assert Story(text, device(other), reading(0, 5)).heard(reading(1, 9)) == []


def test_a_decision_knows_customer_store_and_action() -> None:
    text = rule("{metric: t, above: 8}", then="{case: {queue: cold, priority: high}, notify: {template: alert}}",
                severity="major", cooldown="7d", summary="Too warm")  # fmt: skip
    story = Story(text, device(CHILLER), store(), reading(0, 5))
    story.tell(reading(1, 9))
    (fired,) = story.decisions
    assert (fired.customer_id, fired.store_id, fired.severity, fired.cooldown_ms) == (
        "customer-1", "ginza", "major", 7 * 24 * HOUR,
    )  # fmt: skip
    assert fired.case is not None
    assert fired.case.queue == "cold"
    assert (fired.summary, fired.rule_summary) == ("t 9 is above 8 on chiller-7", "Too warm")
    assert fired.values == {"t": 9, "device": "chiller-7", "model": "chiller-x", "store": "Ginza", "store_id": "ginza"}


def test_an_unchanged_rule_keeps_its_state_when_others_change() -> None:
    one = "  - {id: a, when: {metric: t, above: 8, for: 10m}}\n"
    story = Story("rules:\n" + one, reading(0, 9))
    story.load("rules:\n" + one + "  - {id: b, when: {metric: t, below: 1}}  # new\n", after=60)
    assert story.heard(reading(500, 9), tick(600)) == [("firing", 600)]


def test_a_firing_alert_goes_on_under_the_rules_new_version() -> None:
    story = Story(HIGH, reading(0, 5), reading(1, 9))
    story.tell(reading(2, 12))
    before = [alert.alert_id for alert in story.state.alerts()]
    assert story.load(rule("{metric: t, above: 10}"), after=3) == []
    assert [alert.alert_id for alert in story.state.alerts()] == before
    assert story.heard(reading(4, 9)) == [("resolved", 4)]
    assert story.decisions[-1].alert_id == before[0]


def test_a_removed_rule_closes_its_alert_and_tells_nobody() -> None:
    story = Story(
        rule("{metric: t, above: 8}", then="{case: {}, notify: {template: alert}}"), reading(0, 5), reading(1, 9)
    )
    (closed,) = story.load("rules: []", after=5)
    assert isinstance(closed, Decision)
    assert (closed.transition, closed.notify, closed.summary) == (
        "resolved", None, "rule r no longer applies to chiller-7",
    )  # fmt: skip
    assert list(story.state.alerts()) == []


def test_a_device_that_a_rule_no_longer_concerns_closes_its_alert() -> None:
    story = Story(rule("{metric: t, above: 8}", for_devices="{tag: shop}"))
    story.tell(device(DeviceFacts("chiller-7", tags=("shop",))), reading(0, 5), reading(1, 9))
    assert [o[0] for o in transitions(story.tell(device(DeviceFacts("chiller-7"), after=5)))] == ["resolved"]


def test_unusable_rules_are_refused_and_the_old_ones_stay() -> None:
    story = Story(HIGH, reading(0, 5))
    (refused,) = story.load("rules: [{id: r, when: {metric: t, abvoe: 8}}]")
    assert isinstance(refused, Fault)
    assert "did you mean 'above'?" in refused.error
    assert story.heard(reading(1, 9)) == [("firing", 1)]


def test_a_broken_fence_is_a_fault_and_not_the_end() -> None:
    story = Story(HIGH)
    (refused,) = story.tell(store(StoreFacts("x", "X", {"lat": 99})))
    assert isinstance(refused, Fault)
    assert "write {lat, lon, radius}" in refused.error


def test_events_of_owned_devices_are_noted_once() -> None:
    story = Story(HIGH, device(CHILLER))
    (note,) = story.tell(happening(0, "door_forced", door="left"))
    assert isinstance(note, Note)
    assert (note.kind, note.customer_id, note.summary) == ("event", "customer-1", "chiller-7 reported door_forced")
    assert note.detail == {"type": "door_forced", "data": {"door": "left"}, "late": False}
    assert story.tell(happening(0, "door_forced", door="left")) == []
    assert story.tell(happening(0, "door_forced", device_id="nobodys")) == []


def test_a_late_event_is_marked() -> None:
    (note,) = Story(HIGH, device(CHILLER), reading(10, 1)).tell(happening(5, "button"))
    assert isinstance(note, Note)
    assert note.detail["late"] is True


def test_a_status_is_noted_only_when_it_changes() -> None:
    story = Story(HIGH, device(CHILLER), status(0, True))
    assert story.tell(status(1, True)) == []
    (note,) = story.tell(status(2, False))
    assert isinstance(note, Note)
    assert note.summary == "chiller-7 went offline"
    assert story.tell(status(3, False), status(1, True)) == []
    assert len(story.tell(status(4, True))) == 1


class Explosive(Condition):
    watches = frozenset({"t"})

    def on_event(self, memory: Memory, subject: Subject, at: int) -> Truth:
        if subject.samples["t"][1] == 13:
            raise ZeroDivisionError("thirteen")
        return subject.samples["t"][1] > 8  # type: ignore[no-any-return]

    def explain(self, memory: Memory, subject: Subject, at: int) -> dict[str, Any]:
        return {"result": None}

    def phrase(self, memory: Memory, subject: Subject, at: int, *, holds: bool) -> str:
        return "explosive"


def test_a_rule_that_raises_is_set_aside_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    (good,) = ruleset_of({"a": HIGH}).rules
    bad = replace(good, id="bad", version="bad", condition=Explosive())
    monkeypatch.setattr("rules.engine.ruleset_of", lambda _files: Ruleset("v", (bad, good)))
    story = Story("", reading(0, 5))
    faulty, fired = story.tell(reading(1, 13))
    assert isinstance(faulty, Fault)
    assert (faulty.rule_id, faulty.subject, faulty.error) == ("bad", "chiller-7", "ZeroDivisionError: thirteen")
    assert "Traceback" in faulty.trace
    assert isinstance(fired, Decision)
    assert story.heard(reading(2, 14)) == [("firing", 2)]


class Relapsing(Threshold):
    __slots__ = ()

    def on_time(self, memory: Memory, subject: Subject, at: int) -> Truth:
        raise RuntimeError("no")

    def next_deadline(self, memory: Memory, subject: Subject, after: int) -> int:
        return after + 1000


def test_a_rule_that_raises_in_its_timer_does_not_come_up_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    (good,) = ruleset_of({"a": rule("{metric: t, above: 8}", repeat_every="1m")}).rules
    condition = Relapsing(ABOVE, "t", 8, None, 2**62)
    condition.timed = True
    bad = replace(good, condition=condition)
    monkeypatch.setattr("rules.engine.ruleset_of", lambda _files: Ruleset("v", (bad,)))
    story = Story("", reading(0, 5), reading(1, 9))
    found = story.tell(tick(100), tick(200), tick(4000))
    assert [type(outcome) for outcome in found] == [Fault]


def test_eight_partitions_parse_the_rules_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = []

    def counting(files: dict[str, str]) -> Ruleset:
        parsed.append(files)
        return Ruleset("v", ())

    monkeypatch.setattr(state_module, "parse", counting)
    text = rule("{metric: only_here, above: 12345}")
    for _ in range(8):
        Story(text)
    assert len(parsed) == 1


def test_a_device_that_sends_ever_new_metric_names_costs_no_memory() -> None:
    story = Story(HIGH)
    story.tell(*(reading(i, 1, f"metric-{i}") for i in range(1000)))
    subject = story.state.subjects["chiller-7"]
    assert subject.samples == {}
    assert len(subject.plan._shapes) <= 256


def test_the_empty_state_is_empty() -> None:
    state = PartitionState.empty()
    assert (state.subjects, state.take_dirty(), state.take_shared_dirty()) == ({}, set(), False)


def test_a_device_that_catches_up_after_an_outage_is_not_absent_once_more() -> None:
    """Its readings of the last ten seconds come at once, with our clock ticking in between."""
    story = Story(rule("{absent_for: 6s}"), device(CHILLER), reading(0, 5))
    assert [kind for kind, _ in story.heard(tick(7))] == ["firing"]
    kept = [reading(at, 5, late_by=(10 - at) * 1000) for at in (1, 2, 3)]
    assert [kind for kind, _ in story.heard(kept[0], tick(10), kept[1], tick(11), kept[2])] == ["resolved"]


def test_an_alert_that_falls_due_at_the_change_of_its_rule_has_decisions_of_its_own() -> None:
    story = Story(rule("{metric: t, above: 8, for: 1m}"))
    story.tell(reading(0, 5), reading(10, 9), tick(60))
    changed = story.load(rule("{metric: t, above: 100}"), after=75)
    decisions = [outcome for outcome in changed if isinstance(outcome, Decision)]
    assert [(each.transition, each.rule_version) for each in decisions] == [
        ("firing", decisions[0].rule_version),
        ("resolved", decisions[1].rule_version),
    ]
    assert decisions[0].rule_version != decisions[1].rule_version
    assert decisions[0].id == decisions[1].alert_id != decisions[1].id
