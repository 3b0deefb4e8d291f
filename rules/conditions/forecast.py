"""``forecast``: the trend of a metric reaches a limit within a time: with a confidence, and never from few points."""

from __future__ import annotations

import importlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

from devices.event import Millis
from rules.condition import Condition, Memory, Operator, Scope, Truth
from rules.duration import DAY, HOUR, MINUTE, spoken
from rules.metric import read_metric, seen, shown
from rules.profiles import read_limit
from rules.reading import Reading
from rules.subject import NEVER, Subject

if TYPE_CHECKING:
    from rules.trend import Trend  # needs numpy: loaded with the first rule that forecasts, see Forecast.__init__

BUCKETS = 64
"""Into how many buckets the time looked at is divided; each gives one point, the mean of its samples."""
FEWEST = 8
"""Fewer points than this are no trend."""
STAYS = 1.2
"""Once true, it stays so until the limit is this many times farther away than ``within``."""
_FARTHEST = 4
"""A line is not drawn on for longer than this many times the time looked at."""
_JUMP_SPREADS = 5.0
_JUMP_POINTS = 2
"""A jump is told from stray points by so many in a row."""
_JUMP_AFTER = 5
"""Fewer points than this before it do not show what a jump would be."""
_LARGEST = 1e100
"""What is larger is no measurement, and its square no number."""
_KEYS = ("reaches", "within", "over", "confidence", "direction")
_MEND = "write forecast: {reaches: 10, within: 9d, over: 30d, confidence: 80%}"

# The places in a memory.
_END, _COUNT, _TIME, _VALUE, _SAMPLED, _CLOSED = range(6)
_TIMES, _VALUES, _TRUTH, _SIDE, _REACHES, _CONFIDENCE, _SLOPE, _FITTED, _AFRESH = range(6, 15)


class Asked(NamedTuple):
    """What the rule asks of the trend. Durations in ms."""

    limit: float
    within: Millis
    over: Millis
    confidence: float
    """From 0.5 to 1."""
    side: int | None
    """1: only a falling metric reaches the limit; -1: only a rising one; ``None``: either."""


class Forecast(Condition):
    """True while the trend of the newest ``over`` reaches the limit within ``within``, or has reached it.

    Samples are gathered in buckets of ``over / 64``; the line is fitted anew when a bucket ends, by its timer. Where
    the buckets end differs from device to device, so that they do not all come due at once.
    Memory: ``[end of the bucket, samples in it, mean time, mean value, newest sample's time, whether its point is among
    the points; times of the points, their values, truth, side, time of reaching, confidence, slope per ms, time of the
    fit, time of a jump after which there are too few points yet]``. The side is 1 above the limit, -1 below it; known
    where the rule names a direction, and while it holds.
    """

    __slots__ = ("asked", "metric", "stale_after", "watches", "width")

    timed = True

    def __init__(self, metric: str, asked: Asked, max_gap: Millis) -> None:
        importlib.import_module("rules.trend")  # now, so that the fold does not wait for it later
        self.metric = metric
        self.asked = asked
        self.width: Millis = -(-asked.over // BUCKETS)
        self.stale_after = max(max_gap, asked.over // 8)
        self.watches = frozenset({metric})

    def fresh(self) -> Memory:
        """No samples, no points, nothing known."""
        return [None, 0, 0, 0.0, None, False, [], [], None, self.asked.side, None, None, None, None, None]

    def on_event(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Put the newest sample into its bucket; when that has ended, look at the trend anew."""
        sample = subject.samples.get(self.metric)
        if sample is None:
            return None
        if memory[_SAMPLED] is None or sample[0] > memory[_SAMPLED]:
            self._take(memory, subject, sample[0], sample[1])
        return self.on_time(memory, subject, at)

    def on_time(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Close the bucket if it has ended."""
        if memory[_COUNT] and not memory[_CLOSED] and at >= memory[_END]:
            self._close(memory)
        return self._known(memory, at)

    def _known(self, memory: Memory, at: Millis) -> Truth:
        if memory[_SAMPLED] is None or at - memory[_SAMPLED] > self.stale_after:
            return None
        truth: Truth = memory[_TRUTH]
        return truth

    def _take(self, memory: Memory, subject: Subject, at: Millis, value: Any) -> None:
        if (type(value) is not float and type(value) is not int) or abs(value) > _LARGEST:
            return
        memory[_SAMPLED] = at
        if memory[_END] is None or at >= memory[_END]:
            if memory[_COUNT] and not memory[_CLOSED]:
                self._close(memory)
            offset = crc32(subject.id.encode(errors="surrogatepass")) * self.width >> 32
            memory[_END] = at - (at - offset) % self.width + self.width
            memory[_COUNT], memory[_TIME], memory[_VALUE] = 1, at, float(value)
            memory[_CLOSED] = False
            return
        if memory[_CLOSED]:  # a sample that was under way while the bucket's time ran out
            memory[_CLOSED] = False
            if memory[_TIMES]:
                memory[_TIMES].pop()
                memory[_VALUES].pop()
        memory[_COUNT] += 1
        memory[_TIME] += (at - memory[_TIME]) / memory[_COUNT]
        memory[_VALUE] += (value - memory[_VALUE]) / memory[_COUNT]

    def _close(self, memory: Memory) -> None:
        """The bucket becomes a point, the oldest points go, and the trend is looked at anew."""
        from rules.trend import fit

        memory[_CLOSED] = True
        times, values = memory[_TIMES], memory[_VALUES]
        oldest = memory[_END] - self.asked.over
        gone = sum(1 for each in times if each < oldest)
        del times[:gone], values[:gone]
        times.append(round(memory[_TIME]))
        values.append(memory[_VALUE])
        if _jumped(times, values):
            self._start_afresh(memory)
        if len(times) >= FEWEST and times[-1] - times[0] >= self.asked.over // 4:
            memory[_AFRESH] = None
            self._conclude(memory, fit(times, values), memory[_END])
        elif memory[_AFRESH] is None:
            memory[_TRUTH] = None

    def _start_afresh(self, memory: Memory) -> None:
        """After a jump: what was before says nothing of what is to come.

        Away from the limit (the filter is new) it is over, onto the limit or beyond it is reached.
        """
        times, values = memory[_TIMES], memory[_VALUES]
        before, after = values[-_JUMP_POINTS - 1], values[-1]
        del times[:-_JUMP_POINTS], values[:-_JUMP_POINTS]
        memory[_AFRESH] = times[0]
        memory[_SLOPE] = None
        if self._beyond(memory, after):
            self._reached(memory, memory[_END])
            return
        memory[_REACHES] = memory[_CONFIDENCE] = memory[_FITTED] = None
        if abs(after - self.asked.limit) > abs(before - self.asked.limit):
            memory[_TRUTH], memory[_SIDE] = False, self.asked.side
        elif memory[_TRUTH] is False:
            memory[_TRUTH] = None

    def _conclude(self, memory: Memory, trend: Trend, now: Millis) -> None:
        """What the line says at ``now``. Without a direction, the side is where the metric comes from."""
        asked, level = self.asked, trend.value(now)
        memory[_SLOPE], memory[_FITTED] = trend.slope, now
        if self._beyond(memory, level):
            self._reached(memory, now)
            return
        side = memory[_SIDE] or (1 if level > asked.limit else -1)
        reaches = trend.meets(asked.limit) if trend.slope * side < 0 else None
        sure = trend.confidence(asked.limit, now + asked.within, falling=side == 1)
        soon = reaches is not None and reaches - now <= STAYS * asked.within
        holds = soon and (memory[_TRUTH] is True or sure >= asked.confidence)
        memory[_REACHES], memory[_CONFIDENCE], memory[_TRUTH] = reaches, sure, holds
        memory[_SIDE] = side if holds else asked.side

    def _reached(self, memory: Memory, now: Millis) -> None:
        memory[_TRUTH], memory[_CONFIDENCE], memory[_FITTED] = True, 1.0, now
        if memory[_REACHES] is None or memory[_REACHES] > now:
            memory[_REACHES] = now

    def _beyond(self, memory: Memory, level: float) -> bool:
        """Whether ``level`` is at the limit or on its far side, as seen from the side that it comes from."""
        side = memory[_SIDE]
        return side is not None and bool((level - self.asked.limit) * side <= 0)

    def next_deadline(self, memory: Memory, subject: Subject, after: Millis) -> Millis:
        """The end of the bucket, or when the newest sample is too old to speak for now."""
        if memory[_COUNT] and not memory[_CLOSED] and memory[_END] > after:
            return int(memory[_END])
        if memory[_SAMPLED] is None:
            return NEVER
        stale = int(memory[_SAMPLED]) + self.stale_after + 1
        return stale if stale > after else NEVER

    def explain(self, memory: Memory, subject: Subject, at: Millis) -> dict[str, Any]:
        """What was asked, from how many points the trend is known, and what it comes to."""
        asked, times = self.asked, memory[_TIMES]
        slope = memory[_SLOPE]
        return {
            "operator": "forecast",
            "metric": self.metric,
            **seen(subject, self.metric, self.stale_after),
            "limit": asked.limit,
            "within_ms": asked.within,
            "over_ms": asked.over,
            "confidence_needed": asked.confidence,
            "points": len(times),
            "covered_ms": times[-1] - times[0] if times else 0,
            "slope_per_day": None if slope is None else slope * DAY,
            "confidence": memory[_CONFIDENCE],
            "reaches_at": memory[_REACHES],
            "fitted_at": memory[_FITTED],
            "afresh_since": memory[_AFRESH],
            "result": self._known(memory, at),
        }

    def phrase(self, memory: Memory, subject: Subject, at: Millis, *, holds: bool) -> str:
        """``filter_left 24 reaches 10 in about 9 days (confidence 86 %)``."""
        sample = subject.samples.get(self.metric)
        metric = self.metric if sample is None else f"{self.metric} {shown(sample[1])}"
        reaches, limit = memory[_REACHES], shown(self.asked.limit)
        if not holds:
            return f"{metric} no longer reaches {limit} within {spoken(self.asked.within)}"
        if reaches is None:
            return f"{metric} reaches {limit} within {spoken(self.asked.within)}"
        if reaches <= at:
            return f"{metric} has reached {limit}"
        sure = "" if memory[_CONFIDENCE] is None else f" (confidence {_percent(memory[_CONFIDENCE])} %)"
        return f"{metric} reaches {limit} in {roughly(reaches - at)}{sure}"

    def evidence(self, memory: Memory, subject: Subject) -> dict[str, Any]:
        """``forecast_in`` ("about 9 days"), ``forecast_at`` (ISO 8601, UTC) and ``forecast_confidence`` (percent)."""
        reaches, fitted = memory[_REACHES], memory[_FITTED]
        if reaches is None or fitted is None:
            return {}
        return {
            "forecast_in": roughly(reaches - max(fitted, subject.last_at)),
            "forecast_at": datetime.fromtimestamp(reaches // 1000, UTC).isoformat().replace("+00:00", "Z"),
            "forecast_confidence": _percent(memory[_CONFIDENCE]),
        }


def _jumped(times: list[Millis], values: list[float]) -> bool:
    """Whether the newest two points lie far off both the line and the level before them, on one side.

    Between the two is where a device goes on that stood still for a while. How far is far: several times what the
    points stray, and what they move in such a time.
    """
    from rules.trend import fit, typical_step

    if len(times) < _JUMP_AFTER + _JUMP_POINTS:
        return False
    old_times, old_values = times[:-_JUMP_POINTS], values[:-_JUMP_POINTS]
    before, (gap, step) = fit(old_times, old_values), typical_step(old_times, old_values)
    last = old_values[-1]
    least = max(before.spread, abs(last) * 1e-9)
    sides = set()
    for at, value in zip(times[-_JUMP_POINTS:], values[-_JUMP_POINTS:], strict=True):
        tolerance = _JUMP_SPREADS * max(least, step * max(1.0, (at - before.at) / gap))
        expected = before.value(at)
        above, below = value - max(last, expected), min(last, expected) - value
        sides.add(1 if above > tolerance else -1 if below > tolerance else 0)
    return sides in ({1}, {-1})


def _percent(confidence: float) -> int:
    """Whole percents; never 100, since nobody knows the future."""
    return min(99, round(100 * confidence))


def roughly(ahead: Millis) -> str:
    """A time ahead as one says it: ``about 9 days``, ``about 36 hours``; ``0 min`` for what has come."""
    for unit, name in ((DAY, "days"), (HOUR, "hours"), (MINUTE, "minutes")):
        if ahead >= 2 * unit:
            return f"about {round(ahead / unit)} {name}"
    return "about a minute" if ahead > 0 else "0 min"


def _read(reading: Reading, scope: Scope) -> Condition | None:
    metric = read_metric(reading, "forecast")
    forecast = reading.mapping("forecast", _MEND)
    if forecast is None:
        return None
    forecast.only(_KEYS)
    asked = _read_asked(forecast, metric, scope)
    return None if metric is None or asked is None else Forecast(metric, asked, scope.max_gap)


def _read_asked(forecast: Reading, metric: str | None, scope: Scope) -> Asked | None:
    noted = len(forecast.problems)
    limit = read_limit(forecast, "reaches", metric, scope.library) if forecast.need("reaches", _MEND) else None
    within = forecast.duration("within") if forecast.need("within", _MEND) else None
    over = forecast.duration("over") if "over" in forecast else 7 * DAY
    percent = forecast.percent("confidence") if "confidence" in forecast else 80.0
    word = forecast.choice("direction", ("falling", "rising"))
    if percent is not None and not 50 <= percent <= 99:  # noqa: PLR2004 - percents
        message = f"a confidence of {shown(percent)}% can't be asked for"
        forecast.refuse("confidence", message, "write one from 50% to 99%: less is a guess, more is never known")
    if over is not None and over < BUCKETS * 1000:
        forecast.refuse("over", f"a trend can't be seen over {spoken(over)}", "write at least 64s, better some days")
    elif over is not None and within is not None:
        _check_within(forecast, within, over)
    if limit is None or within is None or over is None or percent is None or len(forecast.problems) > noted:
        return None
    return Asked(limit, within, over, percent / 100, None if word is None else 1 if word == "falling" else -1)


def _check_within(forecast: Reading, within: Millis, over: Millis) -> None:
    if within > _FARTHEST * over:
        message = f"{spoken(over)} of data say nothing about {spoken(within)} ahead"
        forecast.refuse("within", message, f"write over: {-(-within // (_FARTHEST * MINUTE))}m or longer beside it")
    elif within * BUCKETS < over:
        message = (
            f"over {spoken(over)} a trend is looked at every {spoken(over // BUCKETS)}, not every {spoken(within)}"
        )
        forecast.refuse("within", message, f"write over: {within * BUCKETS // MINUTE}m or shorter beside it")


OPERATOR = Operator("forecast", _read, frozenset({"metric"}))
