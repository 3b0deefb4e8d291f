"""What a phone believes its position to be: the truth plus an error that wanders.

A satellite fix's error is not white: the next fix errs the same way. First-order Gauss-Markov process per axis,
``e ← φ·e + √(1 - φ²)·σ·n`` with ``φ = exp(-dt / τ)`` (Gelb, "Applied Optimal Estimation", ch. 2), which is stationary
for any dt. Between high buildings σ and τ are larger: reflected signals stay reflected.
The accuracy that a phone reports is the radius holding 68 % of fixes: 1.51·σ for two independent axes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

RADIUS_68 = 1.5096
"""√(-2 · ln(1 - 0.68)): the Rayleigh quantile."""


@dataclass(slots=True)
class Gps:
    """A receiver with ``accuracy`` metres (68 %) under open sky; ``canyon`` 0 to 1 says how much sky buildings hide."""

    accuracy: float = 6.0
    canyon: float = 0.0
    _east: float | None = None
    _north: float = 0.0

    @property
    def sigma(self) -> float:
        """Metres per axis."""
        return self.accuracy / RADIUS_68 * (1.0 + 4.0 * self.canyon)

    def error(self, dt_seconds: float, rng: Random) -> tuple[float, float]:
        """Metres east and north by which the next fix errs."""
        if self._east is None:
            self._east, self._north = rng.gauss(0, self.sigma), rng.gauss(0, self.sigma)
            return self._east, self._north
        keep = math.exp(-dt_seconds / (20.0 + 60.0 * self.canyon))
        fresh = math.sqrt(1.0 - keep * keep) * self.sigma
        self._east = keep * self._east + fresh * rng.gauss(0, 1)
        self._north = keep * self._north + fresh * rng.gauss(0, 1)
        return self._east, self._north

    def reported_accuracy(self, rng: Random) -> float:
        """The radius in metres that the phone tells; its own estimate wavers a little."""
        return self.sigma * RADIUS_68 * rng.uniform(0.9, 1.15)
