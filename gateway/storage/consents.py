"""Consents: what a customer agreed to hear, by which channel, and where they said so."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import Connection, delete, func, or_, select, true, tuple_
from sqlalchemy.dialects.postgresql import insert

from gateway.storage.tables import consents


class Consents(msgspec.Struct, frozen=True):
    """Everything one customer said: purpose to channel to yes or no. What is not there was not agreed to."""

    granted: dict[str, dict[str, bool]] = {}
    source: str = ""
    at: datetime | None = None


def put(connection: Connection, customer_id: str, stated: Consents) -> None:
    """Replace all of the customer's consents. The customer must exist (a foreign key says so).

    What was said just so before keeps its time: since then it can be shown.
    """
    said = [(purpose, channel) for purpose, channels in stated.granted.items() for channel in channels]
    unsaid = tuple_(consents.c.purpose, consents.c.channel).not_in(said) if said else true()
    connection.execute(delete(consents).where(consents.c.customer_id == customer_id, unsaid))
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
    statement = insert(consents)
    new = statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=["customer_id", "purpose", "channel"],
        set_={"granted": new.granted, "source": new.source, "at": func.clock_timestamp()},
        where=or_(consents.c.granted != new.granted, consents.c.source != new.source),
    )
    connection.execute(statement, rows)


def withdraw(connection: Connection, customer_id: str, *, purpose: str, channel: str, source: str) -> None:
    """Record one "no", for example from an unsubscribe link; the rest stays."""
    values = {"granted": False, "source": source, "at": func.clock_timestamp()}
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
