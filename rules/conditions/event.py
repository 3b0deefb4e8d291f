"""``event``: the device reported something, such as a fault code or a door that opened."""

from __future__ import annotations

import fnmatch
import re
from typing import Any

from devices.event import DeviceEvent, Millis, Value
from rules.band import Quiet
from rules.condition import EVENT, Condition, Memory, Operator, Scope, Truth
from rules.metric import same, shown
from rules.occurrence import Momentary
from rules.reading import Reading
from rules.selector import MAX_PATTERN
from rules.subject import Subject

MAX_DATA = 20
"""Values of an event that are kept for templates."""
MAX_TEXT = 200
"""Characters of each of them."""

_MEND = 'write event: door-opened, or event: {type: "error-*", until: error-cleared, data: {code: 7}}'


class Kind:
    """Which events are meant: a shell pattern for the type, and what their data have to say."""

    __slots__ = ("_pattern", "data", "text")

    def __init__(self, pattern: str, data: dict[str, Value]) -> None:
        self._pattern = re.compile(fnmatch.translate(pattern))
        self.text = pattern
        self.data = data

    def matches(self, event: DeviceEvent) -> bool:
        """Whether ``event`` is meant."""
        if self._pattern.match(event.type) is None:
            return False
        return all(key in event.data and same(event.data[key], value) for key, value in self.data.items())


def _kept(event: DeviceEvent) -> list[Any]:
    """The event's type, and those of its data that templates can show."""
    plain = {key: value for key, value in event.data.items() if isinstance(value, str | int | float)}
    short = {
        key: value[:MAX_TEXT] if isinstance(value, str) else value for key, value in list(plain.items())[:MAX_DATA]
    }
    return [event.type, short]


class _Reported(Condition):
    """Memory: ``[when it was reported, its type, its data, …]``."""

    __slots__ = ("kind", "watches")

    witnessed = True

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.watches = frozenset({EVENT})

    def fresh(self) -> Memory:
        """Nothing reported."""
        return [None, None, {}]

    def quiet(self, memory: Memory, subject: Subject, at: Millis) -> Quiet | None:
        """No reading is an event; but the moment of one has to pass."""
        truth = self.on_event(memory, subject, at)
        return None if truth and self.momentary else Quiet(truth, {})

    def explain(self, memory: Memory, subject: Subject, at: Millis) -> dict[str, Any]:
        """What was asked for, and the newest event that was meant."""
        result = self.on_event(list(memory), subject, at)
        newest = {"happened_at": memory[0], "event": memory[1], "values": memory[2], "result": result}
        asked = {"type": self.kind.text, **({"data": self.kind.data} if self.kind.data else {})}
        return {"operator": "event", **asked, **newest}

    def phrase(self, memory: Memory, subject: Subject, at: Millis, *, holds: bool) -> str:
        """``chiller-7 reported error-7 (code 7)``."""
        if memory[1] is None:
            return f"{subject.id} reported no {self.kind.text}"
        data = ", ".join(f"{key} {shown(value)}" for key, value in memory[2].items())
        return f"{subject.id} reported {memory[1]}" + (f" ({data})" if data else "")

    def evidence(self, memory: Memory, subject: Subject) -> dict[str, Any]:
        """The event's type under ``event``, and its data under their own names."""
        return {} if memory[1] is None else {**memory[2], "event": memory[1]}


class Happened(Momentary, _Reported):
    """True at the moment of the event."""

    __slots__ = ()

    def on_event(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Look at the event that is being applied."""
        event = subject.event
        if event is not None and memory[0] != at and self.kind.matches(event):
            memory[:] = [at, *_kept(event)]
        return bool(memory[0] == at)


class Lasting(_Reported):
    """True from the event until another one says that it is over.

    Memory: ``[when it was reported, its type, its data, whether it lasts, what ended it]``.
    """

    __slots__ = ("until",)

    def __init__(self, kind: Kind, until: Kind) -> None:
        super().__init__(kind)
        self.until = until

    def fresh(self) -> Memory:
        """Nothing reported, nothing over."""
        return [None, None, {}, False, None]

    def on_event(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Look at the event that is being applied; what ends it is looked for first."""
        event = subject.event
        if event is not None and self.until.matches(event):
            if memory[3]:
                memory[3:] = [False, event.type]
        elif event is not None and self.kind.matches(event):
            memory[:] = [at, *_kept(event), True, None]
        return bool(memory[3])

    def explain(self, memory: Memory, subject: Subject, at: Millis) -> dict[str, Any]:
        """Also what it lasts until."""
        return {**super().explain(memory, subject, at), "until": self.until.text, "ended_by": memory[4]}

    def phrase(self, memory: Memory, subject: Subject, at: Millis, *, holds: bool) -> str:
        """``chiller-7 reported error-cleared``, when that ended it."""
        if holds or memory[4] is None:
            return super().phrase(memory, subject, at, holds=holds)
        return f"{subject.id} reported {memory[4]}"


def _read(reading: Reading, _scope: Scope) -> Condition | None:
    if not isinstance(reading.entries["event"].value, dict):
        kind = _read_kind(reading, "event", {})
        return None if kind is None else Happened(kind)
    event = reading.mapping("event", _MEND)
    if event is None or not event.need("type", _MEND):
        return None
    event.only(("type", "until", "data"))
    data = _read_data(event)
    kind = None if data is None else _read_kind(event, "type", data)
    if "until" not in event:
        return None if kind is None else Happened(kind)
    until = _read_kind(event, "until", {})
    if kind is None or until is None:
        return None
    if kind.text == until.text:
        event.refuse("until", f"{until.text} cannot end what it begins", "name the event that says that it is over")
        return None
    return Lasting(kind, until)


def _read_kind(reading: Reading, key: str, data: dict[str, Value]) -> Kind | None:
    pattern = reading.text(key)
    if pattern is not None and len(pattern) > MAX_PATTERN:
        reading.refuse(key, f"'{key}' has {len(pattern)} characters", f"write at most {MAX_PATTERN}")
        return None
    return None if pattern is None else Kind(pattern, data)


def _read_data(event: Reading) -> dict[str, Value] | None:
    if "data" not in event:
        return {}
    data = event.mapping("data", "write data: {code: 7}")
    if data is None:
        return None
    found = {key: data.scalar(key) for key in data.entries}
    return None if None in found.values() else found


OPERATOR = Operator("event", _read)
