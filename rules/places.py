"""Where a device is: which fences it certainly entered and left with its newest position."""

from __future__ import annotations

from collections.abc import Set

from devices.event import Location
from rules.geofence import USELESS_ACCURACY_M, credible_accuracy
from rules.subject import NO_STORES, NOWHERE, Subject
from rules.world import World

_NOBODY: Set[str] = frozenset()
LEAVING = 2.0
"""How many times as large a position's circle has to be outside for a device to have left.

What phones call accuracy is the radius that holds the truth two times out of three (Android documents 68 %). Were the
circle itself enough, a phone that lies on the border would come and go with its noise.
"""


def locate(subject: Subject, fix: Location) -> bool:
    """Compare ``fix`` with the fences: updates ``inside``, ``vague``, ``entered`` and ``left``.

    A store counts as entered only if the device was certainly outside before: not at first sight of the device, nor
    of the fence.

    Returns:
        Whether the device is elsewhere than before: in other stores, or known to be in none for the first time.
    """
    world = subject.world
    accuracy = credible_accuracy(fix.accuracy)
    useless = accuracy > USELESS_ACCURACY_M
    nearby = _NOBODY if useless else world.fences.near(fix.lat, fix.lon, accuracy)
    if (useless and not subject.tracked) or (subject.tracked and not (nearby or subject.inside or subject.vague)):
        return False
    inside = subject.inside = subject.inside or {}
    vague = subject.vague = subject.vague or set()
    nearby = nearby | inside.keys() | vague
    moved = not subject.tracked
    before = subject.fix[0] if subject.fix is not None and subject.tracked else None
    entered, left = [], []
    for store_id in sorted(nearby):
        was_inside = store_id in inside
        holds = _holds(world, store_id, fix, accuracy, was_inside=was_inside)
        first = before is None or world.known_since.get(store_id, before) >= before
        if holds is None:
            if first and not was_inside:
                vague.add(store_id)
        elif holds:
            if not was_inside:
                moved = True
                inside[store_id] = fix.at
                if not first and store_id not in vague:
                    entered.append(store_id)
            vague.discard(store_id)
        else:
            vague.discard(store_id)
            if inside.pop(store_id, None) is not None:
                moved = True
                if not first:
                    left.append(store_id)
    subject.tracked = True
    subject.entered, subject.left = tuple(entered), tuple(left)
    return moved


def _holds(world: World, store_id: str, fix: Location, accuracy: float, *, was_inside: bool) -> bool | None:
    holds = world.fences.holds(store_id, fix.lat, fix.lon, accuracy)
    if holds is False and was_inside:
        return world.fences.holds(store_id, fix.lat, fix.lon, LEAVING * accuracy)
    return holds


def forget(subject: Subject) -> None:
    """No rule asks for the device's place any more: the next position is a first sight again."""
    subject.inside, subject.vague = NOWHERE, NO_STORES
    subject.tracked = False
