"""Consents: what a customer agreed to hear, by which channel, and where they said so."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    DateTime,
    and_,
    case,
    delete,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import insert

from gateway.storage.tables import consents


class Consents(msgspec.Struct, frozen=True):
    """Everything one customer said: purpose to channel to yes or no. What is not there was not agreed to."""

    granted: dict[str, dict[str, bool]] = {}
    source: str = ""
    at: datetime | None = None


def put(connection: Connection, customer_id: str, stated: Consents, *, undated_is_new: bool = True) -> None:
    """Replace the customer's consents. The customer must exist (a foreign key says so).

    What was said just so before keeps its time: since then it can be shown.

    Args:
        connection: of the caller's transaction.
        customer_id: whose they are.
        stated: with ``at``, when it was said, what the customer took back themselves then or later stays taken back;
            ``refused`` says what that was.
        undated_is_new: without ``at`` it was said now; else what the customer took back themselves stays so.
    """
    at_rest = _not_taken_back(stated.at, undated_is_new=undated_is_new)
    said = [(purpose, channel) for purpose, channels in stated.granted.items() for channel in channels]
    unsaid = tuple_(consents.c.purpose, consents.c.channel).not_in(said) if said else true()
    connection.execute(delete(consents).where(consents.c.customer_id == customer_id, unsaid, at_rest))
    rows = [
        {
            "customer_id": customer_id,
            "purpose": purpose,
            "channel": channel,
            "granted": granted,
            "source": stated.source,
        }
        for purpose, channels in stated.granted.items()
        for channel, granted in channels.items()
    ]
    if not rows:
        return
    at = func.clock_timestamp() if stated.at is None else literal(stated.at, DateTime(timezone=True))
    statement = insert(consents).values(at=at)
    new = statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=["customer_id", "purpose", "channel"],
        set_={
            "granted": new.granted,
            "source": new.source,
            "at": at,
            "revoked_at": case((new.granted, None), else_=consents.c.revoked_at),
        },
        where=and_(at_rest, or_(consents.c.granted != new.granted, consents.c.source != new.source)),
    )
    connection.execute(statement, rows)


def refused(stated: Consents, holds: Consents) -> list[tuple[str, str]]:
    """Purpose and channel of each yes in ``stated`` that is none in what ``holds`` after it was put."""
    return [
        (purpose, channel)
        for purpose, channels in stated.granted.items()
        for channel, granted in channels.items()
        if granted and not holds.granted[purpose][channel]
    ]


def _not_taken_back(at: datetime | None, *, undated_is_new: bool) -> ColumnElement[bool]:
    if at is None and undated_is_new:
        return true()
    never = or_(consents.c.granted, consents.c.revoked_at.is_(None))
    return never if at is None else or_(never, consents.c.revoked_at < at)


def withdraw(connection: Connection, customer_id: str, *, purpose: str, channel: str, source: str) -> None:
    """Record one "no" of the customer's own, for example from an unsubscribe link; the rest stays."""
    now = func.clock_timestamp()
    values = {"granted": False, "source": source, "at": now, "revoked_at": now}
    connection.execute(
        insert(consents)
        .values(customer_id=customer_id, purpose=purpose, channel=channel, **values)
        .on_conflict_do_update(index_elements=["customer_id", "purpose", "channel"], set_=values)
    )


def get(connection: Connection, customer_id: str) -> Consents:
    """What the customer said; ``source`` and ``at`` are those of the newest statement."""
    rows = connection.execute(select(consents).where(consents.c.customer_id == customer_id).order_by(consents.c.at))
    granted: dict[str, dict[str, bool]] = {}
    source, at = "", None
    for row in rows.mappings():
        granted.setdefault(row["purpose"], {})[row["channel"]] = row["granted"]
        source, at = row["source"], row["at"]
    return Consents(granted, source, at)
