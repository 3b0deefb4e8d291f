from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifiers.sms.segments import GSM_7, GSM_7_EXTENSION, Segments, segments


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Segments("gsm-7", 0, 1)),
        ("a" * 160, Segments("gsm-7", 160, 1)),
        ("a" * 161, Segments("gsm-7", 161, 2)),
        ("a" * 306, Segments("gsm-7", 306, 2)),
        ("a" * 307, Segments("gsm-7", 307, 3)),
        ("€" * 80, Segments("gsm-7", 160, 1)),
        ("a" * 159 + "€", Segments("gsm-7", 161, 2)),
        ("気" * 70, Segments("ucs-2", 70, 1)),
        ("気" * 71, Segments("ucs-2", 71, 2)),
        ("気" * 135, Segments("ucs-2", 135, 3)),
        ("a" * 69 + "気", Segments("ucs-2", 70, 1)),
        ("😀" * 35, Segments("ucs-2", 70, 1)),
        ("😀" * 36, Segments("ucs-2", 72, 2)),
    ],
)
def test_a_text_is_counted_as_operators_count_it(text: str, expected: Segments) -> None:
    assert segments(text) == expected


def test_an_escape_is_never_split_from_its_character() -> None:
    # 152 + the two of one euro sign do not fit 153: it moves to the next SMS as a whole.
    assert segments("a" * 152 + "€" + "a" * 151).parts == 2
    assert segments("a" * 152 + "€" + "a" * 152).parts == 3


def test_the_alphabet_has_its_128_places_with_escape_and_without_repeats() -> None:
    assert len(GSM_7) == 127
    assert not GSM_7 & GSM_7_EXTENSION


@given(st.text(alphabet="aé€気😀", max_size=500))
def test_more_text_never_needs_fewer_sms_and_none_is_longer_than_allowed(text: str) -> None:
    whole = segments(text)
    assert segments(text[:-1]).parts <= whole.parts or segments(text[:-1]).encoding != whole.encoding
    limit = {"gsm-7": 153, "ucs-2": 67}[whole.encoding]
    assert whole.parts == 1 or whole.units <= whole.parts * limit
