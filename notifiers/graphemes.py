"""Where a text may be cut without tearing apart what a reader sees as one character.

The rules of Unicode Standard Annex 29 that matter to names and messages: marks and joiners stay with what they follow,
joined emoji, flags (pairs of regional indicators) and Hangul syllables stay whole, and so does a CR LF.
"""

from __future__ import annotations

import unicodedata

LONGEST = 32
"""Code points. What goes on for longer is no character that a reader knows, and is cut anywhere."""

_JOINER = "\u200d"
_MARKS = frozenset({"Mn", "Me", "Mc"})


def cut(text: str, length: int) -> str:
    """The longest beginning of ``text`` of at most ``length`` code points that ends between two characters."""
    end = min(max(length, 0), len(text))
    if end in (0, len(text)):
        return text[:end]
    before = range(end, max(end - LONGEST, 0), -1)
    at = next((at for at in before if _may_break(text, at)), 0 if end < LONGEST else end)
    return text[:at]


def _may_break(text: str, at: int) -> bool:
    before, after = text[at - 1], text[at]
    if after.isascii() and before.isascii():
        return (before, after) != ("\r", "\n")
    if _extends(after) or before == _JOINER:
        return False
    if _is_regional(before) and _is_regional(after):
        return _regionals_before(text, at) % 2 == 0
    return not _one_syllable(before, after)


def _extends(character: str) -> bool:
    return character == _JOINER or "🏻" <= character <= "🏿" or unicodedata.category(character) in _MARKS


def _is_regional(character: str) -> bool:
    return "🇦" <= character <= "🇿"


def _regionals_before(text: str, at: int) -> int:
    first = at
    while first and _is_regional(text[first - 1]):
        first -= 1
    return at - first


def _one_syllable(before: str, after: str) -> bool:
    """Conjoining jamo: leading consonant, vowel, trailing consonant."""
    return (_is_leading(before) and (_is_leading(after) or _is_vowel(after) or _is_syllable(after))) or (
        (_is_vowel(before) or _is_trailing(before) or _is_syllable(before))
        and (_is_trailing(after) or (_is_vowel(after) and not _is_trailing(before)))
    )


def _is_leading(character: str) -> bool:
    return "\u1100" <= character <= "\u115f" or "\ua960" <= character <= "\ua97c"


def _is_vowel(character: str) -> bool:
    return "\u1160" <= character <= "\u11a7" or "\ud7b0" <= character <= "\ud7c6"


def _is_trailing(character: str) -> bool:
    return "\u11a8" <= character <= "\u11ff" or "\ud7cb" <= character <= "\ud7fb"


def _is_syllable(character: str) -> bool:
    return "\uac00" <= character <= "\ud7a3"
