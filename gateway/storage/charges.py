"""What each message took out of its day's budget, while that may yet be given back.

A charge belongs to the last time its message was paid for. It is given back with the change of the message's state, in
the same transaction, so never twice; where a provider may have had the message the charge is kept for good. The sums
in ``spending`` follow when the next message takes something: whoever changes a charge may hold locks for long, and
must hold none that a taker could wait for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

from sqlalchemy import Connection, and_, delete, text, update
from sqlalchemy.dialects.postgresql import insert

from gateway.storage.tables import charges

_NEW: Final = insert(charges)
_ADD: Final = _NEW.on_conflict_do_update(
    index_elements=["message_id"],
    set_={name: _NEW.excluded[name] for name in ("day", "units", "charged", "counted")},
)
_PENDING: Final = text("""
SELECT c.day, m.channel, m.address, CASE WHEN c.charged THEN c.units ELSE -c.units END AS units
FROM charges AS c JOIN messages AS m ON m.id = c.message_id
WHERE c.charged <> c.counted AND c.day = :day
""")
_SETTLE: Final = text("""
WITH due AS (
    SELECT c.message_id, c.day, m.channel, m.address, c.charged,
           CASE WHEN c.charged THEN c.units ELSE -c.units END AS units
    FROM charges AS c JOIN messages AS m ON m.id = c.message_id
    WHERE c.charged <> c.counted AND c.day <= :day
    FOR UPDATE OF c SKIP LOCKED
)
UPDATE charges SET counted = due.charged FROM due WHERE charges.message_id = due.message_id
RETURNING due.day, due.channel, due.address, due.units
""")


class Change(NamedTuple):
    """Units that the sums of ``day`` are short of, or below 0 have too many."""

    day: date
    channel: str
    address: str
    units: int


def add(connection: Connection, day: date, units: Mapping[str, int]) -> None:
    """The messages have taken ``units`` by id; their sums are counted already."""
    rows = [
        {"message_id": message_id, "day": day, "units": count, "charged": True, "counted": True}
        for message_id, count in units.items()
    ]
    if rows:
        connection.execute(_ADD, rows)


def give_back(connection: Connection, message_ids: Sequence[str]) -> None:
    """The provider certainly does not charge for these: they have ended, and it never had them."""
    _charge(connection, message_ids, charged=False)


def keep(connection: Connection, message_ids: Sequence[str]) -> None:
    """Whatever becomes of these now, what they took so far is taken for good."""
    if message_ids:
        settled = charges.c.charged == charges.c.counted
        connection.execute(delete(charges).where(and_(charges.c.message_id.in_(message_ids), settled)))


def pending(connection: Connection, day: date) -> list[Change]:
    """What the sums of ``day`` do not know of yet."""
    return [Change(*row) for row in connection.execute(_PENDING, {"day": day})]


def settle(connection: Connection, day: date) -> list[Change]:
    """Count what is pending up to ``day`` as known to the sums, and return it for them. Waits for nobody."""
    return [Change(*row) for row in connection.execute(_SETTLE, {"day": day})]


def _charge(connection: Connection, message_ids: Sequence[str], *, charged: bool) -> None:
    if message_ids:
        concerned = and_(charges.c.message_id.in_(message_ids), charges.c.charged.is_(not charged))
        connection.execute(update(charges).where(concerned).values(charged=charged))
