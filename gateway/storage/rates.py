"""What is saved up in the buckets that all processes share, by name; how they fill is told in ``delivery.rate``.

The clock is the database's, read once the bucket's turn has come, so that machines need not agree on the time.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql import insert

from gateway.storage.tables import rates

CLASS: Final = 0x6B7A05
"""First half of the lock's key; the bucket's name makes the other."""

IDLE: Final = "5s"
"""A process that hangs with a bucket in its hands (its machine sleeps, its cable is pulled) loses it after this."""

_ALONE: Final = text(
    "SELECT set_config('idle_in_transaction_session_timeout', :idle, true), pg_advisory_xact_lock(:class, place)"
    " FROM (SELECT unnest(CAST(:places AS int[])) AS place ORDER BY 1) AS in_order"
)
_ALONE_IF_FREE: Final = text(
    "SELECT set_config('idle_in_transaction_session_timeout', :idle, true), name"
    " FROM unnest(CAST(:names AS text[]), CAST(:places AS int[])) AS wanted(name, place)"
    " WHERE pg_try_advisory_xact_lock(:class, place)"
)
_READ: Final = text("""
SELECT wanted.name, rates.saved, rates.at, clock_timestamp() AS now
FROM unnest(CAST(:names AS text[])) AS wanted(name) LEFT JOIN rates ON rates.name = wanted.name
""")
_ADD: Final = insert(rates)
_PUT: Final = _ADD.on_conflict_do_update(
    index_elements=["name"], set_={"saved": _ADD.excluded.saved, "at": _ADD.excluded.at}
)


class Level(NamedTuple):
    """What a bucket holds at a moment of the database's clock."""

    saved: float
    at: datetime


class Looked(NamedTuple):
    """A bucket as it was left, ``None`` where it was never used, and the moment at which it is looked at."""

    left: Level | None
    now: datetime


def look(connection: Connection, names: Collection[str]) -> dict[str, Looked]:
    """Each of the buckets; until the transaction ends nobody else looks at them. Waits for whoever does."""
    places = sorted(_place(name) for name in names)
    connection.execute(_ALONE, {"class": CLASS, "places": places, "idle": IDLE})
    return _read(connection, names)


def look_if_free(connection: Connection, names: Collection[str]) -> dict[str, Looked]:
    """The same of those that nobody else looks at now; never waits."""
    asked = {"class": CLASS, "names": list(names), "places": [_place(name) for name in names], "idle": IDLE}
    free = [row.name for row in connection.execute(_ALONE_IF_FREE, asked)]
    return _read(connection, free)


def _read(connection: Connection, names: Collection[str]) -> dict[str, Looked]:
    rows = connection.execute(_READ, {"names": list(names)}).all() if names else []
    return {row.name: Looked(None if row.saved is None else Level(row.saved, row.at), row.now) for row in rows}


def _place(name: str) -> int:
    """Second half of the key, 31 bits."""
    return zlib.crc32(name.encode()) & 0x7FFF_FFFF


def put(connection: Connection, levels: Mapping[str, Level]) -> None:
    """Write what the buckets hold now, in the transaction that has looked."""
    if levels:
        connection.execute(_PUT, [{"name": name, **level._asdict()} for name, level in levels.items()])
