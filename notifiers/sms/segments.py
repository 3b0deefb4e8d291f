"""How many SMS a text is, as operators count and bill them (3GPP TS 23.038 and 23.040)."""

from __future__ import annotations

from typing import Literal, NamedTuple

GSM_7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The default alphabet, without its escape."""

GSM_7_EXTENSION = frozenset("^{}\\[~]|€\f")
"""Reached by an escape: each counts two."""

_SINGLE = {"gsm-7": 160, "ucs-2": 70}
_JOINED = {"gsm-7": 153, "ucs-2": 67}


class Segments(NamedTuple):
    """A text as operators see it."""

    encoding: Literal["gsm-7", "ucs-2"]
    units: int
    """Septets, or UTF-16 code units."""
    parts: int
    """SMS to send and pay."""


def segments(text: str) -> Segments:
    """Count ``text``. One character outside GSM-7 makes all of it UCS-2; a character is never split over two SMS."""
    sizes = _gsm_sizes(text)
    if sizes is not None:
        return Segments("gsm-7", sum(sizes), _count(sizes, _SINGLE["gsm-7"], _JOINED["gsm-7"]))
    sizes = [utf16_units(character) for character in text]
    return Segments("ucs-2", sum(sizes), _count(sizes, _SINGLE["ucs-2"], _JOINED["ucs-2"]))


def beyond_gsm(text: str) -> tuple[str, ...]:
    """The characters that make ``text`` UCS-2, each once, in their order; empty for GSM-7."""
    return tuple(dict.fromkeys(each for each in text if each not in GSM_7 and each not in GSM_7_EXTENSION))


def utf16_units(text: str) -> int:
    """UTF-16 code units of ``text``: two for a character outside the basic plane."""
    return len(text) + sum(character > "\uffff" for character in text)


def _gsm_sizes(text: str) -> list[int] | None:
    sizes = []
    for character in text:
        if character in GSM_7:
            sizes.append(1)
        elif character in GSM_7_EXTENSION:
            sizes.append(2)
        else:
            return None
    return sizes


def _count(sizes: list[int], single: int, joined: int) -> int:
    if sum(sizes) <= single:
        return 1
    count, room = 1, joined
    for size in sizes:
        if size > room:
            count, room = count + 1, joined
        room -= size
    return count
