"""The fold: ``step(state, event)`` gives the outcomes. No clock, no I/O, no randomness.

The same events in the same order give the same state and the same outcomes: live, in a replay, and after a restart
from a checkpoint. See docs/explanation/semantics.md for what the rules mean.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from devices.event import (
    MAX_AHEAD_MS,
    AlertChanged,
    AlertCommand,
    DeviceChanged,
    DeviceEvent,
    Event,
    Location,
    MemberChanged,
    Millis,
    RulesChanged,
    Status,
    StoreChanged,
    Telemetry,
    Tick,
)
from rules.alert import FIRING, Slot
from rules.announcement import announce_anew
from rules.calm import calm_down, disturb, rouse, still_awake
from rules.command import obey
from rules.condition import ANY_DATA, EVENT, FACTS, LOCATION, MEMBER, STATUS
from rules.decision import Fault, Note, Outcome, Position, derived_id
from rules.group import Group
from rules.inhibition import concerned, hush, listen, release
from rules.judgement import fault, judge, withdraw
from rules.lateness import LATE_MS
from rules.membership import rejoin
from rules.places import forget, locate
from rules.problem import RuleErrors
from rules.rule import Ruleset
from rules.slots import is_blank, stays_at_rest
from rules.state import PartitionState, ruleset_of
from rules.subject import LONG_AGO, NEVER, Subject
from rules.timers import run_due, run_tick, set_due

LAG_STEP_MS = 2_000
"""How far a device is behind us is reckoned in steps, so that an ordinary delay reschedules nothing."""
RECENT_NOTES = 8


def step(state: PartitionState, event: Event, position: Position) -> list[Outcome]:
    """Apply one event.

    Args:
        state: changed in place.
        event: the next event of the partition's log.
        position: where it stands; decisions are named after it.

    Returns:
        What was decided, in the order of its happening.
    """
    out: list[Outcome] = []
    if type(event) is Telemetry:
        _telemetry(state, event, position, out)
    elif type(event) is Location:
        _location(state, event, position, out)
    else:
        subject = state.subjects.get(getattr(event, "device_id", ""))
        if subject is not None:
            rouse(subject)
        _APPLY[type(event)](state, event, position, out)
    return out


def _telemetry(state: PartitionState, event: Telemetry, position: Position, out: list[Outcome]) -> None:
    at = event.at
    subject = state.subjects.get(event.device_id) or state.subject(event.device_id)
    if subject.due < at:
        _catch_up(state, subject, at, position, out)
    calm = subject.calm
    if calm is not None and subject.last_at < at < subject.due:
        # The way of nearly all readings: written out, for each call would cost as much as all that is done here.
        bands, samples, behind = calm.bands, subject.samples, event.received_at - at - subject.lag
        for name, value in event.values.items():
            band = bands.get(name)
            if band is not None:
                kind = type(value)
                if (kind is not float and kind is not int) or not band[0] <= value <= band[1]:
                    newest = samples[name][1]
                    if band[0] == math.inf or kind is not type(newest) or value != newest:
                        break
                samples[name] = (at, value)
            elif name in calm.watched:
                break
        else:
            subject.heard_at = subject.last_at = at
            subject.unasked += 1
            if not 0 <= behind < LAG_STEP_MS:
                _advance(state, subject, at, event.received_at)
            state.dirty.add(event.device_id)
            if calm.awake:
                _ask_awake(state, subject, calm.asked(tuple(event.values)), position, out)
            return
        disturb(subject)
    _ask(state, subject, event, position, out)


def _ask(state: PartitionState, subject: Subject, event: Telemetry, position: Position, out: list[Outcome]) -> None:
    """Apply a reading of a device that is not calm, or one that disturbs it: ask every rule that it touches."""
    at = event.at
    if at > subject.heard_at:  # and so than any sample
        rouse(subject)
        shape = subject.plan.shape(tuple(event.values))
        for name in shape.metrics:
            subject.samples[name] = (at, event.values[name])
        subject.heard_at = at
        if at > subject.last_at:
            _advance(state, subject, at, event.received_at)
        rules = shape.rules
        state.dirty.add(event.device_id)
    else:
        rules = _newer_only(subject, event)
        if rules:
            rouse(subject)
            state.dirty.add(event.device_id)
    if rules:
        _evaluate(state, subject, rules, position, out)
        if subject.calm is None and state.calming:
            calm_down(subject)


def _ask_awake(
    state: PartitionState, subject: Subject, rules: tuple[int, ...], position: Position, out: list[Outcome]
) -> None:
    """Ask the rules that have no bands, though the device is calm."""
    if rules:
        _evaluate(state, subject, rules, position, out)
        still_awake(subject, changed=bool(out))


def _newer_only(subject: Subject, event: Telemetry) -> tuple[int, ...]:
    """Take only those metrics of a late or repeated reading that are news after all; the rules that they touch."""
    samples, watched = subject.samples, subject.plan.watched
    fresh = []
    for name, value in event.values.items():
        if name in watched and (name not in samples or _follows(event, samples[name][0], value != samples[name][1])):
            samples[name] = (event.at, value)
            fresh.append(name)
    return subject.plan.touched_by(*fresh)


def _follows(event: Telemetry | Location | Status, newest_at: Millis, differs: bool) -> bool:
    """Whether ``event`` is newer than what was known at ``newest_at``.

    Within one millisecond the first counts, or order of arrival where the time is ours because the device sent none.
    """
    return event.at > newest_at or (event.at == newest_at == event.received_at and differs)


def _advance(state: PartitionState, subject: Subject, at: Millis, received_at: Millis) -> None:
    """The device's time has come to ``at``."""
    subject.last_at = at
    behind = received_at - at
    lag = behind - behind % LAG_STEP_MS if behind > 0 else 0
    if lag != subject.lag:
        caught_up = lag <= LATE_MS < subject.lag
        subject.lag = lag
        if caught_up:
            release(subject, at)
        state.schedule(subject)


def _catch_up(state: PartitionState, subject: Subject, at: Millis, position: Position, out: list[Outcome]) -> None:
    """Before something that happened at ``at``: handle the deadlines that came earlier."""
    run_due(subject, at - 1, position, out)
    state.schedule(subject)


def _evaluate(
    state: PartitionState, subject: Subject, rules: Iterable[int], position: Position, out: list[Outcome]
) -> None:
    """Ask the ``rules`` (places in the plan) what holds now on the device's clock."""
    at, slots, due = subject.last_at, subject.slots, subject.due
    taken = slots.taken
    for place in rules:
        slot = taken.get(place)
        if slot is None:
            if slots.resting >> place & 1 and stays_at_rest(subject.plan, place, subject):
                continue
            slot = slots.take(place)
        try:
            truth = slot.rule.condition.on_event(slot.memory, subject, at)
            if truth is not slot.settled:
                judge(slot, subject, truth, at, position, out, heard=True)
                set_due(slot, subject, at)
            elif slot.timed:
                set_due(slot, subject, at)
        except Exception as error:  # noqa: BLE001 - a rule that raises is set aside, the fold goes on
            out.append(fault(slot, subject, position, error))
        if slot.due < due:  # noqa: PLR1730 - min() costs a call for each rule and event
            due = slot.due
    if due < subject.due:
        subject.due = due
        state.schedule(subject)
    elif out:  # an alert's end may have brought another one's deadline forward
        state.schedule(subject)


def _location(state: PartitionState, event: Location, position: Position, out: list[Outcome]) -> None:
    at = event.at
    subject = state.subjects.get(event.device_id) or state.subject(event.device_id)
    before = subject.fix
    if before is not None and at <= before[0] and not _follows(event, before[0], before[1:] != _place(event)):
        return
    if subject.due < at:
        _catch_up(state, subject, at, position, out)
    moved = subject.plan.located and locate(subject, event)
    subject.fix = (at, event.lat, event.lon, event.accuracy)
    calm = subject.calm
    if calm is not None and not moved and subject.last_at < at < subject.due:
        subject.heard_at = subject.last_at = at
        subject.unasked += 1
        if not 0 <= event.received_at - at - subject.lag < LAG_STEP_MS:
            _advance(state, subject, at, event.received_at)
        state.dirty.add(event.device_id)
        if calm.on_fix:
            _ask_awake(state, subject, calm.on_fix, position, out)
        return
    rouse(subject)
    _heard(state, subject, event, position, out, LOCATION)
    subject.entered = subject.left = ()
    if state.calming:
        calm_down(subject)


def _place(event: Location) -> tuple[float, float, float]:
    return event.lat, event.lon, event.accuracy


def _device_event(state: PartitionState, event: DeviceEvent, position: Position, out: list[Outcome]) -> None:
    subject = state.subject(event.device_id)
    content = msgspec.json.encode(event.data, order="sorted").decode(errors="replace")
    note_id = derived_id("n", event.device_id, event.at, event.type, content)
    if note_id in subject.recent:
        return
    subject.recent = [*subject.recent, note_id][-RECENT_NOTES:]
    late = event.at < subject.heard_at
    if subject.facts.owner is not None:
        summary = f"{event.device_id} reported {event.type}"
        detail = {"type": event.type, "data": event.data, "late": late}
        out.append(Note(note_id, event.at, "event", event.device_id, subject.facts.owner, summary, detail))
    if late:
        state.dirty.add(event.device_id)
        return
    if subject.due < event.at:
        _catch_up(state, subject, event.at, position, out)
    subject.event = event
    _heard(state, subject, event, position, out, EVENT)
    subject.event = None


def _heard(
    state: PartitionState,
    subject: Subject,
    event: Location | DeviceEvent,
    position: Position,
    out: list[Outcome],
    key: str,
) -> None:
    """Move the device's time on and ask the rules that watch ``key``, or any data."""
    keys = [key]
    if event.at > subject.heard_at:
        subject.heard_at = event.at
        keys.append(ANY_DATA)
    if event.at > subject.last_at:
        _advance(state, subject, event.at, event.received_at)
    state.dirty.add(subject.id)
    _evaluate(state, subject, subject.plan.touched_by(*keys), position, out)


def _status(state: PartitionState, event: Status, position: Position, out: list[Outcome]) -> None:
    """A status is often the broker's word with the broker's time: it does not move the device's own time."""
    subject = state.subject(event.device_id)
    before = subject.status
    if before is not None and not _follows(event, before[0], event.online != before[1]):
        return
    subject.status = (event.at, event.online)
    state.dirty.add(event.device_id)
    if before is None or before[1] == event.online:
        if before is None:
            _evaluate(state, subject, subject.plan.touched_by(STATUS), position, out)
        return
    if subject.facts.owner is not None:
        word = "online" if event.online else "offline"
        note_id = derived_id("n", event.device_id, event.at, "status", word)
        summary = f"{event.device_id} {'came online' if event.online else 'went offline'}"
        detail = {"status": word, **event.detail}
        out.append(Note(note_id, event.at, "status", event.device_id, subject.facts.owner, summary, detail))
    _evaluate(state, subject, subject.plan.touched_by(STATUS), position, out)


def _member_changed(state: PartitionState, event: MemberChanged, position: Position, out: list[Outcome]) -> None:
    new = event.device_id not in state.subjects
    group = state.subject(event.device_id)
    if not isinstance(group, Group):
        return
    state.dirty.add(group.id)
    if new:  # until now nobody was known to hold
        group.last_at = event.at
        _first_look(state, group, range(len(group.slots)), event.at, position, out)
    if group.due < event.at:
        _catch_up(state, group, event.at, position, out)
    if event.at > group.last_at:
        _advance(state, group, event.at, event.received_at)
    if group.hear(event):
        _evaluate(state, group, group.plan.touched_by(MEMBER + event.rule_id), position, out)


def _alert_changed(state: PartitionState, event: AlertChanged, position: Position, out: list[Outcome]) -> None:
    state.shared_dirty = True
    bulletin = state.world.bulletin
    is_over_in = bulletin.hear(event, state.world.rules_at)
    begins_in = event.store if event.firing and bulletin.fires(event.rule_id, event.store) else None
    for store in filter(None, (is_over_in, begins_in)):
        for subject in concerned(state.subjects, bulletin, event.rule_id, store):
            at = max(event.at, state.now) - subject.lag
            rouse(subject)
            release(subject, at)
            hush(subject, at, position, out)
            state.dirty.add(subject.id)
            state.schedule(subject)


def _tick(state: PartitionState, event: Tick, position: Position, out: list[Outcome]) -> None:
    if event.at > state.now:
        state.now = event.at
        run_tick(state, event.at, position, out)


def _device_changed(state: PartitionState, event: DeviceChanged, position: Position, out: list[Outcome]) -> None:
    subject = state.subject(event.device_id)
    if subject.facts == event.facts:
        return
    at = max(event.at - subject.lag, state.now - subject.lag, subject.last_at)
    if subject.due < at and subject.plan.touched_by(FACTS):
        _catch_up(state, subject, at, position, out)  # what was due until now is judged by what was known until now
    owner, subject.facts = subject.facts.owner, event.facts
    _replan(state, subject, event.at, position, out)
    if subject.facts.owner != owner:
        rejoin(subject, range(len(subject.slots)), at, position, out)
    _ask_again(state, subject, subject.plan.touched_by(FACTS), at, position, out)


def _ask_again(
    state: PartitionState, subject: Subject, rules: tuple[int, ...], at: Millis, position: Position, out: list[Outcome]
) -> None:
    """Ask those of the ``rules`` that were asked before: what they ask for changed, though the device said nothing."""
    for place in rules:
        slot = subject.slots[place]
        if slot is None:
            continue
        try:
            truth = slot.rule.condition.on_event(slot.memory, subject, at)
            judge(slot, subject, truth, at, position, out, heard=False)
            set_due(slot, subject, at)
        except Exception as error:  # noqa: BLE001 - a rule that raises is set aside, the fold goes on
            out.append(fault(slot, subject, position, error))
        subject.due = min(subject.due, slot.due)
    state.schedule(subject)


def _time_before(state: PartitionState, at: Millis, position: Position, out: list[Outcome]) -> None:
    """Before the registry's word at ``at``: what was due by then is judged by what held then.

    The registry's clock may be another machine's: far ahead of the ticks it is not believed.
    """
    if state.now < at <= state.now + MAX_AHEAD_MS:
        run_tick(state, at - 1, position, out)


def _store_changed(state: PartitionState, event: StoreChanged, position: Position, out: list[Outcome]) -> None:
    _time_before(state, event.at, position, out)
    state.shared_dirty = True
    if event.removed:
        state.world.remove(event.facts.id)
        return
    try:
        state.world.put(event.facts, event.at)
    except ValueError as error:
        out.append(Fault("", event.facts.id, position, f"store {event.facts.id}: {error}", ""))


def _rules_changed(state: PartitionState, event: RulesChanged, position: Position, out: list[Outcome]) -> None:
    try:
        ruleset = ruleset_of(event.files)
    except RuleErrors as errors:
        first = errors.problems[0]
        out.append(Fault("", "", position, f"rules {event.version} are not usable: {first}", str(errors)))
        return
    _time_before(state, event.at, position, out)
    _use(state, event, ruleset, position, out)


def _use(state: PartitionState, event: RulesChanged, ruleset: Ruleset, position: Position, out: list[Outcome]) -> None:
    state.shared_dirty = True
    state.world.rules_at = max(event.at, state.world.rules_at + 1)
    state.use(event.files, event.version, ruleset)
    for _, subject in sorted(state.subjects.items()):  # in an order that a restart does not change
        if not _stays(state, subject):
            _replan(state, subject, event.at, position, out)


def _stays(state: PartitionState, subject: Subject) -> bool:
    """Whether the change of rules is nothing to the device: the same rules concern it, and none of its alerts fires."""
    if isinstance(subject, Group) or state.plans.plan_for(subject.facts) is not subject.plan:
        return False
    return all(slot.episode is None for slot in subject.slots.taken.values())


def _replan(state: PartitionState, subject: Subject, at: Millis, position: Position, out: list[Outcome]) -> None:
    """Renew which rules concern the device.

    State stays with rules that did not change. An alert that fires goes on under the rule's new version, or is
    withdrawn if no rule of that name concerns the device any more.
    """
    state.dirty.add(subject.id)
    rouse(subject)
    plan = state.plans.plan_for(subject.facts)
    move = state.plans.move(subject.plan, plan)
    before, subject.plan = subject.slots, plan
    subject.slots = before.moved_to(plan, move.kept)
    for place, new_place in move.changed.items():
        old = before.taken.get(place)
        if old is not None and old.phase == FIRING:
            slot = subject.slots[new_place] = Slot(plan.rules[new_place])
            slot.carry_over(old)
    now = max(at, state.now) - subject.lag
    for place in move.gone:
        old = before.taken.get(place)
        if old is not None and old.phase == FIRING:
            withdraw(old, subject, now, position, out)
    for slot in subject.slots:
        listen(slot, subject)
    release(subject, now)
    hush(subject, now, position, out)
    subject.samples = {name: sample for name, sample in subject.samples.items() if name in plan.watched}
    if not plan.located:
        forget(subject)
    if isinstance(subject, Group):
        subject.renew()
    now = max(now, subject.last_at)
    _first_look(state, subject, move.added, now, position, out)
    rejoin(subject, move.added, now, position, out)
    announce_anew(subject, now, position, out)


def _first_look(
    state: PartitionState, subject: Subject, added: Sequence[int], at: Millis, position: Position, out: list[Outcome]
) -> None:
    """Ask rules that are new to a device that is not: what they find may be pending, it does not fire."""
    known = subject.last_at != LONG_AGO or subject.status is not None
    for place in added if known else ():
        slot = subject.slots.take(place)
        try:
            truth = slot.rule.condition.on_event(slot.memory, subject, at)
            judge(slot, subject, truth, at, position, out, heard=False)
            set_due(slot, subject, at)
        except Exception as error:  # noqa: BLE001 - a rule that raises is set aside, the fold goes on
            out.append(fault(slot, subject, position, error))
        if is_blank(slot):
            del subject.slots.taken[place]
    subject.due = min((slot.due for slot in subject.slots.taken.values()), default=NEVER)
    state.schedule(subject)


_APPLY: dict[type, Callable[[PartitionState, Any, Position, list[Outcome]], None]] = {
    Status: _status,
    DeviceEvent: _device_event,
    Tick: _tick,
    DeviceChanged: _device_changed,
    StoreChanged: _store_changed,
    RulesChanged: _rules_changed,
    AlertCommand: obey,
    MemberChanged: _member_changed,
    AlertChanged: _alert_changed,
}
