"""A sensor whose firmware was never tested: between good readings it sends what no decoder should believe."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import ClassVar

from firmware_sim.said import Said

MALFORMED: tuple[bytes, ...] = (
    b'{"temperature": NaN}',
    b'{"temperature": 21.',
    b'{"temperature": 1e999}',
    b"temperature=21.5",
    b"\xff\xfe\x00",
    b"[]",
    b'{"device_id": "somebody-else", "temperature": 3.1}',
)
"""What it sends in turn: not finite, cut off, overflowing, not JSON, not UTF-8, empty, in another's name."""


@dataclass(slots=True)
class BrokenFirmware:
    """A room sensor that sends one of ``MALFORMED`` in every ``bad_every`` messages."""

    SETTINGS: ClassVar[frozenset[str]] = frozenset({"bad_every", "temperature"})

    bad_every: float = 3.0
    temperature: float = 21.0
    _count: int = 0

    def step(self, dt_seconds: float, rng: Random) -> list[Said]:
        """A slow random walk around room temperature, and now and then rubbish."""
        self._count += 1
        self.temperature += rng.gauss(0, 0.01) * min(dt_seconds, 60.0) ** 0.5
        every = max(1, int(self.bad_every))
        if self._count % every == 0:
            return [Said("telemetry", MALFORMED[(self._count // every - 1) % len(MALFORMED)])]
        return [Said("telemetry", {"temperature": round(self.temperature, 2)})]
