"""``every``: maintenance by the calendar: a period that a service ends, or a time by the clock on the wall."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from devices.event import Millis
from rules.band import Quiet
from rules.condition import ANY_DATA, EVENT, FACTS, Condition, Memory, Operator, Scope, Truth
from rules.every_reading import Schedule, read_schedule
from rules.reading import Reading
from rules.recurrence import Pattern, Period, instant, wall_time
from rules.subject import NEVER, Subject
from rules.time_zone import OF_STORE, zone_of

_FIRST, _RESET, _SINCE, _DUE, _REACHED = range(5)
_NEXT, _FIRED, _ZONE = range(3)
_DATE_LENGTH = len("2026-12-24")
_LONGEST_TIME = 64
_YEARS = range(1901, 8900)


class EveryPeriod(Condition):
    """True from the moment at which the period is over, until the device event ``reset_by`` begins the next one.

    It begins at the newest of the attribute ``since`` and the newest ``reset_by``; else when the device was first seen.
    Memory: ``[first seen, newest reset, the attribute as it was, due, whether that has come]``.
    """

    __slots__ = ("period", "reset_by", "since", "time_zone", "watches")

    timed = True

    def __init__(self, period: Period, since: str | None, reset_by: str, time_zone: str | None) -> None:
        self.period = period
        self.since = since
        self.reset_by = reset_by
        self.time_zone = time_zone
        self.watches = frozenset({EVENT, ANY_DATA, FACTS})

    def fresh(self) -> Memory:
        """Not seen."""
        return [None, None, None, NEVER, False]

    def on_event(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Begin a period, at first sight or because of what happened."""
        event = subject.event
        if memory[_FIRST] is None:
            memory[_FIRST] = at
            self._begin(memory, subject)
        if event is not None and event.type == self.reset_by and (memory[_RESET] is None or event.at > memory[_RESET]):
            memory[_RESET] = event.at
            self._begin(memory, subject)
        return self.on_time(memory, subject, at)

    def on_time(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Look whether the period is over, unless the registry knows better by now."""
        if memory[_FIRST] is None:
            return None
        if self.since is not None and self._attribute(subject) != memory[_SINCE]:
            self._begin(memory, subject)
        if at >= memory[_DUE]:
            memory[_REACHED] = True
        return bool(memory[_REACHED])

    def _begin(self, memory: Memory, subject: Subject) -> None:
        zone = zone_of(subject, self.time_zone)
        memory[_SINCE] = self._attribute(subject)
        memory[_DUE] = self.period.after(zone, self._anchor(memory, zone))
        memory[_REACHED] = False

    def _attribute(self, subject: Subject) -> str | None:
        """The text that ``since`` names; it is remembered, so no more of it than a time can have."""
        said = None if self.since is None else subject.facts.attributes.get(self.since)
        return said[:_LONGEST_TIME] if isinstance(said, str) else None

    def _anchor(self, memory: Memory, zone: ZoneInfo) -> Millis:
        """When the period began."""
        known = [each for each in (memory[_RESET], moment_of(memory[_SINCE], zone)) if each is not None]
        return max(known) if known else int(memory[_FIRST])

    def next_deadline(self, memory: Memory, subject: Subject, after: Millis) -> Millis:
        """When the period is over."""
        return int(memory[_DUE]) if memory[_DUE] > after and not memory[_REACHED] else NEVER

    def quiet(self, memory: Memory, subject: Subject, at: Millis) -> Quiet | None:
        """No reading changes it."""
        if memory[_FIRST] is None or self._attribute(subject) != memory[_SINCE]:
            return None
        return Quiet(bool(memory[_REACHED]), {})

    def explain(self, memory: Memory, subject: Subject, at: Millis) -> dict[str, Any]:
        """How long the period is, since when it runs and when it is over."""
        found: dict[str, Any] = {"operator": "every", "period": self.period.said}
        if self.since is not None:
            found |= {"attribute": self.since, "attribute_value": memory[_SINCE]}
        seen = memory[_FIRST] is not None
        anchor = self._anchor(memory, zone_of(subject, self.time_zone)) if seen else None
        due = memory[_DUE] if memory[_DUE] != NEVER else None
        result = bool(memory[_REACHED]) if seen else None
        return {**found, "since": anchor, "reset_at": memory[_RESET], "due_at": due, "result": result}

    def phrase(self, memory: Memory, subject: Subject, at: Millis, *, holds: bool) -> str:
        """``chiller-7 is due: 90 days since 2026-08-01``."""
        if memory[_FIRST] is None:
            return f"{subject.id} is {'' if holds else 'no longer '}due"
        zone = zone_of(subject, self.time_zone)
        since = wall_time(zone, self._anchor(memory, zone)).date()
        if holds:
            return f"{subject.id} is due: {self.period.said} since {since}"
        return f"{subject.id} is no longer due: its {self.period.said} count from {since}"

    def evidence(self, memory: Memory, subject: Subject) -> dict[str, Any]:
        """``due_at`` and ``due_since`` (when the period began): ISO 8601, UTC."""
        if memory[_FIRST] is None or memory[_DUE] == NEVER:
            return {}
        anchor = self._anchor(memory, zone_of(subject, self.time_zone))
        return {"due_at": _iso(memory[_DUE]), "due_since": _iso(anchor)}


class EveryTime(Condition):
    """True for a moment, each time that the clock on the wall shows what the pattern says. Never at first sight.

    What was missed while nothing was heard, not even the time, happens once.
    Memory: ``[the next time, the newest time, the zone]``.
    """

    __slots__ = ("pattern", "time_zone", "watches")

    timed = True
    momentary = True

    def __init__(self, pattern: Pattern, time_zone: str | None) -> None:
        self.pattern = pattern
        self.time_zone = time_zone
        self.watches = frozenset({ANY_DATA, FACTS})

    def fresh(self) -> Memory:
        """Not seen."""
        return [None, None, None]

    def on_event(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Work out the next time, at first sight and where the zone is another."""
        zone = zone_of(subject, self.time_zone)
        if memory[_ZONE] != zone.key:
            memory[_NEXT], memory[_ZONE] = self.pattern.after(zone, at), zone.key
        return self.on_time(memory, subject, at)

    def on_time(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Whether this is the moment."""
        if memory[_NEXT] is None:
            return None
        if at >= memory[_NEXT]:
            memory[_FIRED] = at
            # Times that lie before what is being caught up with were missed together with this one.
            memory[_NEXT] = self.pattern.after(zone_of(subject, self.time_zone), max(at, subject.until))
        return bool(memory[_FIRED] == at)

    def next_deadline(self, memory: Memory, subject: Subject, after: Millis) -> Millis:
        """The next time, or the end of this moment."""
        if memory[_FIRED] is not None and memory[_FIRED] + 1 > after:
            return int(memory[_FIRED]) + 1
        return NEVER if memory[_NEXT] is None or memory[_NEXT] <= after else int(memory[_NEXT])

    def quiet(self, memory: Memory, subject: Subject, at: Millis) -> Quiet | None:
        """No reading changes it but in its moment, unless the zone is that of a store, which may change meanwhile."""
        of_store = self.time_zone == OF_STORE or (self.time_zone is None and subject.facts.store is not None)
        return None if of_store or memory[_NEXT] is None or memory[_FIRED] == at else Quiet(False, {})

    def explain(self, memory: Memory, subject: Subject, at: Millis) -> dict[str, Any]:
        """The pattern, where, and when it was and will be next."""
        coming = None if memory[_NEXT] in (None, NEVER) else memory[_NEXT]
        times = {"last_at": memory[_FIRED], "next_at": coming}
        result = None if memory[_NEXT] is None else memory[_FIRED] == at
        zone = zone_of(subject, self.time_zone).key
        return {"operator": "every", "pattern": self.pattern.said, "time_zone": zone, **times, "result": result}

    def phrase(self, memory: Memory, subject: Subject, at: Millis, *, holds: bool) -> str:
        """``it is mon at 09:00 in Asia/Tokyo``."""
        zone = zone_of(subject, self.time_zone).key
        return f"it is {'' if holds else 'no longer '}{self.pattern.said} in {zone}"

    def evidence(self, memory: Memory, subject: Subject) -> dict[str, Any]:
        """``due_at``: ISO 8601, UTC."""
        return {} if memory[_FIRED] is None else {"due_at": _iso(memory[_FIRED])}


def moment_of(said: str | None, zone: ZoneInfo) -> Millis | None:
    """A date or RFC 3339 time as the registry has it; without an offset as the clock in ``zone`` shows it."""
    if said is None:
        return None
    try:
        wall = datetime.combine(date.fromisoformat(said), time()) if len(said) == _DATE_LENGTH else None
        moment = wall or datetime.fromisoformat(said)
    except ValueError:
        return None
    if moment.year not in _YEARS:
        return None
    return instant(zone, moment) if moment.tzinfo is None else int(moment.timestamp() * 1000)


def _iso(at: Millis) -> str:
    return datetime.fromtimestamp(at // 1000, UTC).isoformat().replace("+00:00", "Z")


def _read(reading: Reading, _scope: Scope) -> Condition | None:
    schedule: Schedule | None = read_schedule(reading)
    if schedule is None:
        return None
    if isinstance(schedule.when, Pattern):
        return EveryTime(schedule.when, schedule.time_zone)
    return EveryPeriod(schedule.when, schedule.since, schedule.reset_by, schedule.time_zone)


OPERATOR = Operator("every", _read)
