"""Offer codes: one for each customer told of a decision, redeemed once."""

from __future__ import annotations

import secrets
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec
from sqlalchemy import Connection, RowMapping, func, select, update
from sqlalchemy.dialects.postgresql import insert

from gateway.storage.tables import offer_codes

ALPHABET: Final = "23456789ABCDEFGHJKMNPQRTVWXYZ"
"""29 characters, none of which is taken for another when read out or typed: no 0 O, 1 I L, 5 S, U V.

29 is prime, so the check character finds every single wrong character and every exchange of two neighbours.
"""
_RANDOM: Final = 9
"""29^9 is 1.5 * 10^13: with a million codes out, one guess in fifteen million is a code."""
_TRIES: Final = 5


class OfferCode(msgspec.Struct, frozen=True, kw_only=True):
    """One code, and what it was redeemed for."""

    code: str
    decision_id: str
    customer_id: str
    rule_id: str
    made_at: datetime
    redeemed_at: datetime | None
    order_id: str | None
    amount: Decimal | None
    currency: str | None
    store_id: str | None


def check_character(characters: str) -> str:
    """The last character of a code that begins with ``characters``: their sum, each times its place, modulo 29.

    The weights 1, 2, 3, … differ between neighbours and none is 0 modulo 29 (as in ISBN-10, there modulo 11).
    """
    total = sum(place * ALPHABET.index(character) for place, character in enumerate(characters, 1))
    return ALPHABET[total % len(ALPHABET)]


def normalised(typed: str) -> str | None:
    """The code that ``typed`` means: spaces, hyphens and lower case do not matter; ``None``: a typing mistake."""
    code = "".join(typed.upper().split()).replace("-", "")
    if len(code) != _RANDOM + 1 or any(character not in ALPHABET for character in code):
        return None
    return code if check_character(code[:-1]) == code[-1] else None


def shown(code: str) -> str:
    """How people read it: ``7KM3Q-XN42D``."""
    return f"{code[:5]}-{code[5:]}"


def give(connection: Connection, *, decision_id: str, customer_id: str, rule_id: str) -> str:
    """The customer's code for this decision, made now if there is none yet. The customer must exist.

    Raises:
        RuntimeError: no free code in several tries, which is not to be expected before the end of the world.
    """
    of_this = (offer_codes.c.decision_id == decision_id, offer_codes.c.customer_id == customer_id)
    for _ in range(_TRIES):
        there = connection.execute(select(offer_codes.c.code).where(*of_this)).scalar_one_or_none()
        if there is not None:
            return str(there)
        drawn = "".join(secrets.choice(ALPHABET) for _ in range(_RANDOM))
        connection.execute(
            insert(offer_codes)
            .values(
                code=drawn + check_character(drawn), decision_id=decision_id, customer_id=customer_id, rule_id=rule_id
            )
            .on_conflict_do_nothing()
        )
    raise RuntimeError(f"no free offer code in {_TRIES} tries")


def get(connection: Connection, code: str) -> OfferCode | None:
    """The code (normalised), or ``None`` for one that was never given or whose customer was erased."""
    row = connection.execute(select(offer_codes).where(offer_codes.c.code == code)).mappings().one_or_none()
    return None if row is None else _read(row)


def redeem(
    connection: Connection,
    code: str,
    *,
    order_id: str,
    amount: Decimal | None,
    currency: str | None,
    store_id: str | None,
) -> OfferCode | None:
    """Redeem it now, by the database's clock; ``None`` where it is not there or was redeemed before."""
    statement = (
        update(offer_codes)
        .where(offer_codes.c.code == code, offer_codes.c.redeemed_at.is_(None))
        .values(redeemed_at=func.now(), order_id=order_id, amount=amount, currency=currency, store_id=store_id)
        .returning(offer_codes)
    )
    row = connection.execute(statement).mappings().one_or_none()
    return None if row is None else _read(row)


def _read(row: RowMapping) -> OfferCode:
    return OfferCode(**{name: row[name] for name in OfferCode.__struct_fields__})
