"""A robust straight line through a few dozen points, and when it meets a limit: Theil and Sen's estimator.

The slope is the median of the slopes between all pairs of points, so up to 29 % of the points may be anything at all
without spoiling it. See P. K. Sen, "Estimates of the regression coefficient based on Kendall's tau", Journal of the
American Statistical Association 63 (1968), which also gives the interval for the slope that the confidence here rests
on: a slope is as plausible as Kendall's rank test finds no trend left once it is taken out.

numpy, because for 64 points (2,016 pairs) it takes 23 µs where plain lists take 285 µs.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from devices.event import Millis

_Floats = NDArray[np.float64]

MAD_TO_SIGMA = 1.4826
"""From the median absolute deviation to the standard deviation of a normal distribution."""
_MEDIAN_VARIANCE = math.pi / 2
"""How much more a median varies than a mean, for normal noise."""
_SIGNIFICANT = 1.0
"""Autocorrelation smaller than this many standard errors is taken for chance."""
_FARTHEST: Millis = 100 * 366 * 24 * 3600 * 1000
"""A line that meets its limit in more than a hundred years is flat."""


class Trend(NamedTuple):
    """A line, and how far it can be trusted. Times in ms since the epoch, slopes in units per ms."""

    at: Millis
    """The newest point's time."""
    level: float
    """The line's value at ``at``."""
    slope: float
    spread: float
    """The standard deviation of the points about the line, robustly estimated."""
    doubt: float
    """By how much points that follow each other stray together: 1 where each is independent, else more."""
    ages: _Floats
    """Times of the points relative to ``at``: 0 or negative, in ms."""
    values: _Floats
    slopes: _Floats
    """Of all pairs of points, in ascending order."""

    def value(self, at: Millis) -> float:
        """The line's value at ``at``."""
        return self.level + self.slope * (at - self.at)

    def meets(self, limit: float) -> Millis | None:
        """When the line meets ``limit``: in the past where it has; ``None`` where it is (nearly) flat."""
        if self.slope == 0:
            return None
        ahead = (limit - self.level) / self.slope
        return self.at + round(ahead) if abs(ahead) <= _FARTHEST else None

    def confidence(self, limit: float, by: Millis, *, falling: bool) -> float:
        """How sure it is, from 0 to 1, that the line is at ``limit`` or beyond it at ``by``.

        Of all lines through the middle of the points, one with the slope ``needed`` just makes it. How sure it is that
        the true slope is steeper than that is the normal probability of Kendall's S for the slopes between pairs (Sen's
        interval turned round), toned down for what the level itself is uncertain, and for points that stray together.
        """
        ahead = float(by - self.at) - self.ages
        needed = float(np.median((limit - self.values) / ahead))
        below = int(np.searchsorted(self.slopes, needed, side="left"))
        not_above = int(np.searchsorted(self.slopes, needed, side="right"))
        count, pairs = len(self.values), len(self.slopes)
        surplus = below + not_above - pairs  # pairs below, less pairs above
        if not falling:
            surplus = -surplus
        surplus -= (surplus > 0) - (surplus < 0)  # a step of S is 2: the continuity correction
        sigma = math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
        mean_ahead = float(ahead.mean())
        level_doubt = 1 + _MEDIAN_VARIANCE * float(self.ages.var()) / (mean_ahead * mean_ahead)
        z = surplus / sigma / math.sqrt(level_doubt) / self.doubt
        return 0.5 * math.erfc(-z / math.sqrt(2))


def fit(times: Sequence[Millis], values: Sequence[float]) -> Trend:
    """The line through the points.

    Args:
        times: in ms, ascending, all different; at least two.
        values: beside them; finite.
    """
    at = times[-1]
    ages = np.array([float(each - at) for each in times])
    levels = np.array(values, dtype=np.float64)
    first, second = _pairs(len(times))
    slopes = (levels[second] - levels[first]) / (ages[second] - ages[first])
    slopes.sort()
    slope = float(np.median(slopes))
    rests = levels - slope * ages
    level = float(np.median(rests))
    rests -= level
    spread = MAD_TO_SIGMA * float(np.median(np.abs(rests)))
    return Trend(at, level, slope, spread, _doubt(rests), ages, levels, slopes)


def typical_step(times: Sequence[Millis], values: Sequence[float]) -> tuple[float, float]:
    """The median time (ms) and the median distance between points that follow each other; at least two."""
    steps = np.abs(np.diff(np.array(values, dtype=np.float64)))
    return float(np.median(np.diff(np.array(times)))), float(np.median(steps))


def _doubt(rests: _Floats) -> float:
    """By how much a first-order autocorrelation of ``rests`` widens intervals: √((1 + ρ)/(1 - ρ))."""
    power = float(rests @ rests)
    if power == 0:
        return 1.0
    rho = float(rests[:-1] @ rests[1:]) / power
    if rho * math.sqrt(len(rests)) <= _SIGNIFICANT:
        return 1.0
    rho = min(rho + (1 + 4 * rho) / len(rests), 0.95)  # few points about a fitted line seem less alike than they are
    return math.sqrt((1 + rho) / (1 - rho))


@functools.lru_cache(maxsize=128)
def _pairs(count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    first, second = np.triu_indices(count, 1)
    return first, second
