"""A restart at any point, under any rules, changes nothing; duplicates change nothing; each timer goes off once."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
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
from rules.checkpoint import encode_shared, encode_subject, restore_shared, restore_subject
from rules.decision import Decision, Derivation, Outcome, Position
from rules.engine import step
from rules.state import PartitionState
from tests.unit.rules.story import START

LEAVES = [
    "metric: a, above: 5",
    "metric: a, above: 5, clear_below: 3",
    "metric: b, below: 4, clear_above: 6",
    "metric: b, between: [3, 6]",
    "metric: c, equals: true",
    "absent_for: 5m",
    "metric: a, absent_for: 10m",
    "zone: {enter: true}",
    "zone: {leave: true, store: {id: s1}}",
    "zone: {dwell: 3m, store: {tag: big}}",
]
leaves = st.sampled_from(LEAVES)
whens = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["all", "any"]), st.lists(inner, min_size=1, max_size=3)).map(
            lambda pair: f"{pair[0]}: [{', '.join(f'{{{part}}}' for part in pair[1])}]"
        ),
        inner.map(lambda part: f"not: {{{part}}}"),
    ),
    max_leaves=4,
)
lasting = st.tuples(whens, st.sampled_from(["", ", for: 1m", ", for: 12m"])).map("".join)
STEP = "{{severity: {}, when: {{metric: b, above: {}}}}}"
BESIDE = [
    "",
    ", repeat_every: 4m",
    ", for_devices: {model: m}",
    ", auto_resolve_after: 6m, repeat_every: 4m",
    f", steps: [{STEP.format('major', 5)}, {STEP.format('critical', '6, for: 2m')}]",
    ", repeat_every: 4m, then: {case: {}, notify: {template: alert}}, inhibited_by: [last]",
]
"""``last`` stands last in the file, but what it inhibits is decided after it."""
ASKING = [
    "",
    "  - {id: asks, when: {any: [{firing: last}, {all: [{not: {firing: r0}}, {metric: b, above: 5}]}]}}\n",
    "  - {id: asks, when: {firing: r0, for: 3m}, repeat_every: 4m}\n  - {id: too, when: {not: {firing: asks}}}\n",
    "  - {id: asks, when: {group: {by: model, at_least: 2, where: {firing: r0}}}}\n",
    "  - {id: asks, when: {group: {by: owner, at_least: 1, where: {metric: a, above: 5, for: 2m}}, for: 1m}}\n",
]
"""Rules about other rules and about groups; they stand first in the file, and are decided last."""
rule_files = st.tuples(
    st.lists(st.tuples(lasting, st.sampled_from(BESIDE)), min_size=1, max_size=4),
    st.tuples(lasting, st.sampled_from(BESIDE[:-1])),
    st.sampled_from(ASKING),
).map(
    lambda rules: (
        "rules:\n"
        + rules[2]
        + "".join(f"  - {{id: r{i}, when: {{{when}}}{more}}}\n" for i, (when, more) in enumerate(rules[0]))
        + f"  - {{id: last, when: {{{rules[1][0]}}}{rules[1][1]}}}\n"
    )
)

devices = st.sampled_from(["d1", "d2"])
minute = 60_000
values = st.fixed_dictionaries(
    {},
    optional={
        "a": st.floats(0, 10) | st.integers(0, 10) | st.just("broken"),
        "b": st.integers(0, 10),
        "c": st.booleans(),
        "d": st.integers(0, 3),
    },
).filter(bool)


north = st.sampled_from([0, 95, 150, 400])
models = st.sampled_from("mn")
owners = st.sampled_from(["c", None])


def shop(radius: float) -> StoreFacts:
    return StoreFacts("s1", "S", {"lat": 35.0, "lon": 139.0, "radius": radius}, ("big",))


def events(now: int) -> st.SearchStrategy[Event]:
    """What may happen about ``now``, somewhat late or exactly then."""
    at = st.sampled_from([now, now, now, now - minute, now - 7 * minute])
    return st.one_of(
        st.builds(lambda d, t, v: Telemetry(d, t, now, v), devices, at, values),
        st.builds(lambda d, t, n: Location(d, t, now, 35.0 + n / 111_195, 139.0, 10.0), devices, at, north),
        st.builds(lambda d, t, o: Status(d, t, now, o), devices, at, st.booleans()),
        st.builds(lambda d, t, k: DeviceEvent(d, t, now, k), devices, at, st.sampled_from(["x", "y"])),
        st.builds(lambda: Tick(now)),
        st.builds(lambda d, m, o: DeviceChanged(now, DeviceFacts(d, model=m, owner=o)), devices, models, owners),
        st.builds(lambda r, gone: StoreChanged(now, shop(r), gone), st.sampled_from([100.0, 200.0]), st.booleans()),
        st.builds(lambda text: RulesChanged(now, "v", {"f": text}), rule_files),
    )


@st.composite
def logs(draw: st.DrawFn) -> list[Event]:
    log: list[Event] = [RulesChanged(START, "v0", {"f": draw(rule_files)})]
    log.append(StoreChanged(START, shop(100.0)))
    now = START + minute
    for pause in draw(st.lists(st.sampled_from([0, 1000, minute, 3 * minute, 11 * minute]), min_size=1, max_size=25)):
        now += pause
        log.append(draw(events(now)))
    return log


def restored(state: PartitionState) -> PartitionState:
    again = restore_shared(encode_shared(state))
    for device_id in sorted(state.subjects):
        restore_subject(again, device_id, encode_subject(state, device_id))
    return again


def run(log: list[Event], restart_before: frozenset[int] = frozenset()) -> tuple[list[Outcome], PartitionState]:
    state, found = PartitionState.empty(), []
    for i, event in enumerate(log):
        if i in restart_before:
            state = restored(state)
        found += stepped(state, event, i)
    return found, state


def stepped(state: PartitionState, event: Event, seq: int) -> list[Outcome]:
    """Apply an event, and what follows from it for groups, as a log with one partition would bring it."""
    found: list[Outcome] = []
    waiting = [event]
    for index, following in enumerate(waiting):
        made = step(state, following, Position(seq, index))
        found += made
        waiting += [outcome.event for outcome in made if isinstance(outcome, Derivation)]
    return found


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(logs(), st.data())
def test_a_restart_at_any_point_changes_nothing(log: list[Event], data: st.DataObject) -> None:
    restarts = data.draw(st.frozensets(st.integers(0, len(log) - 1), max_size=3))
    outcomes, state = run(log)
    again, state_again = run(log, restarts)
    assert again == outcomes
    assert encode_shared(state_again) == encode_shared(state)
    for device_id in state.subjects:
        assert encode_subject(state_again, device_id) == encode_subject(state, device_id)


@settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow])
@given(logs())
def test_only_dirty_devices_need_to_be_written(log: list[Event]) -> None:
    """Keep parts as a worker does: after each event, write what is dirty, nothing else."""
    state, parts = PartitionState.empty(), dict[str, bytes]()
    for i, event in enumerate(log):
        stepped(state, event, i)
        for device_id in state.take_dirty():
            parts[device_id] = encode_subject(state, device_id)
    assert parts == {device_id: encode_subject(state, device_id) for device_id in state.subjects}


@settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow])
@given(logs())
def test_what_devices_say_twice_is_decided_once(log: list[Event]) -> None:
    twice = [
        event
        for event in log
        for _ in range(2 if isinstance(event, Telemetry | Location | Status | DeviceEvent) else 1)
    ]
    assert kinds(run(twice)[0]) == kinds(run(log)[0])


@settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow])
@given(logs())
def test_an_alert_fires_and_resolves_in_turn_under_one_id_and_no_decision_has_anothers(log: list[Event]) -> None:
    outcomes, _ = run(log)
    decisions = [outcome for outcome in outcomes if isinstance(outcome, Decision)]
    assert len({decision.id for decision in decisions}) == len(decisions)
    firing: dict[tuple[str, str], str] = {}
    for decision in decisions:
        alert = (decision.rule_id, decision.subject)
        if decision.transition == "firing":
            assert alert not in firing
            firing[alert] = decision.id
        assert decision.alert_id == firing[alert]
        if decision.transition == "resolved":
            del firing[alert]


def kinds(outcomes: list[Outcome]) -> list[tuple[object, ...]]:
    return [
        (o.rule_id, o.subject, o.transition, o.at) if isinstance(o, Decision) else (type(o).__name__,) for o in outcomes
    ]


@given(st.lists(st.integers(1, 2000), min_size=1, max_size=50), st.lists(st.integers(0, 4000), max_size=20))
def test_each_timer_goes_off_once_however_time_passes(starts: list[int], ticks: list[int]) -> None:
    state = PartitionState.empty()
    log: list[Event] = [RulesChanged(START, "v", {"f": "rules: [{id: r, when: {absent_for: 10m}}]"})]
    log += [Telemetry(f"d{i}", START + s * 1000, START + s * 1000, {"x": 1}) for i, s in enumerate(starts)]
    log += [Tick(START + t * 1000) for t in [*ticks, 5000, 5001]]
    decisions = [
        o for i, event in enumerate(log) for o in step(state, event, Position(i, 0)) if isinstance(o, Decision)
    ]
    assert sorted(d.subject for d in decisions) == sorted(f"d{i}" for i in range(len(starts)))
    assert {(d.subject, d.at) for d in decisions} == {(f"d{i}", START + (s + 600) * 1000) for i, s in enumerate(starts)}
