"""A text within so many bytes of JSON, cut where a reader would not mind."""

from __future__ import annotations

from collections.abc import Callable, Collection

import msgspec

from notifiers.graphemes import cut

_ELLIPSIS = "…"

Size = Callable[[str, str, dict[str, str]], int]
"""Bytes of a message of title, text and data."""


def fit(
    title: str, text: str, data: dict[str, str], *, limit: int, size: Size, keep: Collection[str] = ()
) -> tuple[str, str, dict[str, str]]:
    """Trim to ``limit`` bytes: the text first, then data (largest first, without ``keep``), then the title."""
    data = dict(data)
    text = shortened(text, limit - size(title, "", data))
    for key in sorted((k for k in data if k not in keep), key=lambda k: len(data[k]), reverse=True):
        if size(title, text, data) <= limit:
            break
        del data[key]
    return shortened(title, limit - size("", text, data)), text, data


def shortened(text: str, room: int) -> str:
    """Cut ``text`` to at most ``room`` bytes of JSON, between characters as a reader sees them, with an ellipsis."""
    if json_bytes(text) <= room:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if json_bytes(text[:middle] + _ELLIPSIS) <= room:
            low = middle
        else:
            high = middle - 1
    begun = cut(text, low) or text[:low]
    return begun + _ELLIPSIS if begun else ""


def json_bytes(text: str) -> int:
    """Bytes of ``text`` in JSON, without its quotes."""
    return len(msgspec.json.encode(text)) - 2
