"""A commercial refrigerated cabinet: air and goods as one heat capacity, cooled by a compressor that ages.

Heat balance (first law, one lumped node)::

    C · dT/dt = (UA + UA_door·open) · (T_ambient - T) + Q_defrost - Q_cooling · compressor_on

Cooling: rated capacity, less 1 % for each kelvin that the condenser is above its design temperature (the slope that
compressor makers' EN 12900 tables show for R290 and R134a at medium temperature), times what the refrigerant charge
still allows (flat down to four fifths of the charge, then falling to nothing as liquid no longer fills the evaporator).

Power: ``Q / COP`` with ``COP = 0.45 · T_e / (T_c - T_e)`` in kelvin, a constant share of Carnot (Granryd et al.,
"Refrigerating Engineering", ch. 2). A starved compressor moves less gas, yet never under half of its power.

Condenser: ``T_c = T_ambient + (Q + P) / (UA_c · (1 - fouling))``; dust lowers its conductance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from firmware_sim.said import Said

KELVIN = 273.15
MAINS_V = 100.0
POWER_FACTOR = 0.85
_SUBSTEP_S = 10.0
_CARNOT_SHARE = 0.45
_EVAPORATOR_BELOW_CABINET_K = 10.0
_DESIGN_CONDENSER_C = 40.0
_CONDENSER_TIME_S = 120.0
_MIN_OFF_S = 150.0
_FANS_W = 25.0


@dataclass(slots=True)
class Chiller:
    """One cabinet. Temperatures in °C, power in W, conductances in W/K, the heat capacity in J/K, wear as fractions."""

    SETTINGS: ClassVar[frozenset[str]] = frozenset(
        {
            "ambient", "setpoint", "temperature", "charge", "leak_per_hour", "fouling", "fouling_per_hour",
            "door_held_open", "openings_per_hour", "compressor_dead", "defrost_every_hours", "defrost_after_hours",
        }
    )  # fmt: skip

    ambient: float = 25.0
    setpoint: float = 4.0
    hysteresis: float = 1.0
    temperature: float = 4.0
    heat_capacity: float = 60_000.0
    wall_conductance: float = 8.0
    door_conductance: float = 45.0
    condenser_conductance: float = 40.0
    capacity_rated: float = 500.0
    charge: float = 1.0
    """Refrigerant left, 1 is full."""
    leak_per_hour: float = 0.0
    """Share of the remaining charge lost in an hour: a leak slows down as its pressure falls."""
    fouling: float = 0.0
    fouling_per_hour: float = 0.0
    compressor_dead: bool = False
    door_held_open: bool = False
    openings_per_hour: float = 12.0
    defrost_every_hours: float = 6.0
    defrost_after_hours: float = 5.0
    """Hours until the next defrost."""
    compressor_on: bool = False
    condenser_temperature: float = 27.0
    power: float = 0.0
    energy_wh: float = 0.0
    _door_open_s: float = 0.0
    _off_s: float = 1e9
    _defrost_s: float = 0.0

    @property
    def door_open(self) -> bool:
        """Whether warm air comes in."""
        return self.door_held_open or self._door_open_s > 0

    def capacity(self) -> float:
        """Heat that the compressor would take out of the cabinet now if it ran, in W; never negative."""
        if self.compressor_dead:
            return 0.0
        hot = 1.0 - 0.01 * max(0.0, self.condenser_temperature - _DESIGN_CONDENSER_C)
        return self.capacity_rated * max(0.0, hot) * charge_factor(self.charge)

    def step(self, dt_seconds: float, rng: Random) -> list[Said]:
        """Let time pass in pieces short against the cabinet's time constants, then read the sensors."""
        left = dt_seconds
        opened = False
        while left > 0:
            piece = min(left, _SUBSTEP_S)
            self._people(piece, rng)
            self._age(piece)
            self._thermostat(piece)
            self._heat(piece)
            opened = opened or self.door_open
            left -= piece
        return [Said("telemetry", self._readings(opened, rng))]

    def _people(self, dt: float, rng: Random) -> None:
        self._door_open_s = max(0.0, self._door_open_s - dt)
        if rng.random() < 1.0 - math.exp(-self.openings_per_hour * dt / 3600.0):
            self._door_open_s = rng.uniform(4.0, 20.0)

    def _age(self, dt: float) -> None:
        self.charge *= math.exp(-self.leak_per_hour * dt / 3600.0)
        self.fouling = min(0.95, self.fouling + self.fouling_per_hour * dt / 3600.0)

    def _thermostat(self, dt: float) -> None:
        self.defrost_after_hours -= dt / 3600.0
        if self.defrost_after_hours <= 0:
            self.defrost_after_hours += self.defrost_every_hours
            self._defrost_s = 480.0
        self._defrost_s = max(0.0, self._defrost_s - dt)
        self._off_s = 0.0 if self.compressor_on else self._off_s + dt
        if self.compressor_dead or self._defrost_s > 0 or self.temperature < self.setpoint - self.hysteresis:
            self.compressor_on = False
        elif self.temperature > self.setpoint + self.hysteresis and self._off_s >= _MIN_OFF_S:
            self.compressor_on = True

    def _heat(self, dt: float) -> None:
        cooling = self.capacity() if self.compressor_on else 0.0
        self.power = _FANS_W + (self._compressor_power() if self.compressor_on else 0.0)
        self.energy_wh += self.power * dt / 3600.0
        conductance = self.wall_conductance + (self.door_conductance if self.door_open else 0.0)
        gain = conductance * (self.ambient - self.temperature)
        self.temperature += (gain - cooling) * dt / self.heat_capacity
        rejected = cooling + self.power - _FANS_W
        target = self.ambient + rejected / (self.condenser_conductance * (1.0 - self.fouling))
        share = 1.0 - math.exp(-dt / _CONDENSER_TIME_S)
        self.condenser_temperature += (target - self.condenser_temperature) * share

    def _compressor_power(self) -> float:
        evaporating = self.temperature - _EVAPORATOR_BELOW_CABINET_K + KELVIN
        lift = max(5.0, self.condenser_temperature + KELVIN - evaporating)
        full = self.capacity_rated * lift / (_CARNOT_SHARE * evaporating)
        return full * (0.5 + 0.5 * charge_factor(self.charge))

    def _readings(self, opened: bool, rng: Random) -> dict[str, float | bool | str]:
        compressor = max(0.0, self.power - _FANS_W)
        return {
            "temperature": round(self.temperature + rng.gauss(0, 0.05), 2),
            "condenser_temperature": round(self.condenser_temperature + rng.gauss(0, 0.1), 1),
            "compressor_on": self.compressor_on,
            "compressor_current": round(compressor / (MAINS_V * POWER_FACTOR), 2),
            "power": round(self.power, 1),
            "energy": round(self.energy_wh, 2),
            "door_open": opened,
        }


def charge_factor(charge: float) -> float:
    """Share of the rated capacity that a refrigerant charge (1 is full) still gives; 0 to 1, rising with the charge."""
    return min(1.0, max(0.0, (charge - 0.3) / 0.5))
