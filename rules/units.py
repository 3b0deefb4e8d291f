"""Units that limits are written in: their spellings, and the way from one to another of the same quantity.

Factors are exact, as the units are defined (SI Brochure, 9th edition, BIPM), in multiples of the quantity's first unit.
"""

from __future__ import annotations

from typing import NamedTuple


class _Unit(NamedTuple):
    quantity: str
    factor: float
    """One of it in the quantity's own unit."""
    zero: float = 0.0
    """Its zero in the quantity's own unit."""


_UNITS: dict[str, _Unit] = {
    "K": _Unit("temperature", 1),
    "°C": _Unit("temperature", 1, 273.15),
    "°F": _Unit("temperature", 5 / 9, 459.67 * 5 / 9),
    "m": _Unit("length", 1),
    "mm": _Unit("length", 0.001),
    "cm": _Unit("length", 0.01),
    "km": _Unit("length", 1000),
    "s": _Unit("time", 1),
    "ms": _Unit("time", 0.001),
    "min": _Unit("time", 60),
    "h": _Unit("time", 3600),
    "d": _Unit("time", 86_400),
    "g": _Unit("mass", 0.001),
    "kg": _Unit("mass", 1),
    "L": _Unit("volume", 1),
    "mL": _Unit("volume", 0.001),
    "m³": _Unit("volume", 1000),
    "Pa": _Unit("pressure", 1),
    "hPa": _Unit("pressure", 100),
    "kPa": _Unit("pressure", 1000),
    "bar": _Unit("pressure", 100_000),
    "W": _Unit("power", 1),
    "kW": _Unit("power", 1000),
    "Wh": _Unit("energy", 1),
    "kWh": _Unit("energy", 1000),
    "V": _Unit("voltage", 1),
    "mV": _Unit("voltage", 0.001),
    "A": _Unit("current", 1),
    "mA": _Unit("current", 0.001),
    "Hz": _Unit("frequency", 1),
    "rpm": _Unit("frequency", 1 / 60),
    "m/s": _Unit("speed", 1),
    "km/h": _Unit("speed", 1 / 3.6),
    "mm/s": _Unit("speed", 0.001),
    "%": _Unit("share", 1),
}

_SPELLINGS = {
    "C": "°C", "degC": "°C", "℃": "°C", "F": "°F", "degF": "°F", "℉": "°F", "l": "L", "ml": "mL", "m3": "m³",
    "sec": "s", "minutes": "min", "hours": "h", "days": "d",
}  # fmt: skip


def unit_named(text: str) -> str:
    """The one spelling of a unit that may be written in several ways: ``C`` is ``°C``. Others stay as they are."""
    return _SPELLINGS.get(text, text)


def converted(value: float, unit: str, to: str) -> float | None:
    """``value`` in another unit; ``None`` where there is no way from one to the other."""
    before, after = _UNITS.get(unit), _UNITS.get(to)
    if before is None or after is None or before.quantity != after.quantity:
        return None
    return round((value * before.factor + before.zero - after.zero) / after.factor, 9)
