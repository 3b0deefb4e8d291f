"""What is missing until a condition is true, in sentences, read off its explanation.

It knows the keys that explanations share (``metric``, ``value``, ``limit``, ``since``, ``duration_ms`` and such), not
the single operators: one with keys of its own is told with what it saw.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from devices.event import Millis
from rules.duration import spoken
from rules.explained import explained, utc
from rules.metric import shown

Clock = Callable[[Millis], str]


def shortfalls(tree: dict[str, Any], at: Millis, clock: Clock = utc) -> list[str]:
    """Why the explained condition is not true, each reason once; empty where it is.

    Args:
        tree: what ``Condition.explain`` gave.
        at: the moment that it was asked for, ms.
        clock: how a time is written.
    """
    return [] if tree.get("result") is True else list(dict.fromkeys(_lacking(tree, at, clock)))


def _lacking(tree: dict[str, Any], at: Millis, clock: Clock) -> list[str]:
    parts = [part for part in tree.get("of") or () if isinstance(part, dict)]
    operator = tree.get("operator")
    if operator == "not":
        return [f"must not hold, and does: {_told(part, clock)}" for part in parts if part.get("result") is True] or [
            reason for part in parts for reason in _lacking(part, at, clock)
        ]
    inner = [reason for part in parts if part.get("result") is not True for reason in _lacking(part, at, clock)]
    if operator in ("all", "any"):
        return inner
    own = _own(tree, at, clock)
    return [*own, *inner] if own or inner else [_told(tree, clock)]


def _own(tree: dict[str, Any], at: Millis, clock: Clock) -> list[str]:
    """What the condition itself says, leaving its parts aside."""
    for reader in (_of_sample, _of_position, _of_count, _of_silence, _of_limit):
        found = reader(tree, at, clock)
        if found is not None:
            return [found]
    return [] if tree.get("of") else [_told(tree, clock)]


def _of_sample(tree: dict[str, Any], at: Millis, _clock: Clock) -> str | None:
    """Nothing is known of the metric, or no longer, or it is of the wrong kind."""
    metric = tree.get("metric")
    if metric is None or "sampled_at" not in tree or tree.get("result") is not None:
        return None
    sampled_at, gap = tree["sampled_at"], tree.get("max_gap_ms")
    if sampled_at is None:
        return f"no {metric} yet"
    if gap is not None and at - sampled_at > gap:
        return f"{metric} is unknown: its last sample is {spoken(at - sampled_at)} old, max_gap is {spoken(gap)}"
    if "limit" in tree and not _is_number(tree.get("value")):
        return f"{metric} is unknown: {shown(tree.get('value'))} is no number"
    return None


def _of_position(tree: dict[str, Any], _at: Millis, clock: Clock) -> str | None:
    if "fix" not in tree or "motion" not in tree:
        return None
    if tree["fix"] is None:
        return "no position yet"
    inside = ", ".join(tree.get("inside") or ()) or "no store"
    accuracy = f" ({shown(tree['fix'].get('accuracy'))} m)" if tree["fix"].get("accuracy") else ""
    said = f"no {tree['motion']}: certainly inside {inside} at {clock(tree['fix']['at'])}{accuracy}"
    if tree.get("since") is not None and tree.get("store") is not None:
        said += f", in {tree['store']} since {clock(tree['since'])}"
    return said


def _of_count(tree: dict[str, Any], at: Millis, clock: Clock) -> str | None:
    """A duration that something has to last."""
    if "since" not in tree or "duration_ms" not in tree:
        return None
    wanted = spoken(tree["duration_ms"])
    if tree["since"] is None:
        return None
    left = tree["since"] + tree["duration_ms"] - at
    if left <= 0:
        return None
    return f"true since {clock(tree['since'])}, for {wanted}: {spoken(left)} missing"


def _of_silence(tree: dict[str, Any], at: Millis, clock: Clock) -> str | None:
    if "heard_at" not in tree or "duration_ms" not in tree:
        return None
    what = tree.get("metric") or "data"
    if tree["heard_at"] is None:
        return f"never any {what}, so none is missing"
    left = tree["heard_at"] + tree["duration_ms"] - at
    heard = f"{what} last came at {clock(tree['heard_at'])}"
    return f"{heard}: {spoken(left)} of silence missing" if left > 0 else heard


def _of_limit(tree: dict[str, Any], _at: Millis, _clock: Clock) -> str | None:
    metric, value = tree.get("metric"), tree.get("value")
    if metric is None or value is None:
        return None
    if "expected" in tree:
        return f"{metric} is {shown(value)}, not {shown(tree['expected'])}"
    if "low" in tree and "high" in tree:
        return f"{metric} {shown(value)} is not between {shown(tree['low'])} and {shown(tree['high'])}"
    if "limit" in tree and _is_number(value):
        limit = tree["limit"]
        side = "below" if value < limit else "above" if value > limit else "exactly"
        return f"{metric} {shown(value)} is {side} the limit {shown(limit)}"
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _told(tree: dict[str, Any], clock: Clock) -> str:
    """The condition and what it saw, without its parts and its mark."""
    return explained(tree, clock)[0][2:]
