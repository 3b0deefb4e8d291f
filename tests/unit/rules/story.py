"""Tells the engine a story, event by event, and keeps what it decided."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from devices.event import (
    DeviceChanged,
    DeviceEvent,
    DeviceFacts,
    Event,
    Location,
    Millis,
    RulesChanged,
    Status,
    StoreChanged,
    StoreFacts,
    Telemetry,
    Tick,
)
from rules.decision import Decision, Derivation, Outcome, Position
from rules.engine import step
from rules.inquiry import Inquiry, Replay
from rules.state import PartitionState

START = 1_750_000_000_000
SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

CHILLER = DeviceFacts("chiller-7", model="chiller-x", owner="customer-1", store="ginza")
GINZA = StoreFacts("ginza", "Ginza", {"lat": 35.0, "lon": 139.0, "radius": 100}, ("flagship",))


def rule(when: str, **more: str) -> str:
    """One rule named ``r`` as a YAML file."""
    rest = "".join(f", {key}: {value}" for key, value in more.items())
    return f"rules: [{{id: r, when: {when}, purpose: maintenance{rest}}}]"


def reading(after: float, value: Any, metric: str = "t", device: str = "chiller-7", late_by: int = 0) -> Telemetry:
    """A reading ``after`` seconds."""
    at = START + round(after * SECOND)
    return Telemetry(device, at, at + late_by, {metric: value})


def fix(after: float, north: float, accuracy: float = 10, device: str = "phone-3") -> Location:
    """A position ``north`` metres of the middle of Ginza, ``after`` seconds."""
    at = START + round(after * SECOND)
    return Location(device, at, at + 20, 35.0 + north / 111_195, 139.0, float(accuracy))


def tick(after: float) -> Tick:
    """Our clock ``after`` seconds."""
    return Tick(START + round(after * SECOND))


class Story:
    """A partition's life."""

    def __init__(self, rules: str, *before: Event) -> None:
        self.state = PartitionState.empty()
        self.outcomes: list[Outcome] = []
        self.seq = 0
        self.load(rules)
        self.tell(*before)
        self.outcomes.clear()

    def load(self, rules: str, after: float = -3600) -> list[Outcome]:
        """Change the rules."""
        return self.tell(RulesChanged(START + round(after * SECOND), f"v{self.seq}", {"rules.yaml": rules}))

    def tell(self, *events: Event) -> list[Outcome]:
        """What ``events`` lead to."""
        found = []
        for event in events:
            found += self._fold(event)
        self.outcomes += found
        return found

    def _fold(self, event: Event) -> list[Outcome]:
        """One event, and what follows from it for other subjects, as a log with one partition would bring it."""
        self.seq += 1
        made = step(self.state, event, Position(self.seq, 0))
        return made + [
            found for outcome in made if isinstance(outcome, Derivation) for found in self._fold(outcome.event)
        ]

    def heard(self, *events: Event) -> list[tuple[str, float]]:
        """The transitions that ``events`` lead to, with their time in seconds."""
        return transitions(self.tell(*events))

    @property
    def decisions(self) -> list[Decision]:
        """All decisions so far."""
        return [outcome for outcome in self.outcomes if isinstance(outcome, Decision)]


def transitions(outcomes: list[Outcome]) -> list[tuple[str, float]]:
    """Transition and time in seconds of each decision among ``outcomes``."""
    return [(o.transition, (o.at - START) / SECOND) for o in outcomes if isinstance(o, Decision)]


def device(facts: DeviceFacts, after: float = -60) -> DeviceChanged:
    """The registry learns of a device."""
    return DeviceChanged(START + round(after * SECOND), facts)


def store(facts: StoreFacts = GINZA, after: float = -60, *, removed: bool = False) -> StoreChanged:
    """A store opens, moves or closes."""
    return StoreChanged(START + round(after * SECOND), facts, removed)


def status(after: float, online: bool, device_id: str = "chiller-7") -> Status:
    """The device came or went."""
    at = START + round(after * SECOND)
    return Status(device_id, at, at, online)


def happening(after: float, kind: str, device_id: str = "chiller-7", **data: Any) -> DeviceEvent:
    """Something happened on the device."""
    at = START + round(after * SECOND)
    return DeviceEvent(device_id, at, at, kind, data)


def inquire(
    events: Iterable[tuple[Position, Event]],
    rule_id: str,
    device_id: str,
    at: Millis,
    state: PartitionState | None = None,
) -> Inquiry:
    """What ``rule_id`` made of ``device_id`` at ``at``.

    Args:
        events: the partition's log, in order; what concerns other devices is passed over.
        rule_id: the rule.
        device_id: the device, or a group.
        at: the moment, on the device's clock.
        state: what was known before the first event; nothing of it later than ``at``.
    """
    replay = Replay(device_id, at, state)
    for position, event in events:
        if not replay.take(event, position):
            break
    return replay.inquiry(rule_id)
