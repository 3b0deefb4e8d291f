"""The law of the backtest: for the same events it decides what the live run decided."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from devices.event import DeviceFacts, Event, Location, Millis, Status, StoreChanged, Telemetry, Tick
from devices.partition import partition_of
from rules.backtest import Backtest
from rules.decision import Decision, Position
from rules.document import parse
from rules.engine import step
from rules.rule import Ruleset
from rules.state import PartitionState
from tests.unit.rules.story import GINZA, START

PARTITIONS = 3
DEVICES = ("a", "b", "c", "d")
CONDITIONS = (
    "{metric: t, above: 5}",
    "{metric: t, above: 5, clear_below: 3, for: 90s}",
    "{metric: t, below: 3, for: 700s}",
    "{absent_for: 3m}",
    "{any: [{metric: t, absent_for: 2m}, {all: [{metric: t, above: 5}, {metric: u, equals: 1}], for: 1m}]}",
    "{zone: {dwell: 2m, store: any}}",
)


def ruleset(conditions: list[str], name: str = "") -> Ruleset:
    """One rule for each condition; another name makes another version that means the same."""
    named = f", name: {name}" if name else ""
    written = [f"{{id: r{n}, when: {when}, repeat_every: 10m{named}}}" for n, when in enumerate(conditions)]
    return parse({"r.yaml": f"rules: [{', '.join(written)}]"})


class Record(NamedTuple):
    partition: int
    seq: int
    events: list[Event]


class Told(NamedTuple):
    """A decision without its id."""

    rule_id: str
    subject: str
    transition: str
    at: Millis

    @classmethod
    def of(cls, decision: Decision) -> Told:
        return cls(decision.rule_id, decision.subject, decision.transition, decision.at)


@st.composite
def device_events(draw: st.DrawFn) -> list[Event]:
    """What four devices say, in order of receipt, some of it late."""
    found: list[Event] = []
    now = START
    for _ in range(draw(st.integers(1, 40))):
        now += draw(st.sampled_from([0, 1, 999, 5_000, 61_000, 240_000, 900_000]))
        device = draw(st.sampled_from(DEVICES))
        at = now - draw(st.sampled_from([0, 0, 0, 40, 3_000, 200_000]))
        kind = draw(st.integers(0, 9))
        if kind == 0:
            found.append(Location(device, at, now, 35.0 + draw(st.integers(0, 3)) / 1000, 139.0, 5.0))
        elif kind == 1:
            found.append(Status(device, at, now, draw(st.booleans())))
        else:
            found.append(Telemetry(device, at, now, {draw(st.sampled_from("tu")): draw(st.integers(0, 9))}))
    return found


def log_of(events: list[Event]) -> list[Record]:
    """The log that the live run had: each event in its partition, and a tick a second in all of them."""
    records: list[Record] = [Record(n, n + 1, [StoreChanged(START - 1, GINZA)]) for n in range(PARTITIONS)]
    second = START

    def add(partition: int, event: Event) -> None:
        records.append(Record(partition, len(records) + 1, [event]))

    for event in events:
        assert isinstance(event, Telemetry | Status | Location)
        while second < event.received_at:
            for partition in range(PARTITIONS):
                add(partition, Tick(second))
            second += 1000
        add(partition_of(event.device_id, PARTITIONS), event)
    return records


def live_run(rules: Ruleset, records: list[Record]) -> list[Decision]:
    """The plain fold, one state for each partition."""
    states = [PartitionState.empty() for _ in range(PARTITIONS)]
    for state in states:
        state.use({}, rules.version, rules)
    made = []
    for partition, seq, events in records:
        for index, event in enumerate(events):
            made += step(states[partition], event, Position(seq, index))
    return [outcome for outcome in made if isinstance(outcome, Decision)]


conditions = st.lists(st.sampled_from(CONDITIONS), min_size=1, max_size=3, unique=True)


@settings(deadline=None, max_examples=60)
@given(conditions, device_events())
def test_over_the_log_it_takes_the_very_decisions_of_the_live_run(written: list[str], events: list[Event]) -> None:
    rules, records = ruleset(written), log_of(events)
    backtest = Backtest(rules, partitions=PARTITIONS)
    made = [decision for record in records for decision in backtest.feed(*record)]
    assert made == live_run(rules, records)


@settings(deadline=None, max_examples=60)
@given(conditions, device_events())
def test_without_the_ticks_it_decides_the_same_at_the_same_times(written: list[str], events: list[Event]) -> None:
    rules = ruleset(written)
    backtest = Backtest(rules, makes_ticks=True)
    backtest.register(START - 1, [], [GINZA])
    made = backtest.feed(0, 1, events)
    assert sorted(map(Told.of, made)) == sorted(map(Told.of, live_run(rules, log_of(events))))


@settings(deadline=None, max_examples=60)
@given(conditions, device_events(), st.booleans())
def test_a_rule_that_means_the_same_makes_no_difference(written: list[str], events: list[Event], by_log: bool) -> None:
    candidate, live = ruleset(written, "another name"), ruleset(written)
    backtest = Backtest(candidate, live, partitions=PARTITIONS if by_log else 1, makes_ticks=not by_log)
    assert len(backtest.sides) == 2
    backtest.register(START - 1, [DeviceFacts("a", owner="tanaka")], [GINZA])
    for record in log_of(events) if by_log else [Record(0, 1, events)]:
        backtest.feed(*record)
    report = backtest.report()
    assert not report.differs
    for rule in report.rules:
        assert rule.candidate is not None
        assert rule.live is not None
        assert rule.candidate.counts == rule.live.counts
        assert rule.same == rule.candidate.fired
        assert not rule.devices_gained
        assert not rule.devices_lost


@settings(deadline=None, max_examples=60)
@given(conditions, conditions, device_events())
def test_every_alert_of_either_side_is_the_same_changed_or_alone(
    written: list[str], other: list[str], events: list[Event]
) -> None:
    backtest = Backtest(ruleset(written), ruleset(other), makes_ticks=True)
    backtest.feed(0, 1, events)
    for rule in backtest.report().rules:
        fired = 0 if rule.candidate is None else rule.candidate.fired
        fired_live = 0 if rule.live is None else rule.live.fired
        assert fired == rule.same + rule.changed + rule.new
        assert fired_live == rule.same + rule.changed + rule.gone
