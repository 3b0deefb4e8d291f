"""Turns: contacts with one customer are planned one after the other, so that no two are both the last one allowed.

A turn is an advisory lock that ends with the transaction. It is taken before the history is read, so whoever waited
sees what the one before wrote. Against deadlocks: all turns of a transaction are taken at once, in one order, and
before any contact is locked.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection, text

CLASS: Final = 0x6B7A03
"""First half of the lock's key: tells turns from the locks of partitions and migrations."""
_TAKE: Final = text(
    "SELECT pg_advisory_xact_lock(:class, place)"
    " FROM (SELECT unnest(CAST(:places AS int[])) AS place ORDER BY 1) AS in_order"
)


_TAKEN: Final = "kizashi_turns_taken"
"""What the connection's present transaction has: to take it again is a round trip for nothing."""

_TAKE_IF_FREE: Final = text("SELECT pg_try_advisory_xact_lock(:class, :place)")


def take(connection: Connection, customer_ids: Iterable[str]) -> None:
    """Wait until nobody else plans for these customers; theirs is the turn until the transaction ends."""
    places = {_place(each) for each in customer_ids}
    transaction = connection.get_transaction()
    if transaction is not None and not connection.in_nested_transaction():
        of, taken = connection.info.get(_TAKEN, (None, set[int]()))
        if of is not transaction:
            of, taken = transaction, set()
            connection.info[_TAKEN] = (of, taken)
        places -= taken
        taken |= places
    if places:
        connection.execute(_TAKE, {"class": CLASS, "places": sorted(places)})


def take_if_free(connection: Connection, customer_id: str) -> bool:
    """Take the turn where nobody has it; whether it is taken now. Never waits."""
    free: bool = connection.execute(_TAKE_IF_FREE, {"class": CLASS, "place": _place(customer_id)}).scalar_one()
    return free


def _place(customer_id: str) -> int:
    """Second half of the key, 31 bits. Two customers may share one, and then wait for each other."""
    return zlib.crc32(customer_id.encode()) & 0x7FFF_FFFF
