"""Calm devices: those whose readings and positions change nothing, so that no rule has to be asked.

After a reading was applied, the rules that it may concern are asked within which bands further readings leave them as
they are (``Condition.quiet``). What they have in common is the device's ``Calm``. A reading within it is only stored.
Rules that have no bands are ``awake``: they alone are asked. All of this is worked out anew when anything else happens,
and is no part of checkpoints. See docs/explanation/engine-speed.md.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from rules.alert import FIRING, INACTIVE, PENDING, Slot
from rules.band import ANYTHING, Band, Quiet
from rules.condition import ANY_DATA, LOCATION
from rules.subject import NEVER, Subject

if TYPE_CHECKING:
    from devices.event import Millis
    from rules.plan import Plan

LONG: Final = 16
"""A calm that lasted for so many readings was worth its making."""
MAX_PATIENCE = 64
"""A calm that is broken again and again is worked out once in so many readings."""
MAX_ASKED: Final = 64
"""Remembered sets of metric names."""


class Calm:
    """What holds of the readings to come. Shared by devices in the same situation; never changed."""

    __slots__ = ("_asked", "_plan", "awake", "bands", "on_fix", "timed", "watched")

    def __init__(self, plan: Plan, bands: dict[str, Band], awake: frozenset[int], timed: tuple[int, ...]) -> None:
        self._plan = plan
        self._asked: dict[tuple[str, ...], tuple[int, ...]] = {}
        self.watched = plan.watched
        self.bands = bands
        """Of every metric that was heard and is watched."""
        self.awake = awake
        """Places of the rules that have to be asked nevertheless."""
        self.timed = timed
        """Places of the others that have deadlines, which move while nobody is asked."""
        self.on_fix = tuple(place for place in plan.touched_by(LOCATION, ANY_DATA) if place in awake)
        """Places of the rules to be asked at a position."""

    def asked(self, names: tuple[str, ...]) -> tuple[int, ...]:
        """The rules that a reading of the metrics ``names`` touches, and that are awake."""
        found = self._asked.get(names)
        if found is None:
            if len(self._asked) >= MAX_ASKED:
                self._asked.clear()
            found = self._asked[names] = tuple(place for place in self._plan.shape(names).rules if place in self.awake)
        return found


def calm_down(subject: Subject) -> None:
    """After a reading: work out the device's calm, unless it was too often in vain."""
    if subject.wait > 0:
        subject.wait -= 1
        return
    subject.calm = _calm_of(subject)
    if subject.calm is None or subject.calm.awake:
        _be_patient(subject)


def disturb(subject: Subject) -> None:
    """A reading lay outside the bands."""
    if subject.unasked >= LONG:
        subject.patience = 0
    else:
        _be_patient(subject)
    rouse(subject)


def rouse(subject: Subject) -> None:
    """Something else than a reading concerns the device: everybody is asked again."""
    if subject.calm is not None:
        catch_up_deadlines(subject)
        subject.calm = None
        subject.unasked = 0


def still_awake(subject: Subject, *, changed: bool) -> None:
    """Rules were asked in spite of the calm: look now and then whether they are quiet too by now."""
    subject.wait -= 1
    if changed or subject.wait <= 0:
        catch_up_deadlines(subject)
        subject.calm = _calm_of(subject)
        _be_patient(subject)


def catch_up_deadlines(subject: Subject) -> None:
    """Bring the deadlines up to date that moved while nobody was asked. They only moved later, if at all."""
    if subject.calm is None or not subject.unasked:
        return
    for place in subject.calm.timed:
        slot = subject.slots.taken.get(place)
        if slot is not None and slot.due != NEVER:
            slot.due = max(slot.due, _due(slot, subject, slot.due - 1))


def _be_patient(subject: Subject) -> None:
    subject.patience = subject.wait = min(2 * subject.patience + 1, MAX_PATIENCE)


def _calm_of(subject: Subject) -> Calm | None:
    """The calm that the rules have in common; ``None`` where all of them are awake."""
    plan, slots, at = subject.plan, subject.slots, subject.last_at
    names = tuple(sorted(subject.samples))
    bands = dict.fromkeys(names, ANYTHING)
    awake, timed = [], []
    places = plan.shape((*names, LOCATION)).rules
    for place in places:
        slot = slots.taken.get(place)
        if slot is None and slots.resting >> place & 1:
            slot = plan.resting(place)
        quiet = None if slot is None else _quiet(slot, subject, at)
        if slot is None or quiet is None or any(quiet.bands.get(name, ANYTHING)[0] == math.inf for name in names):
            awake.append(place)
            continue
        for name, band in quiet.bands.items():
            if name in bands:
                low, high = bands[name]
                bands[name] = (max(low, band[0]), min(high, band[1]))
        if slot.due != NEVER:
            timed.append(place)
        elif place in slots.taken:
            slots.rest(place)
    return None if len(awake) == len(places) else plan.calm(bands, awake, timed)


def _quiet(slot: Slot, subject: Subject, at: Millis) -> Quiet | None:
    """What the slot's condition says, if its alert has nothing to do about it."""
    try:
        quiet = slot.rule.condition.quiet(slot.memory, subject, at)
    except Exception:  # noqa: BLE001 - the fold goes on; it is asked at each reading instead, as if it had no bands
        return None
    if quiet is None or not _at_rest(slot, quiet.truth):
        return None
    return quiet if not slot.timed or slot.due == _due(slot, subject, at) else None


def _at_rest(slot: Slot, truth: bool | None) -> bool:
    """Whether judging ``truth`` again, and again, would change nothing about the alert."""
    if slot.phase == INACTIVE:
        return truth is None or (truth is False and slot.seen)
    if slot.phase == PENDING or truth is False:
        return False
    return slot.phase != FIRING or not slot.rule.condition.momentary


def _due(slot: Slot, subject: Subject, after: Millis) -> Millis:
    """As ``rules.timers.set_due`` reckons it for a moment from which on nothing was due."""
    due = slot.rule.condition.next_deadline(slot.memory, subject, after)
    return due if slot.episode is None else max(after, min(due, slot.episode_due()))
