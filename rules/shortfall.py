"""What is missing until a condition is true, in sentences, read off its explanation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from devices.event import Millis
from rules.explained import explained, utc
from rules.shortfall_words import WORDS, steps_done

Clock = Callable[[Millis], str]
Tree = dict[str, Any]


def shortfalls(tree: Tree, at: Millis, clock: Clock = utc) -> list[str]:
    """Why the explained condition is not true, each reason once; empty where it is.

    Args:
        tree: what ``Condition.explain`` gave.
        at: the moment that it was asked for, ms.
        clock: how a time is written.
    """
    return [] if tree.get("result") is True else list(dict.fromkeys(_lacking(tree, at, clock)))


def _lacking(tree: Tree, at: Millis, clock: Clock) -> list[str]:
    parts = _open_parts(tree)
    inner = [reason for part in parts if part.get("result") is not True for reason in _lacking(part, at, clock)]
    operator = tree.get("operator")
    if operator == "not":
        held = [f"must not hold, and does: {_told(part, clock)}" for part in parts if part.get("result") is True]
        return held or inner
    if operator in ("all", "any"):
        return inner
    own = _own(tree, at, clock)
    if own is not None:
        return [own, *inner]
    return inner or [_told(tree, clock)]


def _own(tree: Tree, at: Millis, clock: Clock) -> str | None:
    """What the condition itself says, leaving its parts aside."""
    words = WORDS.get(str(tree.get("operator")))
    if words is None:
        return None
    try:
        return words(tree, at, clock)
    except (KeyError, TypeError):  # explained by another version of Kizashi, in another shape
        return None


def _open_parts(tree: Tree) -> list[Tree]:
    """The parts that matter: of a sequence the step that it waits for, else all."""
    parts = [part for part in tree.get("of") or () if isinstance(part, dict)]
    if tree.get("operator") == "sequence":
        done = len(steps_done(tree))
        return parts[done : done + 1]
    return parts


def _told(tree: Tree, clock: Clock) -> str:
    """The condition and what it saw, without its parts and its mark."""
    return explained(tree, clock)[0][2:]
