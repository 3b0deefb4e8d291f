"""A front-loading washing machine: fill, heat and wash, drain, rinse, spin; its bearing and its drain pump wear.

Heating: ``dT/dt = P / (m · c)`` with c = 4186 J/(kg·K).
Vibration: velocity in mm/s RMS as ISO 20816-1 measures machines. The tub hangs on soft springs, so that above their
resonance the displacement of an unbalance is constant and its velocity grows with the speed; a pitted bearing adds
energy that is independent of the load, so the two add as squares.
Motor current: friction grows with the bearing's wear, air drag with the square of the speed.
Draining: the pump's flow falls with what has collected in its sieve; slower than the controller allows is fault E18.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import ClassVar

from firmware_sim.said import Said, Setting

WATER_J_PER_KG_K = 4186.0
MAINS_V = 100.0
_SUBSTEP_S = 5.0
_DRAIN_LIMIT_S = 240.0
_REST_S = 600.0

PROGRAMME: tuple[str, ...] = ("fill", "wash", "drain", "fill", "rinse", "drain", "spin")
"""The phases of one programme, in order."""

_LASTS_S = {"wash": 900.0, "rinse": 360.0, "spin": 420.0}
_RPM = {"wash": 45.0, "rinse": 45.0}


@dataclass(slots=True)
class WashingMachine:
    """One machine. Water in litres (1 kg each), temperatures in °C, drum speed in 1/min, wear in lives."""

    SETTINGS: ClassVar[frozenset[str]] = frozenset(
        {
            "bearing_wear", "wear_per_hour", "pump_clog", "clog_per_hour", "laundry", "starts_at", "rest",
            "vibration_limit", "wash_temperature", "spin_speed",
        }
    )  # fmt: skip

    bearing_wear: float = 0.02
    wear_per_hour: float = 0.0005
    pump_clog: float = 0.0
    clog_per_hour: float = 0.0
    laundry: float = 4.0
    """Dry kilograms."""
    starts_at: float = 0.0
    """Which phase of ``PROGRAMME`` the machine is in at the start, by number."""
    rest: float = _REST_S
    """Seconds between two programmes; somebody also clears a fault in that time."""
    vibration_limit: float = 11.0
    """The controller stops the drum above this, in mm/s (fault E25)."""
    wash_temperature: float = 40.0
    spin_speed: float = 1200.0
    heater_w: float = 1100.0
    phase: str = ""
    water: float = 0.0
    water_temperature: float = 15.0
    drum_speed: float = 0.0
    vibration: float = 0.0
    heating: bool = False
    _number: int = -1
    _phase_s: float = 0.0
    _unbalance: float = 0.3

    def step(self, dt_seconds: float, rng: Random) -> list[Said]:
        """Run the programme for ``dt_seconds``; vibration is the highest seen, as the sensor's peak hold gives it."""
        events: list[Said] = []
        if self._number < 0:
            self._enter(int(self.starts_at) % len(PROGRAMME), rng)
        left, peak = dt_seconds, 0.0
        while left > 0:
            piece = min(left, _SUBSTEP_S)
            self._move(piece, rng, events)
            peak = max(peak, self.vibration)
            left -= piece
        return [Said("telemetry", self._readings(peak, rng)), *events]

    def drum_vibration(self, rpm: float) -> float:
        """Velocity in mm/s RMS at ``rpm``, for the present unbalance (kg at the drum's edge) and bearing."""
        share = rpm / 1200.0
        unbalance = 6.0 * self._unbalance * share
        bearing = 16.0 * self.bearing_wear * share
        return float((unbalance**2 + bearing**2) ** 0.5)

    def drain_flow(self) -> float:
        """Litres a second that the pump moves."""
        return 0.3 * max(0.0, 1.0 - self.pump_clog)

    def _enter(self, number: int, rng: Random) -> None:
        self._number, self._phase_s = number, 0.0
        self.phase = PROGRAMME[number] if number < len(PROGRAMME) else "idle"
        if self.phase == "spin":
            self._unbalance = min(0.8, max(0.05, rng.gauss(0.3, 0.1)))
        if self.phase == "fill":
            self.water_temperature = 15.0
        if self.phase in {"wash", "rinse"} and self.water < 1.0:
            self.water = self._target_level()

    def _target_level(self) -> float:
        return 8.0 + 2.0 * self.laundry

    def _move(self, dt: float, rng: Random, events: list[Said]) -> None:
        self._phase_s += dt
        self._wear(dt)
        self._water_and_heat(dt)
        self._drum(dt)
        fault = self._fault()
        if fault:
            events.append(Said("event", {"type": "fault", "code": fault, "phase": self.phase}))
            self._enter(len(PROGRAMME), rng)
        elif self._phase_done():
            self._next(rng, events)

    def _next(self, rng: Random, events: list[Said]) -> None:
        number = self._number + 1
        if number == len(PROGRAMME):
            events.append(Said("event", {"type": "programme_finished", "programme": "cotton"}))
        self._enter(0 if number > len(PROGRAMME) else number, rng)

    def _wear(self, dt: float) -> None:
        if self.drum_speed > 0:
            self.bearing_wear = min(1.0, self.bearing_wear + self.wear_per_hour * dt / 3600.0)
        self.pump_clog = min(1.0, self.pump_clog + self.clog_per_hour * dt / 3600.0)

    def _water_and_heat(self, dt: float) -> None:
        if self.phase == "fill":
            self.water = min(self._target_level(), self.water + 0.13 * dt)
        elif self.phase in {"drain", "idle"}:
            self.water = max(0.0, self.water - self.drain_flow() * dt)
        self.heating = self.phase == "wash" and self.water > 1 and self.water_temperature < self.wash_temperature
        if self.heating:
            self.water_temperature += self.heater_w * dt / ((self.water + self.laundry) * WATER_J_PER_KG_K)

    def _drum(self, dt: float) -> None:
        target = self.spin_speed if self.phase == "spin" else _RPM.get(self.phase, 0.0)
        ramp = 15.0 * dt
        self.drum_speed += min(ramp, max(-4 * ramp, target - self.drum_speed))
        self.vibration = self.drum_vibration(self.drum_speed)

    def _fault(self) -> str | None:
        if self.phase == "drain" and self.water > 0 and self._phase_s > _DRAIN_LIMIT_S:
            return "E18"
        if self.phase == "spin" and self.vibration > self.vibration_limit:
            return "E25"
        return None

    def _phase_done(self) -> bool:
        if self.phase == "fill":
            return self.water >= self._target_level()
        if self.phase == "drain":
            return self.water <= 0
        if self.phase == "idle":
            return self._phase_s >= self.rest
        return self._phase_s >= _LASTS_S[self.phase] and not self.heating

    def _motor_current(self) -> float:
        share = self.drum_speed / 1200.0
        if share <= 0:
            return 0.0
        return 1.0 + 0.15 * self.laundry + 1.5 * self.bearing_wear * share + 2.5 * share**2

    def _readings(self, peak: float, rng: Random) -> dict[str, Setting]:
        current = self._motor_current()
        power = 4.0 + current * MAINS_V * 0.9 + (self.heater_w if self.heating else 0.0)
        return {
            "phase": self.phase,
            "water_level": round(self.water, 1),
            "water_temperature": round(self.water_temperature + rng.gauss(0, 0.1), 1),
            "drum_speed": round(self.drum_speed),
            "vibration": round(peak * rng.uniform(0.97, 1.03), 2),
            "motor_current": round(current * rng.uniform(0.98, 1.02), 2),
            "power": round(power, 1),
        }
