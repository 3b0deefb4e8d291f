"""A text within so many bytes of JSON, cut where a reader would not mind."""

from __future__ import annotations

import msgspec

from notifiers.graphemes import cut

_ELLIPSIS = "…"


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
