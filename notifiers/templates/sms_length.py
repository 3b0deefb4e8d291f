"""How many segments a text message takes, and so what it costs.

GSM-7 (3GPP TS 23.038): 160 characters alone, 153 in each part of a joined message; characters of the extension table
count two. One character outside of it makes the whole message UCS-2: 70 UTF-16 units alone, 67 joined.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = frozenset("^{}\\[~]|€\f")


class SmsLength(NamedTuple):
    """``units`` are septets (GSM-7) or UTF-16 units (UCS-2)."""

    encoding: Literal["GSM-7", "UCS-2"]
    units: int
    segments: int


def sms_length(text: str) -> SmsLength:
    """Measure ``text`` as a carrier does."""
    if is_gsm(text):
        units = sum(2 if character in EXTENSION else 1 for character in text)
        return SmsLength("GSM-7", units, _segments(units, 160, 153))
    units = utf16_units(text)
    return SmsLength("UCS-2", units, _segments(units, 70, 67))


def is_gsm(text: str) -> bool:
    """Whether GSM-7 can carry ``text``."""
    return all(character in BASIC or character in EXTENSION for character in text)


def utf16_units(text: str) -> int:
    """Length in UTF-16 units: characters beyond U+FFFF (most emoji) count two."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _segments(units: int, alone: int, joined: int) -> int:
    return 1 if units <= alone else -(-units // joined)
