"""Leaving calm devices alone decides nothing: the engine with bands and the engine without say and keep the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from devices.event import (
    DeviceChanged,
    DeviceEvent,
    DeviceFacts,
    Event,
    Location,
    RulesChanged,
    Status,
    StoreChanged,
    StoreFacts,
    Telemetry,
    Tick,
)
from rules import calm
from rules.checkpoint import encode_shared, encode_subject, restore_shared, restore_subject
from rules.decision import Outcome, Position
from rules.document import parse
from rules.engine import step
from rules.problem import RuleErrors
from rules.state import PartitionState
from tests.unit.rules.story import START

LEAVES = [
    "metric: a, above: 5",
    "metric: a, above: 5, clear_below: 3",
    "metric: a, below: 2.5",
    "metric: b, below: 4, clear_above: 6",
    "metric: b, between: [3, 6]",
    "metric: a, equals: 5",
    "metric: c, equals: true",
    "metric: c, equals: broken",
    "absent_for: 5m",
    "metric: a, absent_for: 10m",
    "metric: b, absent_for: 3m",
    "zone: {enter: true}",
    "zone: {leave: true}",
    "zone: {dwell: 3m}",
    "zone: {near: 200 m}",
    "metric: c, changed: true",
    "metric: c, changed: {from: true}",
    "metric: c, matches: 'b.*'",
    "metric: a, above: 5, count: 2, within: 4m",
    "event: x",
    "event: {type: x, until: y}",
    "operating_hours: {every: 0.05, metric: b}",
    "sequence: [{metric: a, above: 5}, {metric: b, below: 4}], within: 5m",
    "every: 10m",
    "metric: a, rate: per_minute, above: 2",
    "metric: a, window: {avg: 5m}, above: 5",
    "device: {model: m}",
    "during: {hours: '00:00-15:10'}",
    "during: store_hours",
    "customer: {locale: ja}",
    "store: {tag: big}",
    "metric: a, forecast: {reaches: 8, within: 10m, over: 20m}",
    "metric: a, anomaly: {score: 3, learn_for: 10m}",
    "firing: r0",
    "group: {by: model, at_least: 1, where: {metric: a, above: 5}}",
]
leaves = st.sampled_from(LEAVES)
whens = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["all", "any"]), st.lists(inner, min_size=1, max_size=3)).map(
            lambda pair: f"{pair[0]}: [{', '.join(f'{{{part}}}' for part in pair[1])}]"
        ),
        inner.map(lambda part: f"not: {{{part}}}"),
        inner.map(lambda part: f"any: [{{{part}, for: 2m}}]" if "for: " not in part else part),
    ),
    max_leaves=4,
)
lasting = st.tuples(whens, st.sampled_from(["", "", ", for: 1m", ", for: 7m"])).map("".join)
MORE = [
    "",
    "",
    ", repeat_every: 4m",
    ", auto_resolve_after: 6m",
    ", for_devices: {model: m}",
    ", max_gap: 2m",
    ", steps: [{severity: critical, when: {metric: a, above: 7, for: 1m}}]",
    ", steps: [{severity: major, when: {metric: b, above: 5}}]",
]


def file_of(rules: list[tuple[str, str]]) -> str:
    """Those of the rules that are accepted beside the ones before: what only happens cannot last, for instance."""
    file = "rules:\n"
    for i, (when, more) in enumerate(rules):
        longer = f"{file}  - {{id: r{i}, when: {{{when}}}{more}}}\n"
        file = longer if accepted(longer) else file
    return file if file != "rules:\n" else "rules: []\n"


def accepted(text: str) -> bool:
    try:
        parse({"f": text})
    except RuleErrors:
        return False
    return True


rule_files = st.lists(st.tuples(lasting, st.sampled_from(MORE)), min_size=1, max_size=5).map(file_of)

minute = 60_000
devices = st.sampled_from(["d1", "d1", "d1", "d2"])
pauses = st.sampled_from([1, 1000, 1000, 20_000, minute, minute, 2 * minute, 3 * minute, 5 * minute, 11 * minute, 0])
a_values = st.sampled_from([1, 2.5, 2.6, 3, 4, 4.5, 5, 5.0, 5.1, 6, 9, "broken", True])
readings = st.fixed_dictionaries(
    {},
    optional={
        "a": a_values,
        "b": st.sampled_from([2, 3, 4.0, 5, 6, 7]),
        "c": st.sampled_from([True, False, 1, "broken"]),
        "d": st.integers(0, 3),
    },
).map(lambda values: values or {"a": 4})
delays = st.sampled_from([0, 0, 0, 5, 5000])
models = st.sampled_from("mn")


def shop(radius: float) -> StoreFacts:
    return StoreFacts("s1", "S", {"lat": 35.0, "lon": 139.0, "radius": radius}, ("big",))


@st.composite
def stretches(draw: st.DrawFn) -> list[tuple[int, int, dict[str, object]]]:
    """A while in which a device sends much the same again and again: (pause, delay, values)."""
    pause, delay = draw(pauses), draw(delays)
    values = draw(st.lists(readings, min_size=1, max_size=2))
    return [(pause, delay, values[i % len(values)]) for i in range(draw(st.integers(1, 12)))]


def others(now: int) -> st.SearchStrategy[Event]:
    at = st.sampled_from([now, now, now - minute, now - 7 * minute])
    north = st.sampled_from([0, 95, 150, 400])
    return st.one_of(
        st.builds(lambda d, t, v: Telemetry(d, t, now, v), devices, at, readings),
        st.builds(lambda d, t, n: Location(d, t, now, 35.0 + n / 111_195, 139.0, 10.0), devices, at, north),
        st.builds(lambda d, t, o: Status(d, t, now, o), devices, at, st.booleans()),
        st.builds(lambda d, t, k: DeviceEvent(d, t, now, k), devices, at, st.sampled_from(["x", "y"])),
        st.just(Tick(now)),
        st.builds(lambda d, m: DeviceChanged(now, DeviceFacts(d, model=m)), devices, models),
        st.builds(lambda r: StoreChanged(now, shop(r)), st.sampled_from([100.0, 200.0])),
        st.builds(lambda text: RulesChanged(now, "v", {"f": text}), rule_files),
    )


@st.composite
def logs(draw: st.DrawFn) -> list[Event]:
    log: list[Event] = [RulesChanged(START, "v0", {"f": draw(rule_files)}), StoreChanged(START, shop(100.0))]
    now = START + minute
    for _ in range(draw(st.integers(1, 8))):
        device = draw(devices)
        for pause, delay, values in draw(stretches()):
            now += pause
            log.append(Telemetry(device, now - delay, now, values))
            if draw(st.integers(0, 9)) == 0:
                log.append(log[-1])
        now += draw(pauses)
        log.append(draw(others(now)))
    return log


def restored(state: PartitionState) -> PartitionState:
    again = restore_shared(encode_shared(state))
    for device_id in sorted(state.subjects):
        restore_subject(again, device_id, encode_subject(state, device_id))
    return again


def run(
    log: list[Event], *, calming: bool, restart_before: frozenset[int] = frozenset()
) -> Iterator[tuple[list[Outcome], PartitionState]]:
    """After each event: what it led to, and the state."""
    state = PartitionState.empty()
    for i, said in enumerate(log):
        if i in restart_before:
            state = restored(state)
        state.calming = calming
        yield step(state, said, Position(i, 0)), state


def kept(state: PartitionState) -> dict[str, bytes]:
    return {device_id: encode_subject(state, device_id) for device_id in state.subjects}


@pytest.mark.parametrize("patience", [0, 2, calm.MAX_PATIENCE])
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(logs(), st.data())
def test_the_outcomes_and_the_checkpoints_are_those_of_an_engine_that_asks_always(
    patience: int, log: list[Event], data: st.DataObject
) -> None:
    checked = data.draw(st.frozensets(st.integers(0, len(log) - 1), max_size=2), label="checkpoints after")
    restarts = data.draw(st.frozensets(st.integers(0, len(log) - 1), max_size=1), label="restarts before")
    before, calm.MAX_PATIENCE = calm.MAX_PATIENCE, patience
    try:
        pairs = zip(run(log, calming=True, restart_before=restarts), run(log, calming=False), strict=True)
        for i, ((found, state), (expected, plain)) in enumerate(pairs):
            assert found == expected, f"at event {i}"
            assert state.take_dirty() == plain.take_dirty()
            if i in checked or i == len(log) - 1:
                assert kept(state) == kept(plain), f"after event {i}"
            if any(subject.unasked for subject in state.subjects.values()):
                event("some readings asked nobody")
            assert all(subject.calm is None for subject in plain.subjects.values())
    finally:
        calm.MAX_PATIENCE = before


def test_an_overdue_deadline_stays_where_it_is_when_a_calm_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Found by the law above: a changed rule takes an alert over whose time is over, and a late reading ends a calm."""
    monkeypatch.setattr(calm, "MAX_PATIENCE", 2)
    before = (
        "rules:\n"
        "  - {id: r1, when: {not: {metric: a, above: 5}}}\n"
        "  - {id: r2, when: {all: [{metric: a, above: 5}, {metric: b, below: 4}], for: 2m}}\n"
    )
    after = "rules: [{id: r1, when: {metric: c, matches: 'b.*'}, auto_resolve_after: 6m}]"
    log: list[Event] = [RulesChanged(START, "v0", {"f": before})]
    for seconds, metric in [(60, "a"), (66, "b"), (72, "a"), (78, "a"), *((720 + 660 * i, "a") for i in range(9))]:
        at = START + seconds * 1000
        log.append(Telemetry("d1", at, at, {metric: 2 if metric == "b" else 4}))
    log.insert(5, Location("d1", START + 80_000, START + 80_000, 35.0, 139.0, 10.0))
    now = START + 6_000_000
    log += [RulesChanged(now + 1, "v1", {"f": after}), Telemetry("d1", now - 7 * minute, now + 8, {"c": True})]
    *_, (_, state) = run(log, calming=True)
    *_, (_, plain) = run(log, calming=False)
    assert kept(state) == kept(plain)
