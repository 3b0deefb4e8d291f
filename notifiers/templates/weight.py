"""How much a value of a template is, once it is written out.

A list that holds another list twice, sixty times over, takes up a few thousand bytes, and to print, compare or hash it
takes 2^60 steps of Python's own, in which no budget is asked. So such a value is counted first.
"""

from __future__ import annotations

from collections.abc import ItemsView, KeysView, Mapping, ValuesView
from typing import Any

from jinja2.utils import Namespace

_ROWS = (list, tuple, set, frozenset, KeysView, ValuesView, ItemsView)


def weight(value: Any, limit: int) -> int:
    """Characters and parts of ``value``, what is in it twice counted twice; the count ends soon after ``limit``."""
    if isinstance(value, str):
        return len(value)
    found, waiting = 0, [value]
    while waiting and found <= limit:
        part = waiting.pop()
        found += 1
        if isinstance(part, str):
            found += len(part)
        elif (parts := _parts(part)) is not None:
            found += len(parts)
            waiting += parts
    return found


def _parts(value: Any) -> list[Any] | None:
    if isinstance(value, Namespace):
        value = object.__getattribute__(value, "_Namespace__attrs")
    if isinstance(value, Mapping):
        return [*value.keys(), *value.values()]
    return list(value) if isinstance(value, _ROWS) else None
