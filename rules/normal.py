"""What is normal for a signal: learned online from its samples, robustly, in a few plain numbers.

Location and scale are exponentially weighted estimates after Huber (P. J. Huber, "Robust estimation of a location
parameter", Annals of Mathematical Statistics 35, 1964): a sample moves them as if it lay at most three scales away. So
what is unusual does not teach itself as normal at once. But since the scale grows a little each time, a level that
lasts is learned within about one span, and so is a state that takes up more than a ninth of the time. Weights are
elapsed time, not samples, so irregular sampling does no harm; while less than a span has been seen, all of it weighs
the same.

By hour of the day, each of 24 cells learns a location and a scale of its own. Until it has been visited a few times it
is blended with what holds for the whole day, and its scale leans on that of all cells together: an hour that was seen
on two days has told us two things, not a hundred and twenty.
"""

from __future__ import annotations

import math
from statistics import median
from typing import Any, NamedTuple

from devices.event import Millis
from rules.duration import DAY, HOUR

State = list[Any]
"""``[samples, first time, newest time, location, variance about it, variance about what was expected, smallest step
between samples, newest value, the first values, cells]``; the cells are 24 × ``location, variance, time heard`` in a
row, or nothing."""

SAMPLES, FIRST, NEWEST, _LEVEL, _SPREAD, _REST, _STEP, _LAST, _YOUNG, _CELLS = range(10)

HOURS = 24
_PER_CELL = 3
_FIRST_FEW = 15
"""Samples whose median and median deviation are the begin."""
_CLIP = 3.0
_CLIPPED_VARIANCE = 0.9950
"""The variance of a standard normal variable that is clipped at ``_CLIP``."""
_LARGEST_WEIGHT = 1 / 16
"""Of one sample, however long the silence before it was."""
_MAD_TO_SIGMA = 1.4826
_VISITS_TO_TRUST = 3
"""So often an hour has to have been heard in full until it stands for itself."""
_VISITS_REMEMBERED = 7
_SHARE = 0.01
_FINEST_DECIMALS = 3


class Normal(NamedTuple):
    """What is expected of the next sample."""

    expected: float
    scale: float
    """Of one standard deviation; always greater than 0."""
    finest: float
    """The least that the scale could be."""


def newborn(*, by_hour: bool) -> State:
    """Nothing heard."""
    return [0, None, None, 0.0, 0.0, 0.0, None, 0.0, [], [0.0] * (HOURS * _PER_CELL) if by_hour else []]


def normal(state: State, value: float, hour: int) -> Normal | None:
    """What was to be expected when ``value`` came; ``None`` while there have been too few samples.

    ``hour`` (of the day, from 0 to 23) counts where cells are learned.
    """
    if state[SAMPLES] < _FIRST_FEW:
        return None
    level, variance, cells = state[_LEVEL], state[_SPREAD], state[_CELLS]
    if cells:
        level, variance = _blended(state, cells, hour * _PER_CELL)
    finest = _finest(state, value)
    scale = math.sqrt(variance)
    return Normal(level, scale if scale > finest else finest, finest)  # noqa: FURB136 - max() costs a call


def _blended(state: State, cells: list[float], cell: int) -> tuple[float, float]:
    """Location and variance for an hour: the more often it was heard, the more of its own."""
    visits = min(cells[cell + 2] / HOUR, _VISITS_REMEMBERED)
    if visits <= 0:
        return state[_LEVEL], state[_SPREAD]
    own = min(1.0, visits / _VISITS_TO_TRUST)
    level = (1 - own) * state[_LEVEL] + own * cells[cell]
    return level, (1 - own) * state[_SPREAD] + own * _cell_variance(state, cells, cell, visits) * (1 + 1 / visits)


def _cell_variance(state: State, cells: list[float], cell: int, visits: float) -> float:
    together: float = state[_REST]
    own: float = cells[cell + 1]
    return (_VISITS_TO_TRUST * together + visits * own) / (_VISITS_TO_TRUST + visits)


def _finest(state: State, value: float) -> float:
    """The least that a scale can be: half of the smallest step that was seen.

    A signal that never moved has shown none. Then it is a hundredth of its level, or the last decimal with which
    ``value`` is written, so that its first flicker is nothing unheard of.
    """
    level: float = abs(state[_LEVEL])
    step: float | None = state[_STEP]
    if step is not None:
        return max(step / 2, level * 1e-9)
    decimals = len(f"{float(value):.{_FINEST_DECIMALS}f}".rstrip("0").partition(".")[2])
    return max(level * _SHARE, 10.0**-decimals)


def learn(state: State, at: Millis, value: float, before: Normal | None, hour: int, span: Millis) -> None:
    """Take a sample in.

    Args:
        state: changed in place.
        at: later than the newest so far, ms.
        value: finite.
        before: what was expected of it; ``None`` before there have been enough samples.
        hour: as for ``normal``.
        span: how much of the past weighs, ms.
    """
    count = state[SAMPLES]
    if before is not None:
        _adjust(state, at, value, before, hour, span)
        step = abs(value - state[_LAST])
        if step > 0 and (state[_STEP] is None or step < state[_STEP]):
            state[_STEP] = step
    else:
        if count == 0:
            state[FIRST] = at
        state[_YOUNG].append(value)
        if count == _FIRST_FEW - 1:
            _begin(state)
    state[SAMPLES] = count + 1
    state[NEWEST], state[_LAST] = at, value


def _begin(state: State) -> None:
    first = state[_YOUNG]
    level = state[_LEVEL] = float(median(first))
    sigma = _MAD_TO_SIGMA * median(abs(value - level) for value in first)
    state[_SPREAD] = state[_REST] = sigma * sigma
    steps = [abs(value - before) for value, before in zip(first[1:], first, strict=False) if value != before]
    state[_STEP] = min(steps, default=None)
    state[_YOUNG] = []


def _adjust(state: State, at: Millis, value: float, before: Normal, hour: int, span: Millis) -> None:
    """Move location and scale towards the sample, by no more than a sample ``_CLIP`` scales away would."""
    expected, scale, finest = before
    elapsed = at - state[NEWEST]
    weight = min(elapsed / min(at - state[FIRST], span), _LARGEST_WEIGHT)
    cells = state[_CELLS]
    if cells:
        _adjust_cell(state, hour * _PER_CELL, value, scale, min(elapsed, HOUR), span)
        rest = _clipped(value - expected, scale)
        state[_REST] += weight * (rest * rest / _CLIPPED_VARIANCE - state[_REST])
        scale = max(math.sqrt(state[_SPREAD]), finest)
    rest = _clipped(value - state[_LEVEL], scale)
    state[_LEVEL] += weight * rest
    state[_SPREAD] += weight * (rest * rest / _CLIPPED_VARIANCE - state[_SPREAD])


def _adjust_cell(state: State, cell: int, value: float, scale: float, heard: Millis, span: Millis) -> None:
    cells = state[_CELLS]
    remembered = max(span, _VISITS_REMEMBERED * DAY) / HOURS
    before = cells[cell + 2]
    cells[cell + 2] = min(before + heard, remembered)
    if before == 0:
        cells[cell], cells[cell + 1] = float(value), state[_REST]
        return
    weight = heard / cells[cell + 2]
    rest = _clipped(value - cells[cell], scale)
    cells[cell] += weight * rest
    cells[cell + 1] += weight * (rest * rest / _CLIPPED_VARIANCE - cells[cell + 1])


def _clipped(rest: float, scale: float) -> float:
    farthest = _CLIP * scale
    return farthest if rest > farthest else max(rest, -farthest)
