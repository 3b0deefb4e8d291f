"""The past, decided again: what a rule set would have decided, for whom, and how that differs from another rule set.

The engine, the order of events and the ticks are those of the live run, so the decisions are too. Pure: whoever reads
the past hands its events in, record by record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import msgspec

from devices.event import (
    AlertChanged,
    DeviceEvent,
    DeviceFacts,
    Event,
    Location,
    MemberChanged,
    Millis,
    RulesChanged,
    Status,
    StoreFacts,
    Telemetry,
)
from rules.comparison import CANDIDATE, LIVE, Change, Comparison, Kind, Side
from rules.decision import Decision, Fault, Outcome, Severity, Transition
from rules.duration import DAY
from rules.partitions import Partitions
from rules.rule import NO_RULES, Rule, Ruleset

MAX_EXAMPLES: Final = 20
MAX_NAMED: Final = 20
"""So many devices, and so many customers, are named, those with the most alerts first."""

_DECIDED_AGAIN: Final = frozenset({RulesChanged, MemberChanged, AlertChanged})
"""What stands in the log because of the rules that held: here it follows from the rules that are tried."""


_SAID: Final = frozenset({Telemetry, Status, Location, DeviceEvent})


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """One decision, as an example."""

    at: Millis
    transition: Transition
    subject: str
    customer_id: str | None
    store_id: str | None
    severity: Severity
    summary: str


class Named(msgspec.Struct, frozen=True):
    """Somebody, or something, and how often a rule fired."""

    id: str
    count: int


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule decided over the whole time."""

    version: str
    counts: dict[str, int]
    """By transition."""
    devices: int
    """On how many devices (or groups) it fired."""
    customers: int
    """For how many customers it fired."""
    first_at: Millis | None
    last_at: Millis | None
    """Of the alerts, when they began to fire."""
    per_day: dict[str, int]
    """How often it fired, by day (UTC); days without are left out."""
    top_devices: list[Named]
    top_customers: list[Named]
    examples: list[Happening]
    """The first alerts."""
    faults: int
    first_fault: str

    @property
    def fired(self) -> int:
        """How many alerts."""
        return self.counts.get("firing", 0)


class RuleReport(msgspec.Struct, frozen=True, kw_only=True):
    """One rule on both sides."""

    rule_id: str
    candidate: Tally | None
    """``None``: the candidate has no such rule."""
    live: Tally | None
    """``None``: no such rule is live, or there was nothing to compare with."""
    same: int
    """Alerts that nobody would see a difference in."""
    new: int
    gone: int
    changed: int
    changes: list[Change]
    devices_gained: list[str]
    """Devices on which only the candidate fires."""
    devices_lost: list[str]
    """Devices on which only the live rule fires."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer."""

    events: int
    """Of devices, in the time that was asked for."""
    first_at: Millis | None
    last_at: Millis | None
    """Event times of the oldest and the newest."""
    compared: bool
    """Whether there were live rules to compare with."""
    rules: list[RuleReport]

    @property
    def differs(self) -> bool:
        """Whether anything would be otherwise."""
        return any(rule.new or rule.gone or rule.changed for rule in self.rules)


class Backtest:
    """Two rule sets over the same events. ``feed`` it the past in order, then ask for the ``report``."""

    def __init__(
        self,
        candidate: Ruleset,
        live: Ruleset | None = None,
        *,
        wanted: frozenset[str] | None = None,
        partitions: int = 1,
        makes_ticks: bool = False,
    ) -> None:
        """Begin with nothing known.

        Args:
            candidate: the rules to try.
            live: the rules to compare them with, if any.
            wanted: ids of the rules to report on; ``None``: all of both sets.
            partitions: of the log.
            makes_ticks: the past has no ticks of its own, so time passes by the events; one partition only.
        """
        known = {rule.id for rule in candidate.rules} | {rule.id for rule in (live or NO_RULES).rules}
        self._wanted = known if wanted is None else known & wanted
        self._candidate = _Side(candidate, self._wanted, partitions)
        self._unchanged = _unchanged(candidate, live, self._wanted)
        self._live = None if live is None else _Side(live, self._wanted - self._unchanged, partitions)
        self._makes_ticks = makes_ticks
        self._comparisons = {rule_id: Comparison() for rule_id in self._wanted - self._unchanged}
        self._events = 0
        self._first: Millis | None = None
        self._last: Millis | None = None

    @property
    def events(self) -> int:
        """How many events of devices were fed so far."""
        return self._events

    @property
    def sides(self) -> list[_Side]:
        """Those that have anything to decide."""
        return [side for side in (self._candidate, self._live) if side is not None and side.runs]

    def register(self, at: Millis, devices: Iterable[DeviceFacts], stores: Iterable[StoreFacts]) -> None:
        """What the registry knew at the beginning."""
        known, places = list(devices), list(stores)
        for side in self.sides:
            side.tally(side.partitions.register(at, known, places))

    def feed(self, partition: int, seq: int, events: Sequence[Event]) -> list[Decision]:
        """Decide about the next record of a partition, in the order of the log; the candidate's decisions.

        Without ticks of its own the past must come in order of receipt.
        """
        if not self._makes_ticks:
            events = [event for event in events if type(event) not in _DECIDED_AGAIN]
        self._count(events)
        found: list[tuple[int, Side, Decision]] = []
        for side, number in ((self._candidate, CANDIDATE), (self._live, LIVE)):
            if side is None or not side.runs:
                continue
            fold = side.partitions.fold_in_time if self._makes_ticks else side.partitions.fold
            found += [(made.position.index, number, made) for made in side.tally(fold(partition, seq, events))]
        if self._comparisons and found:
            self._compare(found)
        return [decision for _, side, decision in found if side == CANDIDATE]

    def _compare(self, found: list[tuple[int, Side, Decision]]) -> None:
        """Each record is folded on one side after the other, but the decisions belong together event by event.

        One event may bring several of a device, of deadlines before it: those belong together by their time.
        """
        for _, side, decision in sorted(found, key=lambda each: (each[0], each[2].at)):
            comparison = self._comparisons.get(decision.rule_id)
            if comparison is not None:
                comparison.take(side, decision)

    def _count(self, events: Sequence[Event]) -> None:
        moments = [event.at for event in events if type(event) in _SAID]
        if moments:
            self._events += len(moments)
            first, last = min(moments), max(moments)
            self._first = first if self._first is None else min(first, self._first)
            self._last = last if self._last is None else max(last, self._last)

    def idle_rules(self) -> list[tuple[str, str]]:
        """The candidate's rules that concern no device that was heard of, each with what its devices would need."""
        subjects = [subject for state in self._candidate.partitions.states for subject in state.subjects.values()]
        busy = {rule.id for plan in {subject.plan for subject in subjects} for rule in plan.rules}
        found = []
        for rule in self._candidate.partitions.states[0].ruleset.rules:
            if rule.id in self._wanted - busy and not rule.group_by:
                unmet = [part for subject in subjects for part in rule.selector.unmet(subject.facts)[:1]][:1]
                found += [(rule.id, f"{part.part} {part.wanted}") for part in unmet]
        return found

    def report(self) -> Report:
        """What came of it. Ends the comparison: nothing may be fed afterwards."""
        for comparison in self._comparisons.values():
            comparison.finish()
        return Report(
            events=self._events,
            first_at=self._first,
            last_at=self._last,
            compared=self._live is not None,
            rules=[self._of_rule(rule_id) for rule_id in sorted(self._wanted)],
        )

    def _of_rule(self, rule_id: str) -> RuleReport:
        candidate = self._candidate.tallies.get(rule_id)
        unchanged = rule_id in self._unchanged
        live = candidate if unchanged else self._live.tallies.get(rule_id) if self._live is not None else None
        comparison = self._comparisons.get(rule_id, Comparison())
        fired = set() if candidate is None else set(candidate.devices)
        fires_live = set() if live is None else set(live.devices)
        compared = self._live is not None
        counts: Counter[Kind] = comparison.counts if compared else Counter()
        return RuleReport(
            rule_id=rule_id,
            candidate=None if candidate is None else candidate.tally(),
            live=None if live is None else live.tally(),
            same=candidate.counts["firing"] if unchanged and candidate is not None else comparison.same,
            new=counts["new"],
            gone=counts["gone"],
            changed=counts["changed"],
            changes=comparison.in_order() if compared else [],
            devices_gained=sorted(fired - fires_live)[:MAX_NAMED] if compared else [],
            devices_lost=sorted(fires_live - fired)[:MAX_NAMED],
        )


class _Side:
    """One of the two rule sets at work."""

    def __init__(self, ruleset: Ruleset, wanted: Iterable[str], partitions: int) -> None:
        rules = _needed(ruleset, wanted)
        self.partitions = Partitions(replace(ruleset, rules=rules), partitions)
        self.tallies = {rule.id: _Running(rule) for rule in rules if rule.id in set(wanted)}
        self.runs = bool(rules)

    def tally(self, outcomes: Iterable[Outcome]) -> list[Decision]:
        """Count what was decided; the decisions of the rules that are wanted."""
        found = []
        for outcome in outcomes:
            if isinstance(outcome, Decision | Fault):
                running = self.tallies.get(outcome.rule_id)
                if running is None:
                    continue
                if isinstance(outcome, Decision):
                    running.take(outcome)
                    found.append(outcome)
                else:
                    running.fail(outcome)
        return found


class _Running:
    """The counts of one rule so far."""

    def __init__(self, rule: Rule) -> None:
        self._version = rule.version
        self.counts: Counter[str] = Counter()
        self.devices: Counter[str] = Counter()
        self._customers: Counter[str] = Counter()
        self._days: Counter[int] = Counter()
        self._first: Millis | None = None
        self._last: Millis | None = None
        self._examples: list[Happening] = []
        self._faults: list[str] = []
        self._fault_count = 0

    def take(self, decision: Decision) -> None:
        self.counts[decision.transition] += 1
        if decision.transition != "firing":
            return
        self.devices[decision.subject] += 1
        if decision.customer_id is not None:
            self._customers[decision.customer_id] += 1
        self._days[decision.at // DAY] += 1
        self._first = decision.at if self._first is None else min(self._first, decision.at)
        self._last = decision.at if self._last is None else max(self._last, decision.at)
        if len(self._examples) < MAX_EXAMPLES:
            self._examples.append(_happening(decision))

    def fail(self, fault: Fault) -> None:
        self._fault_count += 1
        if not self._faults:
            self._faults.append(f"on {fault.subject}: {fault.error}")

    def tally(self) -> Tally:
        """As others may have it."""
        return Tally(
            version=self._version,
            counts=dict(self.counts),
            devices=len(self.devices),
            customers=len(self._customers),
            first_at=self._first,
            last_at=self._last,
            per_day={_day(day): count for day, count in sorted(self._days.items())},
            top_devices=_most(self.devices),
            top_customers=_most(self._customers),
            examples=list(self._examples),
            faults=self._fault_count,
            first_fault="".join(self._faults),
        )


def _happening(decision: Decision) -> Happening:
    return Happening(
        at=decision.at,
        transition=decision.transition,
        subject=decision.subject,
        customer_id=decision.customer_id,
        store_id=decision.store_id,
        severity=decision.severity,
        summary=decision.summary,
    )


def _most(counted: Counter[str]) -> list[Named]:
    ordered = sorted(counted.items(), key=lambda each: (-each[1], each[0]))
    return [Named(name, count) for name, count in ordered[:MAX_NAMED]]


def _day(number: int) -> str:
    return f"{datetime.fromtimestamp(number * DAY / 1000, UTC):%Y-%m-%d}"


def _needed(ruleset: Ruleset, wanted: Iterable[str]) -> tuple[Rule, ...]:
    """The rules that are wanted, and those whose alerts they ask for."""
    by_id = {rule.id: rule for rule in ruleset.rules}
    waiting, found = [rule_id for rule_id in wanted if rule_id in by_id], set()
    while waiting:
        rule_id = waiting.pop()
        if rule_id in by_id and rule_id not in found:
            found.add(rule_id)
            waiting += asks_for(by_id[rule_id])
    return tuple(rule for rule in ruleset.rules if rule.id in found)


def asks_for(rule: Rule) -> tuple[str, ...]:
    """The rules whose alerts matter to ``rule``."""
    return (*rule.mentions, *rule.inhibited_by)


def _unchanged(candidate: Ruleset, live: Ruleset | None, wanted: Iterable[str]) -> set[str]:
    """The rules that say the same on both sides, they and all that they ask for: one run serves both."""
    if live is None:
        return set()
    versions = {rule.id: rule.version for rule in live.rules}
    return {
        rule_id
        for rule_id in wanted
        if (needed := _needed(candidate, [rule_id])) and all(versions.get(r.id) == r.version for r in needed)
    }
