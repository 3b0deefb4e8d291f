"""Reading ``given``: what devices say in an example, as the events that would reach the gateway."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

from devices import said
from devices.event import AlertCommand, DeviceEvent, DeviceSaid, Location, Millis, Status, Tick
from devices.identity import checked_device_id
from devices.rejected import Rejected
from rules.duration import parse_duration
from rules.problem import closest
from rules.reading import Reading
from rules.source import Located

Action = Literal["acknowledge", "snooze", "resolve"]

MAX_EVENTS: Final = 100_000
"""Events in one example, repeated ones counted each time."""

_WHEN = ("at", "from", "to", "every")
_HAPPENING = ("status", "location", "event", "data")
_ACTIONS: Final[tuple[Action, ...]] = ("acknowledge", "snooze", "resolve")
_WORDS = frozenset({*_WHEN, *_HAPPENING, *_ACTIONS, "until", "device", "late_by", "values"})
_MEND = "write {at: 1m, device: chiller-7, temperature: 9} or {from: 1m, to: 12m, every: 1m, device: …}"


class Arrival(NamedTuple):
    """An event and when it reaches the gateway (ms). A ``Tick`` only lets time pass.

    An ``AlertCommand`` has no ``alert_id`` yet: it means the alert that fires then.
    """

    at: Millis
    event: DeviceSaid | Tick | AlertCommand


class _Moments(NamedTuple):
    """When one entry happens: so many times, so far apart."""

    first: Millis
    every: Millis
    times: int

    def at(self, number: int) -> Millis:
        return self.first + number * self.every


def instant(text: str) -> Millis | None:
    """ISO 8601 with an offset as ms since 1970; ``None`` for anything else."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if moment.tzinfo is None else round(moment.timestamp() * 1000)


def offset(reading: Reading, key: str, starts: Millis) -> Millis | None:
    """The time under ``key``: a duration after the start (``0s``, ``11m``), or a time of its own with an offset."""
    text = reading.text(key)
    if text is None:
        return None
    moment = instant(text)
    if moment is not None:
        return moment
    if text.rstrip("msdhw") == "0":
        return starts
    try:
        return starts + parse_duration(text)
    except ValueError as error:
        message, _, _ = str(error).partition("|")
        reading.refuse(key, message, "write how long after the start, like 0s, 11m or 1h30m")
        return None


def read_given(
    example: Reading, starts: Millis, only_device: str | None, rules: Collection[str]
) -> tuple[Arrival, ...]:
    """What is given, in the order of its arrival.

    Args:
        example: its ``given`` is read.
        starts: the example's start.
        only_device: who speaks where an entry does not say so.
        rules: the ids of the rules that there are.
    """
    if "given" in example and example.entries["given"].value == []:
        return ()
    found: list[Arrival] = []
    for node, path in example.items("given", _MEND):
        entry = example.nested(node, path, _MEND)
        if entry is None:
            continue
        moments = _read_moments(entry, starts)
        if moments is None:
            continue
        if len(found) + moments.times > MAX_EVENTS:
            entry.refuse(None, f"more than {MAX_EVENTS} events in one example", "take a longer 'every'")
            break
        found += _read_commands(entry, only_device, moments.first, rules)
        found += _Entry(entry, only_device).arrivals(moments)
    return tuple(sorted(found, key=lambda arrival: arrival.at))


def _read_moments(entry: Reading, starts: Millis) -> _Moments | None:
    if "at" in entry:
        for key in ("from", "to", "every"):
            if key in entry:
                entry.refuse(key, f"'{key}' beside 'at'", "write at: 5m, or from: 1m, to: 12m, every: 1m", at_key=True)
                return None
        at = offset(entry, "at", starts)
        return None if at is None else _Moments(at, 0, 1)
    if not all(entry.need(key, _MEND) for key in ("from", "to", "every")):
        return None
    first, last, every = offset(entry, "from", starts), offset(entry, "to", starts), entry.duration("every")
    if first is None or last is None or every is None:
        return None
    if last < first:
        entry.refuse("to", "'to' lies before 'from'", "let it end after it begins")
        return None
    return _Moments(first, every, (last - first) // every + 1)


def _read_commands(entry: Reading, only_device: str | None, at: Millis, rules: Collection[str]) -> Iterator[Arrival]:
    """A person's words: ``acknowledge: chiller-too-warm``, ``snooze: …`` with ``until``, ``resolve: …``."""
    until = offset(entry, "until", at)
    if "until" in entry and not any(action in entry for action in _ACTIONS):
        entry.refuse("until", "'snooze' and 'until' go together", "write {at: 20m, snooze: rule, until: 2h}")
    for action in _ACTIONS:
        rule = entry.text(action)
        if rule is None:
            continue
        device = entry.text("device") if "device" in entry else only_device
        if rule not in rules:
            mend = closest(rule, rules, f"rules: {', '.join(rules)}")
            entry.refuse(action, f"there is no rule '{rule}'", mend)
        elif device is None:
            entry.refuse(action, "nobody is named whose alert is meant", "add device: chiller-7")
        elif (action == "snooze") != (until is not None):
            entry.refuse(action, "'snooze' and 'until' go together", "write {at: 20m, snooze: rule, until: 2h}")
        else:
            yield Arrival(at, AlertCommand(at, device, rule, "", action, "the example", until))


class _Entry:
    """One entry of ``given``, whose values may change from time to time."""

    def __init__(self, entry: Reading, only_device: str | None) -> None:
        self._entry = entry
        self._device = entry.text("device") if "device" in entry else only_device
        self._late_by = entry.duration("late_by") or 0
        self._metrics = self._read_metrics()

    def arrivals(self, moments: _Moments) -> Iterator[Arrival]:
        """The events of each moment; nothing after the first problem."""
        if any(key in self._entry for key in _ACTIONS) and not self._speaks:
            return
        if not self._speaks:
            yield from (Arrival(moments.at(number), Tick(moments.at(number))) for number in range(moments.times))
            return
        try:
            device_id = checked_device_id(self._device)
            for number in range(moments.times):
                at = moments.at(number)
                for event in self._events(device_id, at, number, moments.times):
                    yield Arrival(at + self._late_by, event)
        except Rejected as error:
            if self._device is None:
                self._entry.refuse(None, "nobody is named who says this", "add device: chiller-7")
            else:
                self._entry.refuse(None, error.detail, "say it as a device would")

    @property
    def _speaks(self) -> bool:
        return bool(self._metrics or any(key in self._entry for key in _HAPPENING))

    def _events(self, device_id: str, at: Millis, number: int, count: int) -> Iterator[DeviceSaid]:
        entries, received_at = self._entry.entries, at + self._late_by
        if self._metrics:
            values = {name: _value(node, number, count) for name, node in self._metrics.items()}
            yield said.telemetry(device_id, {"ts": at, "values": values}, received_at)
        if "location" in entries:
            yield self._location(device_id, at, received_at)
        if "status" in entries:
            yield self._status(device_id, at, received_at)
        if "event" in entries or "data" in entries:
            yield self._happening(device_id, at, received_at)

    def _location(self, device_id: str, at: Millis, received_at: Millis) -> Location:
        node = self._entry.entries["location"]
        sent = node.plain() if isinstance(node.value, dict) else {}
        return said.location(device_id, {**sent, "ts": at}, received_at)

    def _status(self, device_id: str, at: Millis, received_at: Millis) -> Status:
        return said.status(device_id, {"status": self._entry.entries["status"].value, "ts": at}, received_at)

    def _happening(self, device_id: str, at: Millis, received_at: Millis) -> DeviceEvent:
        entries = self._entry.entries
        kind = entries["event"].text if "event" in entries else None
        data = entries["data"].plain() if "data" in entries else {}
        event = said.device_event(device_id, {"type": kind, "ts": at}, received_at)
        return DeviceEvent(event.device_id, event.at, event.received_at, event.type, data)

    def _read_metrics(self) -> dict[str, Located]:
        """Metrics stand beside the words of the grammar, or under ``values`` where a name is one of these words."""
        metrics = {key: node for key, node in self._entry.entries.items() if key not in _WORDS}
        values = self._entry.mapping("values", "write values: {temperature: 9}")
        if values is not None:
            metrics |= values.entries
        for name, node in metrics.items():
            if not _is_value(node):
                self._refuse(name, node)
        return {name: node for name, node in metrics.items() if _is_value(node)}

    def _refuse(self, name: str, node: Located) -> None:
        nested = Reading(self._entry.file, node, self._entry.place(name), self._entry.problems)
        nested.refuse(None, f"'{name}' has no value here", "write a value, a list of values, or {from: 5, to: 9}")


def _is_value(node: Located) -> bool:
    """One value, values to be taken in turn, or a ramp."""
    value = node.value
    if isinstance(value, dict):
        ends = [value[key].value for key in ("from", "to") if key in value]
        return len(value) == len(ends) == 2 and all(type(end) in (int, float) for end in ends)  # noqa: PLR2004
    if isinstance(value, list):
        return bool(value) and all(not isinstance(each.value, list | dict | None) for each in value)
    return value is not None


def _value(node: Located, number: int, count: int) -> Any:
    """The value for the ``number``-th of ``count`` moments."""
    value = node.value
    if isinstance(value, list):
        return value[number % len(value)].value
    if isinstance(value, dict):
        begin, end = value["from"].value, value["to"].value
        return begin if count == 1 else begin + (end - begin) * number / (count - 1)
    return value
