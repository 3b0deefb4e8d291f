"""What is normal, on simulated signals: no alarm on what is, an alarm on what is not, and a new level is learned."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterable
from statistics import NormalDist, fmean, pstdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.normal import learn, newborn, normal

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
STEP = 5 * MINUTE
PER_DAY = DAY // STEP


def scores(values: Iterable[float], *, span: int, by_hour: bool = False, step: int = STEP) -> list[float]:
    """The score of each value, given those before it."""
    state, found = newborn(by_hour=by_hour), []
    for place, value in enumerate(values):
        at = place * step
        hour = at // HOUR % 24
        before = normal(state, value, hour)
        found.append(0.0 if before is None else (value - before.expected) / before.scale)
        learn(state, at, value, before, hour, span)
    return found


def noise(seed: int, days: float, likeness: float = 0.0) -> list[float]:
    """Standard normal values, each like the one before by ``likeness``."""
    chance = random.Random(seed)
    fresh = math.sqrt(1 - likeness**2)
    value, found = chance.gauss(0, 1), []
    for _ in range(round(days * PER_DAY)):
        found.append(value)
        value = likeness * value + fresh * chance.gauss(0, 1)
    return found


def wave(place: int) -> float:
    return 10 * math.sin(place / PER_DAY * 2 * math.pi)


def shift_work(place: int) -> float:
    return 10.0 if 8 <= place * 24 / PER_DAY % 24 < 20 else 0.0


@pytest.mark.parametrize("likeness", [0.0, 0.9, 0.98])
@pytest.mark.parametrize(
    ("rhythm", "by_hour", "span_days"),
    [(None, False, 2), (None, True, 2), (wave, False, 2), (wave, True, 2), (wave, True, 7), (shift_work, True, 7)],
)
def test_a_month_of_what_is_normal_gives_no_alarm(
    likeness: float, rhythm: Callable[[int], float] | None, by_hour: bool, span_days: int
) -> None:
    rests = noise(1, 30, likeness)
    values = [50 + rest + (rhythm(place) if rhythm else 0) for place, rest in enumerate(rests)]
    found = scores(values, span=span_days * DAY, by_hour=by_hour)[span_days * PER_DAY :]
    assert max(map(abs, found)) < 5


def test_the_score_is_a_standard_deviation() -> None:
    found = scores(noise(3, 30), span=2 * DAY)[2 * PER_DAY :]
    assert fmean(found) == pytest.approx(0, abs=0.05)
    assert pstdev(found) == pytest.approx(1, abs=0.05)
    beyond = sum(abs(score) > 3 for score in found) / len(found)
    assert beyond == pytest.approx(2 * NormalDist().cdf(-3), abs=0.002)


@pytest.mark.parametrize(("by_hour", "span_days"), [(False, 2), (True, 7)])
def test_spikes_and_shifts_are_seen_at_once(by_hour: bool, span_days: int) -> None:
    for seed in range(3):
        values = [50 + rest + (wave(place) if by_hour else 0) for place, rest in enumerate(noise(seed, 20, 0.9))]
        spiked = [*values]
        spiked[15 * PER_DAY + 17] += 11
        assert scores(spiked, span=span_days * DAY, by_hour=by_hour)[15 * PER_DAY + 17] >= 5
        shifted = [value + (11 if place >= 15 * PER_DAY else 0) for place, value in enumerate(values)]
        found = scores(shifted, span=span_days * DAY, by_hour=by_hour)
        assert max(found[15 * PER_DAY : 15 * PER_DAY + 6]) >= 5


@pytest.mark.parametrize("size", [10, 100, 1000])
def test_a_level_that_lasts_is_learned_but_not_at_once(size: float) -> None:
    span = 2 * DAY
    values = [rest + (size if place >= 5 * PER_DAY else 0) for place, rest in enumerate(noise(4, 12))]
    after = scores(values, span=span)[5 * PER_DAY :]
    assert min(after[: PER_DAY // 6]) > 2.5  # for four hours at least
    assert max(map(abs, after[round(1.6 * 2 * PER_DAY) :])) < 2.5


def test_an_anomaly_that_is_over_leaves_little_behind() -> None:
    values = noise(5, 12)
    disturbed = [value + (50 if 6 * PER_DAY <= place < 6 * PER_DAY + 6 else 0) for place, value in enumerate(values)]
    clean, found = scores(values, span=2 * DAY), scores(disturbed, span=2 * DAY)
    later = range(6 * PER_DAY + 6, 7 * PER_DAY)
    assert fmean(abs(found[place]) for place in later) > 0.85 * fmean(abs(clean[place]) for place in later)


def test_a_state_that_takes_up_a_quarter_of_the_time_is_normal() -> None:
    values = [rest + (20 if place % 12 < 3 else 0) for place, rest in enumerate(noise(6, 14))]
    assert max(map(abs, scores(values, span=2 * DAY)[2 * PER_DAY :])) < 5


def test_an_hour_has_a_normal_of_its_own() -> None:
    values = [50 + rest + shift_work(place) for place, rest in enumerate(noise(7, 21))]
    night = 20 * PER_DAY + 2 * HOUR // STEP
    values[night] = 60  # as by day
    assert abs(scores(values, span=7 * DAY)[night]) < 2.5
    assert scores(values, span=7 * DAY, by_hour=True)[night] > 5


def test_how_often_samples_come_does_not_matter() -> None:
    chance = random.Random(8)
    often = [chance.gauss(3, 1) for _ in range(4 * 1440)]
    state, every_minute = newborn(by_hour=False), newborn(by_hour=False)
    at = 0
    for place, value in enumerate(often):
        learn(every_minute, place * MINUTE, value, normal(every_minute, value, 0), 0, 2 * DAY)
        if chance.random() < 0.1:
            at = place * MINUTE
            learn(state, at, value, normal(state, value, 0), 0, 2 * DAY)
    sparse, dense = normal(state, 3, 0), normal(every_minute, 3, 0)
    assert sparse is not None
    assert dense is not None
    assert sparse.expected == pytest.approx(dense.expected, abs=0.25)
    assert sparse.scale == pytest.approx(dense.scale, rel=0.15)


def test_one_sample_after_a_long_silence_is_not_all_that_counts() -> None:
    state = newborn(by_hour=False)
    for place, value in enumerate(noise(9, 3)):
        learn(state, place * STEP, value, normal(state, value, 0), 0, 2 * DAY)
    learn(state, 60 * DAY, 1000.0, normal(state, 1000.0, 0), 0, 2 * DAY)
    after = normal(state, 0.0, 0)
    assert after is not None
    assert abs(after.expected) < 0.5
    assert after.scale < 1.5


@pytest.mark.parametrize(("level", "flicker"), [(20.0, 20.1), (0, 1), (0.0, 0.1), (1013.2, 1013.3), (-5, -5.04)])
def test_the_first_flicker_of_a_constant_is_no_alarm_and_a_jump_is(level: float, flicker: float) -> None:
    steady = [level] * 2000
    assert abs(scores([*steady, flicker], span=2 * DAY)[-1]) <= 1.000001
    assert abs(scores([*steady, level + 60], span=2 * DAY)[-1]) > 5


def test_flickers_of_the_smallest_step_are_no_alarm() -> None:
    chance = random.Random(10)
    values = [20.0 + (0.5 if chance.random() < 0.01 else 0) for _ in range(5000)]
    assert max(scores(values, span=2 * DAY)) < 3
    assert scores([*values, 25.0], span=2 * DAY)[-1] > 5


@settings(deadline=None)
@given(
    st.lists(st.floats(-1e100, 1e100) | st.integers(-(2**63), 2**63), min_size=1, max_size=80),
    st.lists(st.integers(1, 10**10), min_size=80, max_size=80),
    st.booleans(),
)
def test_is_always_finite_and_plain(values: list[float], pauses: list[int], by_hour: bool) -> None:
    state, at = newborn(by_hour=by_hour), 1_750_000_000_000
    for value, pause in zip(values, pauses, strict=False):
        at += pause
        before = normal(state, value, at // HOUR % 24)
        if before is not None:
            assert math.isfinite(before.expected)
            assert math.isfinite(before.scale)
            assert before.scale > 0
        learn(state, at, value, before, at // HOUR % 24, 2 * DAY)
    assert json.loads(json.dumps(state)) == state
    assert sum(len(part) for part in state if isinstance(part, list)) <= 15 + 72
