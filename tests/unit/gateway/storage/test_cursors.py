"""Cursors go out and come back as they were, and nothing else is taken for one."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.storage import cursors
from gateway.storage.cursors import CursorError

stored = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
"""What a column of text can hold."""


@given(parts=st.lists(stored, min_size=1, max_size=4))
def test_a_cursor_comes_back_as_it_went_out(parts: list[str]) -> None:
    cursor = cursors.encode(*parts)
    assert cursors.decode(cursor, len(parts)) == parts
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), "fits into a URL"


@given(parts=st.lists(stored, min_size=1, max_size=4), wanted=st.integers(1, 5))
def test_a_cursor_of_another_list_is_refused(parts: list[str], wanted: int) -> None:
    if len(parts) != wanted:
        with pytest.raises(CursorError):
            cursors.decode(cursors.encode(*parts), wanted)


@given(text=st.text(max_size=60))
def test_any_other_text_is_refused_and_breaks_nothing(text: str) -> None:
    try:
        parts = cursors.decode(text, 2)
    except CursorError:
        return
    assert len(parts) == 2


@pytest.mark.parametrize("content", [b'["a\\u0000"]', b"[1]", b'{"a": 1}', b"null", b'["a"', b"\xff"])
def test_what_no_encoder_of_ours_writes_is_refused(content: bytes) -> None:
    with pytest.raises(CursorError, match="take `next` from the page before"):
        cursors.decode(base64.urlsafe_b64encode(content).decode(), 1)


@pytest.mark.parametrize("part", ["2026-03-01", "2026-03-01T10:00:00", "soon", ""])
def test_a_moment_without_a_time_zone_is_refused(part: str) -> None:
    with pytest.raises(CursorError):
        cursors.moment(part)


@pytest.mark.parametrize("part", ["-1", "9223372036854775808", "1.5", "¹", ""])
def test_a_number_that_no_row_has_is_refused(part: str) -> None:
    with pytest.raises(CursorError):
        cursors.whole_number(part)
