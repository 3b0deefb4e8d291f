"""The operators that learn and those that schedule keep the laws of the fold, alone and inside other operators."""

from __future__ import annotations

import copy
from itertools import pairwise

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.event import DeviceChanged, DeviceEvent, DeviceFacts, Event, RulesChanged, Telemetry, Tick
from rules.checkpoint import encode_shared, encode_subject, restore_shared, restore_subject
from rules.decision import Decision, Outcome, Position
from rules.document import parse
from rules.engine import step
from rules.state import PartitionState
from rules.subject import NEVER
from tests.unit.rules.story import START

LEAVES = [
    "metric: a, forecast: {reaches: 10, within: 10m, over: 20m}",
    "metric: a, forecast: {reaches: 2, within: 4m, over: 8m, confidence: 60%, direction: falling}",
    "metric: a, anomaly: {score: 3, learn_for: 10m}",
    "metric: a, anomaly: {score: 3, learn_for: 1d, seasonal: hour}",
    "every: 7m",
    "every: {hours: 1, since: installed_at, reset_by: x}",
    "every: {at: '15:10'}",
    "operating_hours: {every: 3m, while: {metric: a, above: 5}}",
    "operating_hours: {every: 5m, while: {any: [{metric: b, above: 5}, {absent_for: 2m}]}, reset_by: x}",
    "operating_hours: {every: 20, metric: b, reset_by: x}",
]
leaves = st.sampled_from([*LEAVES, "metric: b, above: 5"])
whens = st.one_of(
    leaves,
    leaves,
    st.tuples(st.sampled_from(["all", "any"]), st.lists(leaves, min_size=2, max_size=3)).map(
        lambda pair: f"{pair[0]}: [{', '.join(f'{{{part}}}' for part in pair[1])}]"
    ),
    leaves.map(lambda part: f"not: {{{part}}}"),
    leaves.filter(lambda part: "at: '" not in part).map(lambda part: f"{part}, for: 3m"),
)
rule_files = st.lists(whens, min_size=1, max_size=3).map(
    lambda rules: "rules:\n" + "".join(f"  - {{id: r{i}, when: {{{when}}}}}\n" for i, when in enumerate(rules))
)

MINUTE = 60_000
pauses = st.sampled_from([0, 1000, 20_000, MINUTE, MINUTE, 3 * MINUTE, 11 * MINUTE])
numbers = st.integers(0, 12) | st.floats(0, 12, width=16)
readings = st.fixed_dictionaries(
    {}, optional={"a": numbers | st.sampled_from(["broken", True]), "b": numbers, "c": st.booleans()}
).map(lambda values: values or {"a": 4})


def happenings(now: int, at: int) -> st.SearchStrategy[Event]:
    said = st.sampled_from([None, "2025-06-15", "2025-06-15T15:00:00Z", "soon"])
    return st.one_of(
        st.builds(lambda values: Telemetry("d", at, now, values), readings),
        st.builds(lambda values: Telemetry("d", at, now, values), readings),
        st.builds(lambda kind: DeviceEvent("d", at, now, kind), st.sampled_from(["x", "serviced", "other"])),
        st.builds(lambda date: DeviceChanged(now, DeviceFacts("d", attributes={"installed_at": date})), said),
        st.just(Tick(now)),
    )


@st.composite
def logs(draw: st.DrawFn, *, late: bool = True) -> list[Event]:
    log: list[Event] = [RulesChanged(START, "v", {"f": draw(rule_files)})]
    now = START + MINUTE
    for _ in range(draw(st.integers(1, 8))):
        pause, slope, level = draw(pauses), draw(st.integers(-2, 2)), draw(st.integers(0, 60))
        for turn in range(draw(st.integers(0, 12))):  # a stretch in which there is something to learn
            now += pause or 1000
            log.append(Telemetry("d", now, now, {"a": level + slope * turn, "b": turn}))
        now += draw(pauses)
        at = now - (draw(st.sampled_from([0, 0, 0, MINUTE, 7 * MINUTE])) if late else 0)
        log.append(draw(happenings(now, at)))
    return log


def restored(state: PartitionState) -> PartitionState:
    again = restore_shared(encode_shared(state))
    for device_id in state.subjects:
        restore_subject(again, device_id, encode_subject(state, device_id))
    return again


def run(
    log: list[Event], restart_before: frozenset[int] = frozenset(), *, calming: bool = True
) -> tuple[list[Outcome], dict[str, bytes]]:
    state, found = PartitionState.empty(), []
    for i, event in enumerate(log):
        if i in restart_before:
            state = restored(state)
        state.calming = calming
        found += step(state, event, Position(i, 0))
    return found, {device_id: encode_subject(state, device_id) for device_id in state.subjects}


def told(outcomes: list[Outcome]) -> list[tuple[object, ...]]:
    return [(o.rule_id, o.transition, o.at) for o in outcomes if isinstance(o, Decision)]


@pytest.mark.parametrize("leaf", LEAVES)
def test_time_may_pass_before_anything_was_seen(leaf: str) -> None:
    """As after a fault, when everything is forgotten."""
    (rule,) = parse({"f": f"rules: [{{id: r, when: {{{leaf}}}}}]"}).rules
    state = PartitionState.empty()
    step(state, DeviceChanged(START, DeviceFacts("d", attributes={"installed_at": "soon"})), Position(0, 0))
    memory = rule.condition.fresh()
    assert rule.condition.on_time(memory, state.subjects["d"], START) is not True
    assert rule.condition.next_deadline(memory, state.subjects["d"], START) == NEVER


quickly = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@quickly
@given(logs(), st.data())
def test_a_restart_at_any_point_changes_nothing(log: list[Event], data: st.DataObject) -> None:
    restarts = data.draw(st.frozensets(st.integers(0, len(log) - 1), max_size=3))
    assert run(log, restarts) == run(log)


@quickly
@given(logs())
def test_what_comes_twice_counts_once(log: list[Event]) -> None:
    twice = [event for event in log for _ in range(1 if isinstance(event, RulesChanged) else 2)]
    assert told(run(twice)[0]) == told(run(log)[0])


@quickly
@given(logs())
def test_leaving_calm_devices_alone_changes_nothing(log: list[Event]) -> None:
    assert run(log) == run(log, calming=False)


@quickly
@given(logs(late=False), st.integers(7, 300))
def test_how_often_time_is_told_does_not_matter(log: list[Event], seconds: int) -> None:
    log = [*log, Tick(log[-1].at)]  # what the device itself says handles its deadlines; the registry's word does not
    dense: list[Event] = [log[0]]
    for before, event in pairwise(log):
        dense += [Tick(at) for at in range(before.at + seconds * 1000, event.at, seconds * 1000)]
        dense.append(event)
    assert told(run(dense)[0]) == told(run(log)[0])


@quickly
@given(logs(), st.integers(0, 10**9))
def test_asking_changes_nothing_and_what_is_remembered_is_plain_and_bounded(log: list[Event], later: int) -> None:
    state = PartitionState.empty()
    for i, event in enumerate(log):
        step(state, event, Position(i, 0))
    for subject in state.subjects.values():
        for slot in [slot for slot in subject.slots if slot is not None]:
            condition, before = slot.rule.condition, copy.deepcopy(slot.memory)
            at = subject.last_at + later
            explanation = condition.explain(slot.memory, subject, at)
            assert msgspec.json.decode(msgspec.json.encode(explanation)) == explanation
            for holds in (True, False):
                assert condition.phrase(slot.memory, subject, at, holds=holds)
            condition.evidence(slot.memory, subject)
            condition.next_deadline(slot.memory, subject, at)
            condition.quiet(slot.memory, subject, subject.last_at)
            condition.pending(slot.memory)
            assert slot.memory == before
            packed = msgspec.msgpack.encode(slot.memory)
            assert msgspec.msgpack.decode(packed) == slot.memory
            assert len(packed) < 4500  # three forecasts, each of at most 65 points
            assert condition.on_event(slot.memory, subject, subject.last_at) is condition.on_event(
                slot.memory, subject, subject.last_at
            )
