"""What a benchmark hands back: figures with their units, and the command that makes them."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple


class Figure(NamedTuple):
    """One line of the table: one value, or the smallest, the median and the largest of several runs."""

    name: str
    unit: str
    values: tuple[float, ...]

    def cells(self) -> tuple[str, str, str, str]:
        """Name with unit, min, median, max; a single value stands under median."""
        name = f"{self.name} ({self.unit})" if self.unit else self.name
        if len(self.values) == 1:
            return name, "", written(self.values[0]), ""
        return name, written(min(self.values)), written(median(self.values)), written(max(self.values))


class Section(NamedTuple):
    """One benchmark's figures and how they came about."""

    name: str
    method: str
    figures: Sequence[Figure]


def written(value: float) -> str:
    """A number as a person wants it: three significant digits, thousands with a separator."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile of values in rising order.

    Raises:
        ValueError: there are no values.
    """
    if not ordered:
        raise ValueError("no values to take a percentile of")
    return ordered[min(len(ordered) - 1, max(0, round(percent / 100 * len(ordered) + 0.5) - 1))]
