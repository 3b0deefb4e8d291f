"""What a simulated thing says, before it has a topic and a time."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal, Protocol

Kind = Literal["telemetry", "status", "location", "event"]
"""The last part of the topic ``devices/{id}/{kind}``."""

Setting = float | bool | str
"""A value that a scenario file may give to a model."""


@dataclass(frozen=True, slots=True)
class Said:
    """One message. A ``dict`` gets its ``ts`` and becomes JSON on the way out; ``bytes`` are sent as they are."""

    kind: Kind
    body: dict[str, Setting] | bytes


class Model(Protocol):
    """A machine or a person: state, and how it changes with time. No clock, no I/O, no randomness of its own."""

    def step(self, dt_seconds: float, rng: Random) -> list[Said]:
        """Let ``dt_seconds`` of simulated time pass and tell what is to be seen afterwards."""
        ...
