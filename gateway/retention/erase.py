"""Erasing a customer while everybody else goes on."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from gateway.storage import erasures

_DEADLOCK: Final = "40P01"
_TRIES: Final = 5
_WAIT_S: Final = 5.0
"""At most so long for the transactions that were under way; none of ours takes as long."""
_PAUSE_S: Final = 0.1

_NOW: Final = text("SELECT clock_timestamp()")
_OLDER_HAVE_ENDED: Final = text(
    "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND xact_start <= :since"
    " AND backend_type = 'client backend' AND pid <> pg_backend_pid())"
)
"""By when they began, not by their numbers: a transaction has none before it writes, and may have looked before."""


def erase(engine: Engine, customer_id: str, *, sleep: Callable[[float], object] = time.sleep) -> int:
    """Remove the customer and everything that speaks of them; returns the rows, 0 where nothing did.

    What others were writing of them at that moment is removed too, as soon as they have written it: from then on they
    see that the customer was erased.

    Raises:
        OperationalError: the database is away.
    """
    removed = _insist(engine, customer_id, erasures.erase)
    if not removed:
        return 0
    with engine.connect() as connection:
        since = connection.execute(_NOW).scalar_one()
    end = time.monotonic() + _WAIT_S
    sleep(_PAUSE_S)
    while not _older_have_ended(engine, since) and time.monotonic() < end:
        sleep(_PAUSE_S)
    return removed + _insist(engine, customer_id, erasures.erase_rest)


def _insist(engine: Engine, customer_id: str, remove: Callable[[Connection, str], int]) -> int:
    """The rows.

    Whoever records at this moment what became of several of their messages may lock them in another order:
    PostgreSQL then ends one of the two, and it is done again.
    """
    tries = 0
    while True:
        tries += 1
        try:
            with engine.begin() as connection:
                return remove(connection, customer_id)
        except OperationalError as error:
            if tries == _TRIES or getattr(error.orig, "sqlstate", None) != _DEADLOCK:
                raise


def _older_have_ended(engine: Engine, since: datetime) -> bool:
    with engine.connect() as connection:
        ended: bool = connection.execute(_OLDER_HAVE_ENDED, {"since": since}).scalar_one()
    return ended
