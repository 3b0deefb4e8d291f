"""Offer codes can be read out, mistyped and guessed at: only what was given is one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection

from gateway.storage import customers, erasures, offer_codes
from gateway.storage.customers import Customer
from gateway.storage.offer_codes import ALPHABET, check_character, normalised, shown

DRAWN = st.text(alphabet=ALPHABET, min_size=9, max_size=9)


def whole(drawn: str) -> str:
    return drawn + check_character(drawn)


def test_no_two_characters_look_or_sound_alike() -> None:
    assert len(set(ALPHABET)) == len(ALPHABET) == 29
    for alike in ("0O", "1IL", "5S", "UV"):
        assert sum(character in ALPHABET for character in alike) <= 1


@given(DRAWN)
def test_a_code_is_read_as_people_write_it(drawn: str) -> None:
    code = whole(drawn)
    for typed in (code, shown(code), shown(code).lower(), f" {code[:5]} {code[5:]}\n"):
        assert normalised(typed) == code


@given(DRAWN, st.integers(0, 9), st.sampled_from(ALPHABET))
def test_one_wrong_character_is_found(drawn: str, at: int, other: str) -> None:
    code = whole(drawn)
    typed = code[:at] + other + code[at + 1 :]
    assert normalised(typed) == (code if other == code[at] else None)


@given(DRAWN, st.integers(0, 7))
def test_two_neighbours_exchanged_are_found(drawn: str, at: int) -> None:
    code = whole(drawn)
    typed = code[:at] + code[at + 1] + code[at] + code[at + 2 :]
    assert normalised(typed) == (code if typed == code else None)


@pytest.mark.parametrize("typed", ["", "7KM3Q", "7KM3Q-XN42D-7", "O0I1L-5SU00", "💥" * 10, "7KM3Q\x00XN42"])
def test_what_cannot_be_a_code_is_none(typed: str) -> None:
    assert normalised(typed) is None


def test_a_customer_has_one_code_for_a_decision_and_erasure_takes_it(connection: Connection) -> None:
    for name in ("hanako", "taro"):
        customers.put(connection, Customer(id=name))
    about = {"decision_id": "d_1", "rule_id": "welcome"}
    first = offer_codes.give(connection, customer_id="hanako", **about)
    assert offer_codes.give(connection, customer_id="hanako", **about) == first == normalised(first)
    assert offer_codes.give(connection, customer_id="taro", **about) != first
    erasures.erase(connection, "hanako")
    assert offer_codes.get(connection, first) is None
