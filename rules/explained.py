"""An explanation as lines of text: the tree that a condition gives, drawn so that a person can follow it.

It knows the shape of an explanation (``operator``, ``result``, what was seen, the parts), not the single operators, so
a new operator needs nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from devices.event import Millis
from rules.duration import spoken
from rules.metric import shown

MARKS: Final = {True: "✓", False: "✗", None: "?"}
"""Holds, does not hold, unknown."""

_TOLD: Final = frozenset({"operator", "result", "metric", "value", "sampled_at"})
_TIMES: Final = (
    "at",
    "since",
    "until",
    "from",
    "to",
    "first",
    "last",
    "oldest",
    "newest",
    "due",
    "start",
    "end",
    "next",
)
_TIME_RANGE: Final = range(10**11, 10**14)
"""Numbers outside of it are no times (1973 to 5138), even under a key that sounds like one."""
_LONGEST_LIST = 6


def utc(at: Millis) -> str:
    """``2026-03-01 09:00:00 UTC``, with milliseconds where there are some."""
    moment = datetime.fromtimestamp(at / 1000, UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}{f'.{at % 1000:03d}' if at % 1000 else ''} UTC"


def explained(tree: dict[str, Any], clock: Callable[[Millis], str] = utc) -> list[str]:
    """The tree as lines, the whole condition first, each part indented below what it is a part of.

    Args:
        tree: ``Decision.explanation``, or what ``Condition.explain`` gives.
        clock: how a time (ms) is written.
    """
    return [_headline(tree, clock), *_below(tree, clock, "")]


def _below(tree: dict[str, Any], clock: Callable[[Millis], str], indent: str) -> Iterator[str]:
    below = list(parts(tree))
    for place, (label, part) in enumerate(below):
        last = place == len(below) - 1
        yield f"{indent}{'└─' if last else '├─'} {label}{_headline(part, clock)}"
        yield from _below(part, clock, indent + ("   " if last else "│  "))


def parts(tree: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The explanations inside of ``tree``, each with a label where the key says more than ``of``."""
    for key, value in tree.items():
        label = "" if key == "of" else f"{_words(key)}: "
        for each in value if isinstance(value, list) else [value]:
            if _is_tree(each):
                yield label, each


def _headline(tree: dict[str, Any], clock: Callable[[Millis], str]) -> str:
    facts = [_sample(tree, clock)] if tree.get("metric") is not None else []
    facts += [
        f"{_words(key)} {said(key, value, clock)}".rstrip()
        for key, value in tree.items()
        if key not in _TOLD and not is_part(value)
    ]
    return f"{MARKS.get(tree.get('result'), '?')} {tree.get('operator', '')}{': ' if facts else ''}{', '.join(facts)}"


def _sample(tree: dict[str, Any], clock: Callable[[Millis], str]) -> str:
    metric = str(tree["metric"])
    if "sampled_at" not in tree:
        return metric
    if tree["sampled_at"] is None:
        return f"{metric} was never sent"
    return f"{metric} {shown(tree.get('value'))} at {clock(tree['sampled_at'])}"


def said(key: str, value: Any, clock: Callable[[Millis], str]) -> str:
    """The value under ``key`` of an explanation as a sentence shows it; what kind of value it is, the key says."""
    if value is None:
        return "–"
    if isinstance(value, dict):
        inner = ", ".join(f"{_words(name)} {said(name, each, clock)}" for name, each in value.items())
        return f"({inner})"
    if isinstance(value, list | tuple):
        shown_items = [said(key, each, clock) for each in value[:_LONGEST_LIST]]
        more = f" and {len(value) - _LONGEST_LIST} more" if len(value) > _LONGEST_LIST else ""
        return (", ".join(shown_items) or "none") + more
    if isinstance(value, int) and not isinstance(value, bool):
        if key.endswith("_ms"):
            return f"-{spoken(-value)}" if value < 0 else spoken(value)
        if value in _TIME_RANGE and key.rpartition("_")[2] in _TIMES:
            return clock(value)
    return shown(value)


def _words(key: str) -> str:
    return key.removesuffix("_ms").replace("_", " ")


def _is_tree(value: Any) -> bool:
    return isinstance(value, dict) and "operator" in value and "result" in value


def is_part(value: Any) -> bool:
    """Whether ``value``, found in an explanation, is another one, or a list of them."""
    if isinstance(value, list):
        return bool(value) and all(_is_tree(each) for each in value)
    return _is_tree(value)
