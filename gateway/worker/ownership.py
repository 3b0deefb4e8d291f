"""Which partitions this worker may write for.

Ownership of a partition is a PostgreSQL session lock on the very connection that commits. A worker that lost its
connection lost its locks with it, so it cannot commit. See docs/explanation/ownership.md.
"""

from __future__ import annotations

import os
from math import ceil
from typing import Final

import structlog
from sqlalchemy import Connection, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert

from gateway.storage.tables import workers

log = structlog.get_logger()

# The two-number space of advisory locks: the first says what is locked.
PARTITION_LOCK: Final = 0x6B7A01
PRESENCE_LOCK: Final = 0x6B7A02

SILENT_SECONDS: Final = 15
"""A worker that holds locks and has not been heard of for so long is stopped, not slow: its connection is ended."""


def fair_share(partitions: int, alive: int) -> int:
    """How many of ``partitions`` one of ``alive`` workers should own at most."""
    return ceil(partitions / max(alive, 1))


class Ownership:
    """The locks of one worker, all on ``connection``. Every method commits or rolls back what it began."""

    def __init__(self, connection: Connection, worker_id: str, partitions: int) -> None:
        self._connection = connection
        self._worker_id = worker_id
        self._partitions = partitions
        self.owned: set[int] = set()

    def announce(self) -> None:
        """Take the presence lock, by which the others count this worker."""
        self._connection.execute(
            text("SELECT pg_advisory_lock_shared(:space, pg_backend_pid())"), {"space": PRESENCE_LOCK}
        )
        self._connection.commit()

    def heartbeat(self) -> None:
        """Say that this worker runs and what it owns, and end the connections of those that stopped saying so."""
        row = {
            "id": self._worker_id,
            "backend_pid": self._connection.execute(select(func.pg_backend_pid())).scalar_one(),
            "process_id": os.getpid(),
            "partitions": sorted(self.owned),
        }
        values = {**row, "seen_at": func.now()}
        self._connection.execute(
            insert(workers).values(values).on_conflict_do_update(index_elements=["id"], set_=values)
        )
        self._end_silent_owners()
        self._connection.commit()

    def rebalance(self) -> tuple[set[int], set[int]]:
        """Claim what is free up to a fair share.

        Returns:
            What was gained, and what is too much and should be released once it is checkpointed.
        """
        share = fair_share(self._partitions, self._alive())
        gained: set[int] = set()
        # Start at another place than the others do, so that all do not try the same ones first.
        start = os.getpid() % self._partitions
        for offset in range(self._partitions):
            partition = (start + offset) % self._partitions
            if len(self.owned) >= share:
                break
            if partition not in self.owned and self._try_lock(partition):
                self.owned.add(partition)
                gained.add(partition)
        self._connection.commit()
        surplus = set(sorted(self.owned - gained)[share:])
        return gained, surplus

    def release(self, partition: int) -> None:
        """Give ``partition`` up; its checkpoint must have been written."""
        self._connection.execute(
            text("SELECT pg_advisory_unlock(:space, :partition)"), {"space": PARTITION_LOCK, "partition": partition}
        )
        self._connection.commit()
        self.owned.discard(partition)

    def leave(self) -> None:
        """Take this worker off the list."""
        self._connection.execute(delete(workers).where(workers.c.id == self._worker_id))
        self._connection.commit()

    def _alive(self) -> int:
        count: int = self._connection.execute(
            text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = :space AND granted"),
            {"space": PRESENCE_LOCK},
        ).scalar_one()
        return count

    def _try_lock(self, partition: int) -> bool:
        got: bool = self._connection.execute(
            text("SELECT pg_try_advisory_lock(:space, :partition)"), {"space": PARTITION_LOCK, "partition": partition}
        ).scalar_one()
        return got

    def _end_silent_owners(self) -> None:
        """A process that is stopped (not dead) keeps its connection, and so its locks, for ever."""
        silent = self._connection.execute(
            text(
                "DELETE FROM workers WHERE id <> :me AND seen_at < now() - make_interval(secs => :silent)"
                " RETURNING id, backend_pid"
            ),
            {"me": self._worker_id, "silent": SILENT_SECONDS},
        ).all()
        for worker_id, backend_pid in silent:
            # Only a connection that still holds a presence lock is the one that we mean: process ids come again.
            ended = self._connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
                    " AND classid = :space AND objid = :pid AND pid = :pid"
                ),
                {"space": PRESENCE_LOCK, "pid": backend_pid},
            ).scalar_one_or_none()
            if ended:
                log.warning("worker.silent_owner_ended", worker=worker_id)
