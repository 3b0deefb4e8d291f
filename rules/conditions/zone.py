"""``zone``: the device entered, left, stays in or is near the fence of a store."""

from __future__ import annotations

import math
import re
from typing import Any

from devices.event import Millis
from rules.band import Quiet
from rules.condition import LOCATION, Condition, Memory, Operator, Scope, Truth
from rules.duration import spoken
from rules.geofence import USELESS_ACCURACY_M, credible_accuracy
from rules.reading import Reading
from rules.subject import NEVER, Subject
from rules.world import World

_MEND = "write zone: {enter: true}, {leave: true}, {dwell: 2m} or {near: 500m}, with store: {id: …}, {tag: …} or any"
_MOTIONS = ("enter", "leave", "dwell", "near")
_METRES = {"m": 1.0, "km": 1000.0}
_DISTANCE = re.compile(r"(\d{1,6}(?:\.\d{1,3})?) ?(m|km)")
NEAREST_M, FARTHEST_M = 10.0, 20_000.0
AWAY = 1.2
"""How many times the distance a device has to be away for it to be near no longer."""


class Stores:
    """Which stores a rule means: one by id, those with a tag, or any."""

    __slots__ = ("id", "tag")

    def __init__(self, store_id: str | None = None, tag: str | None = None) -> None:
        self.id = store_id
        self.tag = tag

    def mean(self, store_id: str, world: World) -> bool:
        """Whether ``store_id`` is meant."""
        if self.id is not None:
            return store_id == self.id
        if self.tag is None:
            return True
        store = world.stores.get(store_id)
        return store is not None and self.tag in store.tags

    def first(self, store_ids: Any, world: World) -> str | None:
        """The first of ``store_ids`` that is meant."""
        return next((store_id for store_id in store_ids if self.mean(store_id, world)), None)


class _Zone(Condition):
    """Memory: ``[the store that made it true, since when, …]``."""

    __slots__ = ("stores", "watches")

    motion: str

    def __init__(self, stores: Stores) -> None:
        self.stores = stores
        self.watches = frozenset({LOCATION})

    def fresh(self) -> Memory:
        """No store."""
        return [None, None]

    def evidence(self, memory: Memory, subject: Subject) -> dict[str, Any]:
        """The store's id and name."""
        store_id = memory[0]
        return {} if store_id is None else {"store_id": store_id, "store": subject.world.name_of(store_id)}

    def explain(self, memory: Memory, subject: Subject, at: Millis) -> dict[str, Any]:
        """The store, the position and how exact that is."""
        fix = subject.fix
        seen = None if fix is None else {"at": fix[0], "lat": fix[1], "lon": fix[2], "accuracy": fix[3]}
        found = {"store": memory[0], "since": memory[1], "fix": seen, "inside": sorted(subject.inside)}
        return {"operator": "zone", "motion": self.motion, **found, "result": self.result(memory, subject, at)}

    def result(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """What the memory says, without changing it."""
        return memory[0] is not None if subject.tracked else None

    def _name(self, memory: Memory, subject: Subject) -> str:
        return "the store" if memory[0] is None else subject.world.name_of(memory[0])


class Enter(_Zone):
    """True from the entry into a fence until that fence is left. First sight inside is no entry.

    Memory: ``[the store, since when, the store of the visit that follows]``.
    """

    __slots__ = ()

    motion = "enter"
    timed = True

    def fresh(self) -> Memory:
        """No store, none to follow."""
        return [None, None, None]

    def on_event(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Look at what the newest position entered and left."""
        if not subject.tracked:
            return None
        entered = self.stores.first(subject.entered, subject.world)
        if memory[0] is None:
            if entered is not None and memory[2] is None:
                memory[:] = [entered, at, None]
        elif memory[0] not in subject.inside:
            # Straight from one store into the next: the first visit ends now, the second begins a moment later.
            memory[:] = [None, at, entered]
        return memory[0] is not None

    def quiet(self, memory: Memory, subject: Subject, at: Millis) -> Quiet | None:
        """Whatever is sent from where the device is, but not between a visit and the one that follows."""
        if not subject.tracked or memory[2] is not None:
            return None
        return Quiet(memory[0] is not None, {}) if memory[0] is None or memory[0] in subject.inside else None

    def on_time(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Begin the visit that follows."""
        if memory[2] is not None and memory[1] < at:
            memory[:] = [memory[2], at, None]
        return self.result(memory, subject, at)

    def next_deadline(self, memory: Memory, subject: Subject, after: Millis) -> Millis:
        """A moment after a visit that another one follows."""
        return memory[1] + 1 if memory[2] is not None and memory[1] + 1 > after else NEVER

    def phrase(self, memory: Memory, subject: Subject, at: Millis, *, holds: bool) -> str:
        """``phone-3 entered Ginza``."""
        return f"{subject.id} entered {self._name(memory, subject)}" if holds else f"{subject.id} left again"


class Leave(_Zone):
    """True from the leaving of a fence until it, or another one that is meant, is entered.

    Memory: ``[the store, since when]``.
    """

    __slots__ = ()

    motion = "leave"

    def on_event(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Look at what the newest position left and where it is."""
        if not subject.tracked:
            return None
        if self.stores.first(subject.inside, subject.world) is not None:
            memory[:] = [None, None]
        else:
            left = self.stores.first(subject.left, subject.world)
            if left is not None:
                memory[:] = [left, at]
        return memory[0] is not None

    def quiet(self, memory: Memory, subject: Subject, at: Millis) -> Quiet | None:
        """Whatever is sent from where the device is, unless a store there is meant by its tags, which may change."""
        if not subject.tracked or (subject.inside and self.stores.tag is not None):
            return None
        back = self.stores.first(subject.inside, subject.world) is not None
        return None if back and memory[0] is not None else Quiet(memory[0] is not None, {})

    def phrase(self, memory: Memory, subject: Subject, at: Millis, *, holds: bool) -> str:
        """``phone-3 left Ginza``."""
        return f"{subject.id} left {self._name(memory, subject)}" if holds else f"{subject.id} is back"


class Dwell(_Zone):
    """True once the device has certainly been inside one fence for ``duration``, until it has left that fence.

    First sight inside starts the count. Silence for longer than ``max_gap`` breaks it.
    Memory: ``[store, since, whether complete, time of the newest position counted or of the one that ended a visit]``.
    """

    __slots__ = ("duration", "max_gap")

    motion = "dwell"
    timed = True

    def __init__(self, stores: Stores, duration: Millis, max_gap: Millis) -> None:
        super().__init__(stores)
        self.duration = duration
        self.max_gap = max_gap

    def fresh(self) -> Memory:
        """Not counting."""
        return [None, None, False, None]

    def on_event(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Start, break or complete the count."""
        if not subject.tracked or subject.fix is None:
            return None
        fix_at = subject.fix[0]
        if memory[0] is not None and memory[0] not in subject.inside:
            was_complete = memory[2]
            memory[:] = [None, None, False, fix_at if was_complete else None]
        if memory[0] is None:
            if memory[3] == fix_at:
                return False  # a visit ended with this position; the next one is counted from the next position on
            store_id = self.stores.first(subject.inside, subject.world)
            if store_id is None:
                return False
            memory[:] = [store_id, at, False, fix_at]
        elif not memory[2] and fix_at - memory[3] > self.max_gap:
            memory[1] = fix_at
        memory[3] = fix_at
        return self.on_time(memory, subject, at)

    def quiet(self, memory: Memory, subject: Subject, at: Millis) -> Quiet | None:
        """Whatever is sent from outside all stores; inside, each position counts."""
        return Quiet(False, {}) if subject.tracked and memory[0] is None and not subject.inside else None

    def on_time(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Complete the count, if the newest position is not too old to speak for now."""
        if not memory[2] and memory[0] is not None and at - memory[1] >= self.duration:
            memory[2] = at - memory[3] <= self.max_gap
        return self.result(memory, subject, at)

    def result(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """What the memory says, without changing it."""
        if not subject.tracked:
            return None
        if memory[0] is not None and not memory[2] and at - memory[3] > self.max_gap:
            return None
        return bool(memory[2])

    def next_deadline(self, memory: Memory, subject: Subject, after: Millis) -> Millis:
        """When the count completes."""
        if memory[0] is None or memory[2] or memory[1] + self.duration <= after:
            return NEVER
        complete: Millis = memory[1] + self.duration
        return complete

    def pending(self, memory: Memory) -> bool:
        """Whether it is counting."""
        return memory[0] is not None and not memory[2]

    def explain(self, memory: Memory, subject: Subject, at: Millis) -> dict[str, Any]:
        """The store, the position, and how long the stay has to be."""
        return {**super().explain(memory, subject, at), "duration_ms": self.duration}

    def phrase(self, memory: Memory, subject: Subject, at: Millis, *, holds: bool) -> str:
        """``phone-3 has been in Ginza for 2 min``."""
        if not holds:
            return f"{subject.id} left again"
        return f"{subject.id} has been in {self._name(memory, subject)} for {spoken(self.duration)}"


class Near(_Zone):
    """True once the device is certainly within ``distance`` of a fence or inside, until it is certainly well away.

    Memory: ``[the store, since when, the newest position looked at]``.
    """

    __slots__ = ("distance",)

    motion = "near"

    def __init__(self, stores: Stores, distance: float) -> None:
        super().__init__(stores)
        self.distance = distance

    def fresh(self) -> Memory:
        """No store, no position."""
        return [None, None, None]

    def on_event(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Look at each position once."""
        fix = subject.fix
        if not subject.tracked or fix is None:
            return None
        if memory[2] != list(fix):
            memory[2] = list(fix)
            _, lat, lon, accuracy = fix
            vague = credible_accuracy(accuracy)
            if memory[0] is None:
                store_id = self._approached(subject, lat, lon, vague)
                memory[:2] = [store_id, None if store_id is None else at]
            elif subject.world.fences.beyond(memory[0], lat, lon) - vague >= AWAY * self.distance:
                memory[:2] = [None, None]
        return memory[0] is not None

    def _approached(self, subject: Subject, lat: float, lon: float, vague: float) -> str | None:
        """The nearest fence that is meant, if all of the position's circle is near it."""
        reach = self.distance - vague
        if reach < 0 or vague > USELESS_ACCURACY_M:
            return None
        world = subject.world
        ids = world.fences.near(lat, lon, reach) if self.stores.id is None else {self.stores.id}
        meant = ((world.fences.beyond(each, lat, lon), each) for each in ids if self.stores.mean(each, world))
        away, store_id = min(meant, default=(math.inf, None))
        return store_id if away <= reach else None

    def explain(self, memory: Memory, subject: Subject, at: Millis) -> dict[str, Any]:
        """The store, how far it is and how far it may be, in metres."""
        away = None
        if memory[0] is not None and memory[2] is not None:
            away = subject.world.fences.beyond(memory[0], memory[2][1], memory[2][2])
        known = round(away, 1) if away is not None and math.isfinite(away) else None
        return {**super().explain(memory, subject, at), "distance_m": known, "near_m": self.distance}

    def phrase(self, memory: Memory, subject: Subject, at: Millis, *, holds: bool) -> str:
        """``phone-3 is within 500 m of Ginza``."""
        if not holds:
            return f"{subject.id} is no longer near"
        metres = self.distance
        said = f"{metres:g} m" if metres < _METRES["km"] else f"{metres / _METRES['km']:g} km"
        return f"{subject.id} is within {said} of {self._name(memory, subject)}"


def _read(reading: Reading, scope: Scope) -> Condition | None:
    zone = reading.mapping("zone", _MEND)
    if zone is None:
        return None
    zone.only((*_MOTIONS, "store"))
    stores = _read_stores(zone)
    motions = [motion for motion in _MOTIONS if motion in zone]
    if len(motions) != 1:
        zone.refuse(None, "a zone needs exactly one of enter, leave, dwell or near", _MEND)
        return None
    motion = motions[0]
    if motion == "dwell":
        duration = zone.duration("dwell")
        return None if duration is None or stores is None else Dwell(stores, duration, scope.max_gap)
    if motion == "near":
        distance = _read_distance(zone)
        return None if distance is None or stores is None else Near(stores, distance)
    if zone.entries[motion].value not in (True, None):
        zone.refuse(motion, f"'{motion}' takes no value but true", f"write {motion}: true")
        return None
    if stores is None:
        return None
    return Enter(stores) if motion == "enter" else Leave(stores)


def _read_distance(zone: Reading) -> float | None:
    """Metres."""
    text = zone.text("near")
    found = None if text is None else _DISTANCE.fullmatch(text)
    if text is None:
        return None
    if found is None:
        bare = text.replace(".", "", 1).isdigit()
        mend = f"write {text}m for metres or {text}km for kilometres" if bare else "write it like 500m or 1.5km"
        zone.refuse("near", f"'{text}' has no unit" if bare else f"'{text}' is no distance", mend)
        return None
    metres = float(found[1]) * _METRES[found[2]]
    if not NEAREST_M <= metres <= FARTHEST_M:
        zone.refuse("near", f"'{text}' is out of range", "write 10m to 20km")
        return None
    return metres


def _read_stores(zone: Reading) -> Stores | None:
    node = zone.entries.get("store")
    if node is None or node.value == "any":
        return Stores()
    if isinstance(node.value, str):
        return Stores(store_id=node.value)
    store = zone.mapping("store", "write store: {id: ginza}, store: {tag: flagship} or store: any")
    if store is None:
        return None
    store.only(("id", "tag", "any"))
    if store.entries.keys() == {"any"}:
        return Stores()
    store_id, tag = store.text("id"), store.text("tag")
    if (store_id is None) == (tag is None):
        store.refuse(None, "a store is chosen by id or by tag", "write store: {id: ginza} or store: {tag: flagship}")
        return None
    return Stores(store_id, tag)


OPERATOR = Operator("zone", _read)
