"""Random lives of the devices that a rule watches: what they send is taken from the rule and from one story of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
import yaml
from hypothesis import strategies as st

from devices.event import (
    DeviceChanged,
    DeviceEvent,
    DeviceFacts,
    Event,
    Location,
    Status,
    StoreChanged,
    Telemetry,
    Tick,
)
from rules.document import parse
from rules.duration import parse_duration
from tests.unit.rules.story import MINUTE, SECOND, START

T = TypeVar("T")

DELAY = 20
"""From a device's time to its receipt, ms: less than what counts as being behind."""

Move = tuple[int, Event]
"""A pause (ms) and what comes then; the event's own times are not yet right."""


@dataclass(frozen=True)
class Vocabulary:
    """What the devices in a rule's life can say."""

    devices: list[str]
    metrics: dict[str, list[Any]]
    """The values of each metric: those of the story, those in the rule and next to them, and nonsense."""
    happenings: list[tuple[str, dict[str, Any]]]
    facts: list[DeviceFacts]
    pauses: list[int]
    """The rule's durations, halves of them, and a millisecond around them."""
    story: Sequence[Event]


def vocabulary(rules: str, story: list[Event]) -> Vocabulary:
    """The vocabulary of ``rules``, for which ``story`` is what one device or more once said."""
    words = list(_scalars(yaml.safe_load(rules)["rules"]))
    numbers = [word for word in words if type(word) in (int, float)]
    near = [number + distance for number in numbers for distance in (-1, -0.5, 0, 0.5, 1)]
    metrics = sorted({metric for rule in parse({"r": rules}).rules for metric in rule.metrics})
    told: dict[str, list[Any]] = {metric: [*near, "broken", True, False] for metric in metrics}
    for event in story:
        if isinstance(event, Telemetry):
            for metric, value in event.values.items():
                told.setdefault(metric, ["broken", 1]).append(value)
    happened = [(event.type, event.data) for event in story if isinstance(event, DeviceEvent)]
    facts = [event.facts for event in story if isinstance(event, DeviceChanged)]
    said = sorted({event.device_id for event in story if not isinstance(event, Tick) and hasattr(event, "device_id")})
    durations = {found for word in words if (found := _duration(word)) is not None}
    pauses = sorted({at for found in durations for at in (found - 1, found, found + 1, found // 2, found // 10)})
    told_by = [event for event in story if not isinstance(event, StoreChanged)]
    return Vocabulary(said, told, [*happened, ("button", {})], facts, [at for at in pauses if at > 0], told_by)


def _scalars(node: Any) -> Iterator[Any]:
    if isinstance(node, dict):
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            yield from _scalars(item)
    else:
        yield node


def _duration(word: Any) -> int | None:
    try:
        return parse_duration(word) if isinstance(word, str) else None
    except ValueError:
        return None


class Dice:
    """Choices made by bytes, which hypothesis makes and shrinks fast. A zero is the first choice."""

    def __init__(self, thrown: bytes) -> None:
        self._thrown = thrown
        self._place = 0

    @property
    def more(self) -> bool:
        """Whether there are bytes left; without any, all choices are the first one."""
        return self._place < len(self._thrown)

    def pick(self, choices: Sequence[T]) -> T:
        """One of at most 256 ``choices``."""
        self._place += 1
        return choices[self._thrown[self._place - 1] % len(choices)] if self._place <= len(self._thrown) else choices[0]


thrown = st.binary(min_size=60, max_size=240)


def stream(known: Vocabulary, dice: Dice) -> list[Event]:
    """Events in order of time, of devices that send regularly for a while, fall silent, and say surprising things."""
    moves = list[Move]()
    while dice.more:
        moves += dice.pick((_reading, _reading, _reading, _happening, _series, _series, _other, _scene))(known, dice)
    return _placed(moves)


def _pause(known: Vocabulary, dice: Dice) -> int:
    return dice.pick([SECOND, SECOND, MINUTE, MINUTE, 20 * MINUTE, 1, 0, *known.pauses])


def _reading(known: Vocabulary, dice: Dice) -> list[Move]:
    values = dict(_sample(known, dice) for _ in range(dice.pick([1, 1, 1, 2])))
    return [(_pause(known, dice), Telemetry(dice.pick(known.devices), 0, 0, values))]


def _sample(known: Vocabulary, dice: Dice) -> tuple[str, Any]:
    metric = dice.pick([*known.metrics, *known.metrics, "other"])
    return metric, dice.pick(known.metrics.get(metric, [1, 2]))


def _happening(known: Vocabulary, dice: Dice) -> list[Move]:
    kind, data = dice.pick(known.happenings)
    return [(_pause(known, dice), DeviceEvent(dice.pick(known.devices), 0, 0, kind, data))]


def _series(known: Vocabulary, dice: Dice) -> list[Move]:
    """One metric, sent in regular steps, rising or falling or staying."""
    device, pause = dice.pick(known.devices), dice.pick([SECOND, MINUTE, MINUTE, 5 * MINUTE])
    metric, value = _sample(known, dice)
    slope = dice.pick([0, 0, 0.01, 1, -1, 5, -5]) if type(value) in (int, float) else ""
    count = dice.pick(range(2, 40))
    return [(pause, Telemetry(device, 0, 0, {metric: value + slope * i if slope else value})) for i in range(count)]


def _other(known: Vocabulary, dice: Dice) -> list[Move]:
    device, north = dice.pick(known.devices), dice.pick([0, 5, 95, 150, 500])
    fix = Location(device, 0, 0, 35.0 + north / 111_195, 139.0, 10.0)
    changes = [DeviceChanged(0, facts) for facts in known.facts]
    events: list[Event] = [Tick(0), fix, fix, Status(device, 0, 0, north < 100), *changes]
    return [(_pause(known, dice), dice.pick(events))]


def _scene(known: Vocabulary, dice: Dice) -> list[Move]:
    """Part of the story, at its own pace."""
    first = dice.pick([0, 0, *range(len(known.story))][:256])
    part = known.story[first : first + dice.pick([99, *range(1, 20)])]
    pauses = [later.at - event.at for event, later in itertools.pairwise(part)]
    return list(zip([_pause(known, dice), *pauses], part, strict=True))


def _placed(moves: list[Move]) -> list[Event]:
    """The moves in time. What follows a tick comes at least a millisecond later: at the same one it would be first."""
    at, events = START, list[Event]()
    for pause, event in moves:
        at += max(pause, 1) if events and isinstance(events[-1], Tick | DeviceChanged) else pause
        events.append(moved(event, at))
    return events


def moved(event: Event, at: int) -> Event:
    """The same at another time."""
    if isinstance(event, Telemetry | Location | Status | DeviceEvent):
        return msgspec.structs.replace(event, at=at, received_at=at + DELAY)
    assert isinstance(event, Tick | DeviceChanged)
    return msgspec.structs.replace(event, at=at)


def disturbed(events: list[Event], dice: Dice) -> list[Event]:
    """The same events, with repetitions and with late ones in between that were overtaken by newer ones."""
    found = list[Event]()
    for place, event in enumerate(events):
        found.append(event)
        for back in range(dice.pick([0, 1, 2])):
            again = events[max(0, place - dice.pick(range(11)) - back)]
            if not isinstance(again, DeviceChanged):
                found.append(_late(again, dice))
    return found


def _late(event: Event, dice: Dice) -> Event:
    """``event`` once more, or another one of its kind from before it."""
    ago = dice.pick([0, 0, 1, SECOND, MINUTE, 60 * MINUTE])
    if ago and isinstance(event, Telemetry):
        values = {name: dice.pick([0, 1e6, "late", True]) for name in event.values}
        return msgspec.structs.replace(event, at=event.at - ago + 1, values=values)
    if ago and isinstance(event, Location):
        return msgspec.structs.replace(event, at=event.at - ago + 1, lat=35.0)
    if ago and isinstance(event, Status):
        return msgspec.structs.replace(event, at=event.at - ago, online=not event.online)
    return moved(event, event.at - ago) if ago and isinstance(event, DeviceEvent) else event


def ticked(events: list[Event], dice: Dice) -> list[Event]:
    """The same events, with time told more often in between."""
    found = list[Event]()
    for event in events:
        before = found[-1].at if found else START
        parts = [0.0, 0.25, 0.5, 0.999, 1.0]
        times = {before + 1 + round((event.at - before - 2) * dice.pick(parts)) for _ in range(dice.pick([0, 1, 2, 3]))}
        found += [Tick(at) for at in sorted(times) if before < at < event.at]
        found.append(event)
    return found


def just_before_each(events: list[Event]) -> list[Event]:
    """The same events, with time told a millisecond before each."""
    return [told for event in events for told in (Tick(event.at - 1), event)]
