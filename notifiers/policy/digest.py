"""Digests as an operator sets them: what is told once a day instead of not at all."""

from __future__ import annotations

import msgspec

EVENING = 18 * 60


class Digest(msgspec.Struct, frozen=True):
    """What frequency caps refuse of ``purposes`` is told in one message a day."""

    purposes: frozenset[str] = frozenset()
    """Empty: there are no digests."""
    at: int = EVENING
    """Minutes after midnight, by the customer's clock."""


def minute_of(text: str) -> int:
    """``"18:00"`` as minutes after midnight."""
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)
