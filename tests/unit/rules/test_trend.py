"""The line, against plain definitions, a textbook and simulation."""

from __future__ import annotations

import math
import random
from itertools import combinations
from statistics import NormalDist, median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.trend import fit, typical_step

HOUR = 3_600_000

points = st.lists(
    st.tuples(st.integers(1, 10**7), st.floats(-1000, 1000, width=32)), min_size=3, max_size=30
)  # (ms after the one before, value)


def placed(drawn: list[tuple[int, float]]) -> tuple[list[int], list[float]]:
    times, now = [], 1_750_000_000_000
    for pause, _ in drawn:
        now += pause
        times.append(now)
    return times, [value for _, value in drawn]


@settings(deadline=None)
@given(points)
def test_is_the_median_of_all_slopes_and_of_what_is_left(drawn: list[tuple[int, float]]) -> None:
    times, values = placed(drawn)
    trend = fit(times, values)
    pairs = list(zip(times, values, strict=True))
    slope = median((late - early) / (b - a) for (a, early), (b, late) in combinations(pairs, 2))
    level = median(value - slope * (at - times[-1]) for at, value in pairs)
    assert trend.slope == pytest.approx(slope, rel=1e-9, abs=1e-15)
    assert trend.level == pytest.approx(level, rel=1e-9, abs=1e-6)


def test_gives_the_slope_of_the_textbook() -> None:
    # Hollander, Wolfe, Chicken: Nonparametric Statistical Methods, example 9.1: rain after cloud seeding, year by year.
    trend = fit([1, 2, 3, 4, 5], [1.26, 1.27, 1.12, 1.16, 1.03])
    assert trend.slope == pytest.approx(-0.05625)
    assert len(trend.slopes) == 10


def test_nearly_a_third_of_wild_points_do_not_spoil_it() -> None:
    chance = random.Random(4)
    times = [hour * HOUR for hour in range(40)]
    values = [100 - hour + chance.gauss(0, 0.1) for hour in range(40)]
    for wild in chance.sample(range(40), 11):
        values[wild] = chance.uniform(-1e6, 1e6)
    trend = fit(times, values)
    assert trend.slope * HOUR == pytest.approx(-1, rel=0.1)
    reached = trend.meets(40)
    assert reached is not None
    assert reached / HOUR == pytest.approx(60, abs=3)


@settings(deadline=None)
@given(points, st.floats(-2000, 2000), st.integers(1, 10**8), st.booleans())
def test_the_confidence_is_kendalls_test_turned_round(
    drawn: list[tuple[int, float]], limit: float, ahead: int, falling: bool
) -> None:
    times, values = placed(drawn)
    trend = fit(times, values)
    by = times[-1] + ahead
    needed = median((limit - value) / (by - at) for at, value in zip(times, values, strict=True))
    if any(math.isclose(slope, needed, rel_tol=1e-9, abs_tol=1e-18) for slope in trend.slopes):
        return  # a tie is decided by rounding
    count = len(times)
    rests = [value - needed * (at - by) for at, value in zip(times, values, strict=True)]
    surplus = sum((a > b) - (a < b) for a, b in combinations(rests, 2)) * (1 if falling else -1)
    surplus -= (surplus > 0) - (surplus < 0)
    z = surplus / math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    mean = sum(times) / count
    spread = sum((at - mean) ** 2 for at in times) / count
    z /= math.sqrt(1 + math.pi / 2 * spread / (by - mean) ** 2) * trend.doubt
    assert trend.confidence(limit, by, falling=falling) == pytest.approx(NormalDist().cdf(z), abs=1e-6)


def wave(chance: random.Random, count: int, likeness: float, spread: float) -> list[float]:
    """Noise in which each value is like the one before."""
    rest, found = chance.gauss(0, spread), []
    for _ in range(count):
        found.append(rest)
        rest = likeness * rest + math.sqrt(1 - likeness**2) * chance.gauss(0, spread)
    return found


@pytest.mark.parametrize("count", [8, 20, 64])
@pytest.mark.parametrize("noise", [0.3, 3.0])
@pytest.mark.parametrize(("likeness", "excess"), [(0.0, 0.04), (0.5, 0.1)])
def test_the_confidence_that_it_states_is_kept(count: int, noise: float, likeness: float, excess: float) -> None:
    """Asked for the very moment at which the true line arrives, it is more than 80 % sure one time in five."""
    chance = random.Random(count)
    for ahead in (0.2, 1.0):
        times = [round((hour + chance.random() / 5) * HOUR) for hour in range(count)]
        by = times[-1] + round(ahead * count * HOUR)
        slope = -10 / (count * HOUR)
        stated = []
        for _ in range(300):
            noises = wave(chance, count, likeness, noise)
            values = [50 + slope * at + rest for at, rest in zip(times, noises, strict=True)]
            stated.append(fit(times, values).confidence(50 + slope * by, by, falling=True))
        assert 0.2 - 0.1 < sum(sure >= 0.8 for sure in stated) / 300 < 0.2 + 0.03 + excess
        assert sum(sure >= 0.95 for sure in stated) / 300 < 0.05 + excess
        assert 0.4 < sum(sure >= 0.5 for sure in stated) / 300 < 0.6


def test_the_time_that_it_states_is_near_the_true_one() -> None:
    chance = random.Random(2)
    times = [hour * HOUR for hour in range(64)]
    errors = []
    for _ in range(200):
        trend = fit(times, [100 - hour + chance.gauss(0, 2) for hour in range(64)])
        reached = trend.meets(0)
        assert reached is not None
        errors.append(abs(reached / HOUR - 100))
    assert median(errors) < 1
    assert max(errors) < 6


def test_a_flat_line_meets_nothing() -> None:
    assert fit([0, 1, 2, 3], [5.0, 5.0, 5.0, 5.0]).meets(1) is None
    assert fit([0, 1, 2, 3], [5.0, 5.0, 5.0, 5.0 - 1e-300]).meets(1) is None


def test_points_that_stray_together_are_doubted() -> None:
    chance = random.Random(6)
    times = list(range(64))
    assert fit(times, wave(chance, 64, 0.9, 1.0)).doubt > 2
    assert fit(times, [chance.gauss(0, 1) for _ in times]).doubt < 1.5
    assert fit(times, [float(at) for at in times]).doubt == 1


def test_a_step_is_the_median_of_them() -> None:
    assert typical_step([0, 10, 20, 90], [1, 2, 10, 9]) == (10, 1)
