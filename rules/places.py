"""Where a device is: which fences it certainly entered and left with its newest position."""

from __future__ import annotations

from devices.event import Location
from rules.geofence import USELESS_ACCURACY_M, credible_accuracy
from rules.subject import Subject

LEAVING = 2.0
"""How many times as large a position's circle has to be outside for a device to have left.

What phones call accuracy is the radius that holds the truth two times out of three (Android documents 68 %). Were the
circle itself enough, a phone that lies on the border would come and go with its noise.
"""


def locate(subject: Subject, fix: Location) -> None:
    """Compare ``fix`` with the fences: updates ``inside``, ``vague``, ``entered`` and ``left``.

    A store counts as entered only if the device was certainly outside before: not at first sight of the device, nor
    of the fence.
    """
    world = subject.world
    accuracy = credible_accuracy(fix.accuracy)
    nearby = subject.inside.keys() | subject.vague
    if accuracy <= USELESS_ACCURACY_M:
        nearby |= world.fences.near(fix.lat, fix.lon, accuracy)
    elif not subject.tracked:
        return
    before = subject.fix[0] if subject.fix is not None and subject.tracked else None
    entered, left = [], []
    for store_id in sorted(nearby):
        inside = store_id in subject.inside
        holds = world.fences.holds(store_id, fix.lat, fix.lon, accuracy)
        if holds is False and inside:
            holds = world.fences.holds(store_id, fix.lat, fix.lon, LEAVING * accuracy)
        first = before is None or world.known_since.get(store_id, before) >= before
        if holds is None:
            if first and not inside:
                subject.vague.add(store_id)
        elif holds:
            if not inside:
                subject.inside[store_id] = fix.at
                if not first and store_id not in subject.vague:
                    entered.append(store_id)
            subject.vague.discard(store_id)
        else:
            subject.vague.discard(store_id)
            if subject.inside.pop(store_id, None) is not None and not first:
                left.append(store_id)
    subject.tracked = True
    subject.entered, subject.left = tuple(entered), tuple(left)


def forget(subject: Subject) -> None:
    """No rule asks for the device's place any more: the next position is a first sight again."""
    subject.inside.clear()
    subject.vague.clear()
    subject.tracked = False
