"""A person on foot: walks a route, stops here and there, stays in a store, looks around, leaves.

Free walking speed is normally distributed around 1.34 m/s with 0.26 m/s between people (Weidmann, "Transporttechnik der
Fussgänger", 1993); inside a store people stroll at about a third of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from firmware_sim.people.gps import Gps
from firmware_sim.people.ground import Place
from firmware_sim.said import Said

_SUBSTEP_S = 1.0
_STROLL = 0.35


@dataclass(slots=True)
class Leg:
    """Walk to ``to``, then stay for ``stay`` seconds, strolling within ``stroll`` metres of it."""

    to: Place
    stay: float = 0.0
    stroll: float = 0.0


@dataclass(slots=True)
class Walker:
    """One person with a phone. ``pace`` in m/s, ``pauses_per_hour`` short stops (traffic lights, shop windows)."""

    at: Place
    route: list[Leg]
    gps: Gps = field(default_factory=Gps)
    pace: float = 1.34
    pauses_per_hour: float = 20.0
    sets_off_after: float = 0.0
    """Seconds before the first step."""
    _leg: int = 0
    _stayed: float = 0.0
    _pause: float = 0.0
    _aim: Place | None = None

    @property
    def arrived(self) -> bool:
        """Whether the whole route lies behind."""
        return self._leg >= len(self.route)

    def step(self, dt_seconds: float, rng: Random) -> list[Said]:
        """Walk for ``dt_seconds``, then take a fix."""
        left = dt_seconds
        while left > 0:
            piece = min(left, _SUBSTEP_S)
            self._walk(piece, rng)
            left -= piece
        fix = self.at.moved(*self.gps.error(dt_seconds, rng))
        accuracy = round(self.gps.reported_accuracy(rng), 1)
        return [Said("location", {"lat": round(fix.lat, 7), "lon": round(fix.lon, 7), "accuracy": accuracy})]

    def _walk(self, dt: float, rng: Random) -> None:
        if self.sets_off_after > 0:
            self.sets_off_after -= dt
        elif self._pause > 0:
            self._pause -= dt
        elif not self.arrived:
            self._follow(self.route[self._leg], dt, rng)

    def _follow(self, leg: Leg, dt: float, rng: Random) -> None:
        if self._aim is None:
            if rng.random() < self.pauses_per_hour * dt / 3600.0:
                self._pause = rng.uniform(3.0, 12.0)
                return
            if self._go(leg.to, self.pace * dt):
                self._aim = leg.to
            return
        self._stayed += dt
        if self._stayed >= leg.stay:
            self._leg, self._stayed, self._aim = self._leg + 1, 0.0, None
        elif self._go(self._aim, self.pace * _STROLL * dt):
            self._aim = leg.to.towards(rng.uniform(0, 360), leg.stroll * rng.random() ** 0.5)

    def _go(self, to: Place, metres: float) -> bool:
        """Move up to ``metres`` towards ``to``; whether it was reached."""
        east, north = self.at.offset(to)
        distance = (east * east + north * north) ** 0.5
        if distance <= metres:
            self.at = to
            return True
        self.at = self.at.moved(east * metres / distance, north * metres / distance)
        return False
