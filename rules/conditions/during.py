"""``during``: the time lies within a calendar, or within the hours of a store."""

from __future__ import annotations

from typing import Any

from devices.event import Millis, StoreFacts
from rules.band import Quiet
from rules.calendar import UNKNOWN, Agenda, Stretch, local_time, zone_named
from rules.calendar_words import (
    STORE_HOURS,
    Written,
    named_calendar,
    opening_hours,
    read_calendar,
)
from rules.condition import FACTS, LOCATION, Condition, Memory, Operator, Scope, Truth
from rules.problem import closest
from rules.reading import Reading
from rules.subject import Subject
from rules.time_zone import OF_CUSTOMER, OF_STORE, zone_name
from rules.whereabouts import stores_of

_MEND = 'write during: store_hours, during: {days: [mon-fri], hours: "09:00-18:00"} or the id of a calendar'


class _Timed(Condition):
    """True while the clock says so. Remembers nothing: what it keeps between calls changes no answer."""

    __slots__ = ("label", "watches")

    timed = True

    def __init__(self, label: str, watches: frozenset[str]) -> None:
        self.label = label
        self.watches = watches

    def stretch(self, subject: Subject, at: Millis) -> Stretch:
        """The time around ``at`` during which nothing changes."""
        raise NotImplementedError

    def on_event(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Look at the clock."""
        return self.stretch(subject, at)[2]

    def next_deadline(self, memory: Memory, subject: Subject, after: Millis) -> Millis:
        """The next boundary."""
        return self.stretch(subject, after)[1]

    def phrase(self, memory: Memory, subject: Subject, at: Millis, *, holds: bool) -> str:
        """``it is within store hours``."""
        return f"it is {'' if holds else 'no longer '}within {self.label}"


class During(_Timed):
    """Within a calendar, in a time zone that is fixed, the store's or the customer's."""

    __slots__ = ("_agendas", "calendar", "time_zone")

    def __init__(self, written: Written, label: str) -> None:
        super().__init__(label, _watched(written.time_zone))
        self.calendar = written.calendar
        self.time_zone = written.time_zone
        self._agendas: dict[str | None, Agenda | None] = {}

    def stretch(self, subject: Subject, at: Millis) -> Stretch:
        """See ``Agenda.at``; unknown where the time zone is."""
        agenda = self._agenda(subject)
        return UNKNOWN if agenda is None else agenda.at(at)

    def quiet(self, memory: Memory, subject: Subject, at: Millis) -> Quiet | None:
        """Whatever the device sends, unless the zone is that of a store, which may change meanwhile."""
        if self.time_zone == OF_STORE or (self.time_zone is None and subject.facts.store is not None):
            return None
        return Quiet(self.stretch(subject, at).holds, {})

    def _agenda(self, subject: Subject) -> Agenda | None:
        name = zone_name(self.time_zone, subject)
        if name not in self._agendas:
            zone = None if name is None else zone_named(name)
            self._agendas[name] = None if zone is None else Agenda(self.calendar, zone)
        return self._agendas[name]

    def explain(self, memory: Memory, subject: Subject, at: Millis) -> dict[str, Any]:
        """What the clock on the wall shows, and until when nothing changes."""
        agenda, stretch = self._agenda(subject), self.stretch(subject, at)
        known = agenda is not None and stretch is not UNKNOWN
        return {
            "operator": "during",
            "calendar": self.label,
            "time_zone": None if agenda is None else agenda.zone.key,
            "local_time": local_time(agenda.zone, at) if agenda is not None and known else None,
            "until": stretch.end if known else None,
            "result": stretch.holds,
        }


class DuringStoreHours(_Timed):
    """Within the opening hours of the store in which the device is (of any of them), else of its own store."""

    __slots__ = ("_agendas",)

    def __init__(self) -> None:
        super().__init__("store hours", frozenset({FACTS, LOCATION}))
        self._agendas: dict[str, tuple[StoreFacts, Agenda | None]] = {}

    def stretch(self, subject: Subject, at: Millis) -> Stretch:
        """Open if one of the stores is; else unknown if the hours of one are; else closed."""
        found = [self._hours(store, at) for store in stores_of(subject)]
        if len(found) == 1:
            return found[0]
        if not found:
            return UNKNOWN
        truths = {stretch.holds for stretch in found}
        holds = True if True in truths else None if None in truths else False
        return Stretch(max(s.begin for s in found), min(s.end for s in found), holds)

    def _hours(self, store: StoreFacts, at: Millis) -> Stretch:
        known = self._agendas.get(store.id)
        if known is None or (known[0] is not store and _hours_changed(known[0], store)):
            known = self._agendas[store.id] = (store, _agenda_of(store))
        return UNKNOWN if known[1] is None else known[1].at(at)

    def explain(self, memory: Memory, subject: Subject, at: Millis) -> dict[str, Any]:
        """The stores, what their clocks show, and whether they are open."""
        stores = []
        for store in stores_of(subject):
            stretch, zone = self._hours(store, at), zone_named(store.time_zone)
            known = zone is not None and stretch is not UNKNOWN
            local = local_time(zone, at) if zone is not None and known else None
            until = stretch.end if known else None
            stores.append({"store": store.id, "local_time": local, "until": until, "open": stretch.holds})
        found = {"calendar": STORE_HOURS, "stores": stores, "result": self.stretch(subject, at).holds}
        return {"operator": "during", **found}


def _agenda_of(store: StoreFacts) -> Agenda | None:
    calendar, zone = opening_hours(store.opening_hours), zone_named(store.time_zone)
    return None if calendar is None or zone is None else Agenda(calendar, zone)


def _hours_changed(before: StoreFacts, now: StoreFacts) -> bool:
    return before.opening_hours != now.opening_hours or before.time_zone != now.time_zone


def _watched(time_zone: str | None) -> frozenset[str]:
    if time_zone == OF_STORE:
        return frozenset({FACTS, LOCATION})
    return frozenset({FACTS}) if time_zone in {None, OF_CUSTOMER} else frozenset()


def _read(reading: Reading, scope: Scope) -> Condition | None:
    node = reading.entries["during"]
    if isinstance(node.value, dict):
        within = reading.mapping("during", _MEND)
        written = None if within is None else read_calendar(within)
        return None if written is None else During(written, written.said)
    name = reading.text("during")
    if name == STORE_HOURS:
        return DuringStoreHours()
    if name is None:
        return None
    written = named_calendar(scope.library, name)
    names = scope.library.names("calendars")
    if written is None and name not in names:
        known = [STORE_HOURS, *names]
        mend = closest(name, known, f"calendars: {', '.join(known)}; or define it under calendars:")
        reading.refuse("during", f"there is no calendar '{name}'", mend)
    return None if written is None else During(written, name)


OPERATOR = Operator("during", _read)
