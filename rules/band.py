"""Bands: the values of a metric among which a condition does not change its mind.

A band is a closed interval ``(low, high)``. What lies within it: numbers (``int`` or ``float``, not truth values) from
``low`` to ``high``, and, unless ``low`` is infinite above (``NOTHING``), the newest sample's own value once more, of
whatever kind. See ``Condition.quiet`` for what a band promises and docs/explanation/engine-speed.md for what it is for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

Band = tuple[float, float]

ANYTHING: Band = (-math.inf, math.inf)
"""Every number."""
REPEATS: Band = (1.0, -1.0)
"""No number; only the newest sample's own value."""
NOTHING: Band = (math.inf, -math.inf)
"""Not even a repetition: the next sample of the metric has to be asked about."""


class Quiet(NamedTuple):
    """What a condition says of the readings to come."""

    truth: bool | None
    """What ``on_event`` came to, and will come to."""
    bands: Mapping[str, Band]
    """By metric, and ``ANY_DATA`` for anything heard. What is left out does not matter, whatever it is."""


def above(limit: float) -> Band:
    """Numbers larger than ``limit``; one that no ``float`` can tell from it may be left out."""
    try:
        return math.nextafter(limit, math.inf), math.inf
    except OverflowError:  # an int beyond all floats
        return REPEATS


def below(limit: float) -> Band:
    """Numbers smaller than ``limit``; one that no ``float`` can tell from it may be left out."""
    try:
        return -math.inf, math.nextafter(limit, -math.inf)
    except OverflowError:
        return REPEATS


def common(many: Iterable[Mapping[str, Band]]) -> dict[str, Band]:
    """What lies within all of the bands."""
    found: dict[str, Band] = {}
    for bands in many:
        for metric, band in bands.items():
            other = found.get(metric)
            found[metric] = band if other is None else (max(band[0], other[0]), min(band[1], other[1]))
    return found
