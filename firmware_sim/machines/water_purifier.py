"""A water purifier: pump, filter cartridge, UV lamp and a small tank that people draw from.

Hydraulics: the pump gives a fixed pressure; filter and housing are two resistances in series, so
``flow = p / (R_housing + R_filter)`` and the filter takes ``flow · R_filter`` of it (Darcy's law: loss ∝ flow).
Clogging: cake filtration, ``R = R₀ · (1 + k · V)``, V litres filtered (Hermia 1982).
Dissolved solids: a share of the inlet's passes; it rises once the cartridge's rated litres are used up.
Lamp: output falls exponentially with burning hours; mercury lamps are sold as 60 % left after 9,000 h.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from firmware_sim.said import Said, Setting

_SUBSTEP_S = 15.0
_HOUSING_KPA_PER_LPM = 90.0
_CLEAN_KPA_PER_LPM = 35.0
_LAMP_DECAY_PER_H = -math.log(0.6) / 9_000.0


@dataclass(slots=True)
class WaterPurifier:
    """One purifier. Pressure in kPa, flow in l/min, solids in mg/l (ppm), water in litres."""

    SETTINGS: ClassVar[frozenset[str]] = frozenset(
        {"filtered", "clog_per_litre", "inlet_solids", "rated_litres", "lamp_hours", "litres_per_hour", "silt"}
    )

    pump_kpa: float = 300.0
    filtered: float = 400.0
    """Litres since the cartridge was changed."""
    clog_per_litre: float = 0.0004
    silt: float = 1.0
    """How dirty the inlet is: multiplies the clogging of each litre."""
    inlet_solids: float = 180.0
    rated_litres: float = 3_000.0
    lamp_hours: float = 1_200.0
    litres_per_hour: float = 24.0
    """What people draw."""
    tank: float = 5.0
    tank_size: float = 8.0
    cake: float = 0.0
    """Resistance of the cake over that of the clean filter; grows with silt beyond what ``filtered`` explains."""
    flow: float = 0.0
    _pumping: bool = False
    _due_litres: float = 0.0

    def filter_resistance(self) -> float:
        """Resistance of the cartridge, in kPa for each l/min."""
        return _CLEAN_KPA_PER_LPM * (1.0 + self.clog_per_litre * self.filtered + self.cake)

    def pumped_flow(self) -> float:
        """l/min while the pump runs."""
        return self.pump_kpa / (_HOUSING_KPA_PER_LPM + self.filter_resistance())

    def filter_pressure(self) -> float:
        """Differential pressure over the cartridge in kPa while the pump runs."""
        return self.pumped_flow() * self.filter_resistance()

    def outlet_solids(self) -> float:
        """Solids in mg/l behind the cartridge: a tenth passes a fresh one, more an exhausted one, at most all."""
        worn = max(0.0, self.filtered / self.rated_litres - 1.0)
        return self.inlet_solids * min(1.0, 0.1 + 0.3 * worn)

    def step(self, dt_seconds: float, rng: Random) -> list[Said]:
        """Let people draw water and the pump refill the tank, then read the sensors."""
        left = dt_seconds
        while left > 0:
            piece = min(left, _SUBSTEP_S)
            self._draw(piece, rng)
            self._pump(piece)
            self.lamp_hours += piece / 3600.0
            left -= piece
        return [Said("telemetry", self._readings(rng))]

    def _draw(self, dt: float, rng: Random) -> None:
        glasses_per_hour = self.litres_per_hour / 0.5
        if rng.random() < 1.0 - math.exp(-glasses_per_hour * dt / 3600.0):
            self.tank = max(0.0, self.tank - rng.uniform(0.2, 0.8))

    def _pump(self, dt: float) -> None:
        if self.tank < 0.8 * self.tank_size:
            self._pumping = True
        self.flow = self.pumped_flow() if self._pumping else 0.0
        litres = min(self.flow * dt / 60.0, self.tank_size - self.tank)
        self.tank += litres
        self.filtered += litres
        self.cake += self.clog_per_litre * (self.silt - 1.0) * litres
        if self.tank >= self.tank_size:
            self._pumping = False

    def _readings(self, rng: Random) -> dict[str, Setting]:
        lamp = math.exp(-_LAMP_DECAY_PER_H * self.lamp_hours)
        return {
            "filter_pressure": round(self.filter_pressure() * rng.uniform(0.99, 1.01), 1),
            "flow": round(self.pumped_flow() * rng.uniform(0.99, 1.01), 3),
            "pumping": self.flow > 0,
            "pump_current": round(0.4 + 0.003 * self.filter_pressure() if self.flow > 0 else 0.02, 2),
            "tds": round(self.outlet_solids() * rng.uniform(0.98, 1.02), 1),
            "filter_life": round(max(0.0, self.rated_litres - self.filtered), 1),
            "uv_hours": round(self.lamp_hours, 2),
            "uv_intensity": round(100.0 * lamp, 1),
            "tank_level": round(self.tank, 2),
        }
