"""What a threshold with hysteresis must decide, written down without looking at the engine.

A machine sends one temperature after the other. The alert fires with the first value above the limit and resolves with
the first value below the clearing limit after that. Nothing else happens: no duration, no repetition.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple

ABOVE = 8.0
CLEAR_BELOW = 6.0


class Sample(NamedTuple):
    """One telemetry message: event time in ms, and the temperature in °C."""

    at: int
    temperature: float


class Expected(NamedTuple):
    """One decision that must exist exactly once."""

    device_id: str
    transition: str
    at: int


def wandering(seed: int) -> Iterator[float]:
    """Temperatures that wander through both limits every few dozen values; never exactly on one."""
    rng = random.Random(seed)
    value, drift = 5.0, 0.35
    while True:
        if rng.random() < 0.06:
            drift = -drift
        value = min(11.0, max(3.0, value + drift + rng.uniform(-0.8, 0.8)))
        yield round(value, 1) + 0.03


def expected_decisions(device_id: str, samples: list[Sample]) -> list[Expected]:
    """The decisions for one machine's samples, in order. The first sample is no crossing: it only says where we are."""
    decisions: list[Expected] = []
    hot = False
    for sample in samples:
        if not hot and sample.temperature > ABOVE:
            hot = True
            decisions.append(Expected(device_id, "firing", sample.at))
        elif hot and sample.temperature < CLEAR_BELOW:
            hot = False
            decisions.append(Expected(device_id, "resolved", sample.at))
    return decisions
