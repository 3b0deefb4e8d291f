"""Text is cut where a reader sees the end of a character."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifiers.graphemes import cut

WHOLE = (
    "a", "冷", "e\u0301", "が", "\u304b\u3099", "👩‍👩‍👧‍👦", "👍🏽", "🇯🇵", "❤️", "1️⃣", "각", "\u1112\u1161\u11ab",
    "한", "नि", "\r\n",
)  # fmt: skip


@given(st.lists(st.sampled_from(WHOLE), max_size=12), st.integers(-1, 60))
def test_a_cut_ends_between_two_characters(characters: list[str], length: int) -> None:
    ends = [len("".join(characters[:count])) for count in range(len(characters) + 1)]
    expected = max(end for end in ends if end <= max(length, 0))
    assert len(cut("".join(characters), length)) == expected


@pytest.mark.parametrize(
    ("text", "length", "expected"), [("abc", 2, "ab"), ("🇯🇵🇬🇧", 3, "🇯🇵"), ("👩‍🚀x", 2, ""), ("", 5, "")]
)
def test_examples(text: str, length: int, expected: str) -> None:
    assert cut(text, length) == expected


def test_what_never_ends_is_cut_anywhere() -> None:
    text = "x" + "\u0301" * 1000
    assert cut(text, 500) == text[:500]
    assert cut(text, 20) == ""
