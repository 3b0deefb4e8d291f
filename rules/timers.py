"""Deadlines: conditions that change by the passing of time, and alerts that are to be repeated.

Each slot knows its own deadline; ``Subject.due`` is never later than the earliest of them; a heap in the state orders
the devices. Deadlines only move later with most events, so the heap is left alone until one comes up and is looked
at again.
"""

from __future__ import annotations

import heapq

from devices.event import Millis
from rules.alert import Slot
from rules.calm import catch_up_deadlines
from rules.decision import Outcome, Position
from rules.judgement import fault, judge
from rules.life_cycle import time_comes
from rules.state import PartitionState
from rules.subject import NEVER, Subject


def set_due(slot: Slot, subject: Subject, after: Millis) -> None:
    """Work out the slot's deadline, as seen at ``after``."""
    due = slot.rule.condition.next_deadline(slot.memory, subject, after) if slot.timed else NEVER
    slot.due = due if slot.episode is None else max(after, min(due, slot.episode_due()))


def run_due(subject: Subject, until: Millis, position: Position, out: list[Outcome]) -> bool:
    """Handle every deadline of the device up to ``until`` (its clock), in order of time; whether there was one."""
    catch_up_deadlines(subject)
    subject.until = until
    handled = False
    while True:
        slot = _first(subject)
        subject.due = NEVER if slot is None else slot.due
        if slot is None or slot.due > until:
            return handled
        subject.calm = None
        _handle(slot, subject, until, position, out)
        handled = True


def _first(subject: Subject) -> Slot | None:
    """The slot whose deadline is the earliest; of several the first in the plan."""
    taken = subject.slots.taken
    due = min((slot.due for slot in taken.values()), default=NEVER)
    return None if due == NEVER else taken[min(place for place, slot in taken.items() if slot.due == due)]


def _handle(slot: Slot, subject: Subject, until: Millis, position: Position, out: list[Outcome]) -> None:
    at = slot.due
    try:
        if slot.timed:
            truth = slot.rule.condition.on_time(slot.memory, subject, at)
            judge(slot, subject, truth, at, position, out, heard=False)
        if slot.episode is not None:
            time_comes(slot, subject, at, until, position, out)
        set_due(slot, subject, at)
    except Exception as error:  # noqa: BLE001 - a rule that raises is set aside, the fold goes on
        out.append(fault(slot, subject, position, error))
        slot.due = NEVER  # or it would come up again at once; what was planned is made up for after the next event


def run_tick(state: PartitionState, now: Millis, position: Position, out: list[Outcome]) -> None:
    """Handle every deadline of every device up to ``now`` (our clock), devices in order of their deadlines."""
    timers = state.timers
    while timers and timers[0][0] <= now:
        scheduled, device_id = heapq.heappop(timers)
        subject = state.subjects.get(device_id)
        if subject is None or subject.scheduled != scheduled:
            continue
        catch_up_deadlines(subject)
        subject.due = min((slot.due for slot in subject.slots.taken.values()), default=NEVER)
        if subject.due + subject.lag <= scheduled:
            run_due(subject, now - subject.lag, position, out)
            state.dirty.add(device_id)
        subject.scheduled = NEVER
        state.schedule(subject)
