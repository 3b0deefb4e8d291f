"""Erasing a customer while everybody else goes on."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from gateway.storage import erasures

_DEADLOCK: Final = "40P01"
_TRIES: Final = 5
_WAIT_S: Final = 5.0
"""At most so long for the transactions that were under way; none of ours takes as long."""
_PAUSE_S: Final = 0.1

_THIS: Final = text("SELECT pg_current_xact_id()::text")
_OLDER_HAVE_ENDED: Final = text("SELECT pg_snapshot_xmin(pg_current_snapshot()) > CAST(:mine AS xid8)")


def erase(engine: Engine, customer_id: str, *, sleep: Callable[[float], object] = time.sleep) -> int:
    """Remove the customer and everything that speaks of them; returns the rows, 0 where nothing did.

    What others were writing of them at that moment is removed too, as soon as they have written it: from then on they
    see that the customer was erased.

    Raises:
        OperationalError: the database is away.
    """
    removed, mine = _insist(engine, customer_id, erasures.erase)
    if not removed:
        return 0
    end = time.monotonic() + _WAIT_S
    sleep(_PAUSE_S)
    while not _older_have_ended(engine, mine) and time.monotonic() < end:
        sleep(_PAUSE_S)
    return removed + _insist(engine, customer_id, erasures.erase_rest)[0]


def _insist(engine: Engine, customer_id: str, remove: Callable[[Connection, str], int]) -> tuple[int, str]:
    """The rows, and the number of the transaction.

    Whoever records at this moment what became of several of their messages may lock them in another order:
    PostgreSQL then ends one of the two, and it is done again.
    """
    tries = 0
    while True:
        tries += 1
        try:
            with engine.begin() as connection:
                return remove(connection, customer_id), connection.execute(_THIS).scalar_one()
        except OperationalError as error:
            if tries == _TRIES or getattr(error.orig, "sqlstate", None) != _DEADLOCK:
                raise


def _older_have_ended(engine: Engine, mine: str) -> bool:
    with engine.connect() as connection:
        ended: bool = connection.execute(_OLDER_HAVE_ENDED, {"mine": mine}).scalar_one()
    return ended
