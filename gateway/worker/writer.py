"""Everything that a worker writes to PostgreSQL, in order, on the one connection that holds its locks."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TypeVar

import structlog
from prometheus_client import Counter, Histogram
from sqlalchemy import Connection
from sqlalchemy.exc import InterfaceError, OperationalError

from gateway.storage import alerts, checkpoints, decisions, faults, turns, unread
from gateway.storage.checkpoints import Checkpoint
from gateway.worker.partition import Folded
from gateway.worker.pipelined import pipelined
from rules.decision import Decision, Fault, Intervention, Note, Outcome

log = structlog.get_logger()

MAX_WAITING = 2_000
"""Folded records with outcomes that may wait; beyond it the fold waits, so memory stays bounded."""
MAX_GROUP = 200
"""Records that are taken from the queue at once when there is a backlog."""
TRANSACTION_SECONDS = 0.025
"""No further outcome joins a transaction that is older: the first one waits for the last one's commit."""

MAX_TOGETHER = 128
"""Outcomes of one transaction: for each customer among them it holds a lock, of which PostgreSQL has some thousands."""

DECISIONS = Counter("kizashi_decisions", "Decisions written, by transition", ["transition"])
SET_ASIDE = Counter("kizashi_outcomes_set_aside", "Outcomes that could not be written and were set aside")
CHECKPOINT_SECONDS = Histogram("kizashi_checkpoint_seconds", "Time to write one partition's checkpoint")

T = TypeVar("T")
Follow = Callable[[Connection, Decision | Intervention, datetime], None]
"""Writes what follows from a decision (the contact with the customer) or a person's word, in the same transaction."""


class Save(tuple[int, Checkpoint, int]):
    """A checkpoint to write: partition, checkpoint, newest event time in ms."""

    __slots__ = ()


class Writer:
    """One thread, one connection, one queue: a checkpoint can never overtake the decisions that came before it."""

    def __init__(self, connection: Connection, follow: Follow, clock: Callable[[], datetime]) -> None:
        self._connection = connection
        self._follow = follow
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="worker-writer")
        self._queue: asyncio.Queue[Folded | Save] = asyncio.Queue(MAX_WAITING)
        self._lost: OperationalError | InterfaceError | None = None

    async def put(self, item: Folded | Save) -> None:
        """Queue ``item``; waits while the queue is full."""
        await self._queue.put(item)

    async def drained(self) -> None:
        """Return once everything that was queued is committed."""
        await self._queue.join()

    async def call(self, function: Callable[..., T], *arguments: object) -> T:
        """Run ``function`` on the connection's own thread, after what runs there now.

        Raises:
            OperationalError, InterfaceError: the connection is gone; from then on always, whatever ``function`` is.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._locked, function, *arguments)

    def _locked(self, function: Callable[..., T], *arguments: object) -> T:
        """SQLAlchemy would connect anew by itself for whoever comes next, and the new connection holds no locks."""
        if self._lost is not None:
            raise self._lost
        try:
            return function(*arguments)
        except (OperationalError, InterfaceError) as error:
            self._lost = error
            raise

    async def run(self) -> None:
        """Commit for ever.

        Raises:
            OperationalError: the connection is gone, and with it the locks.
        """
        while True:
            items = [await self._queue.get()]
            while len(items) < MAX_GROUP and not self._queue.empty():
                items.append(self._queue.get_nowait())
            await self.call(self.commit, items)
            for _ in items:
                self._queue.task_done()

    def close(self) -> None:
        """End the thread, without waiting for what it may be stuck in."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def commit(self, items: Sequence[Folded | Save]) -> None:
        """Write ``items`` in their order; to be called on the connection's own thread.

        Raises:
            OperationalError: the connection is gone.
        """
        group: list[Folded] = []
        for item in items:
            if isinstance(item, Folded):
                group.append(item)
                continue
            self._write_outcomes(group)
            group = []
            self._write_checkpoint(item)
        self._write_outcomes(group)

    def _write_checkpoint(self, save: Save) -> None:
        partition, checkpoint, newest_at = save
        with CHECKPOINT_SECONDS.time(), self._connection.begin():
            checkpoints.save(self._connection, partition, checkpoint, newest_at=newest_at)

    def _write_outcomes(self, group: list[Folded]) -> None:
        """In transactions of several; where one outcome can't be written, each of the rest in its own."""
        outcomes = [(folded.partition, outcome) for folded in group for outcome in folded.outcomes]
        while outcomes:
            try:
                outcomes = outcomes[self._write_together(outcomes) :]
            except (OperationalError, InterfaceError):
                raise
            except Exception as error:  # noqa: BLE001  # whatever one outcome raises must not stop the partition
                self._refuse_if_lost(error)
                log.warning("worker.group_failed", error=str(error), outcomes=len(outcomes))
                for partition, outcome in outcomes:
                    self._write_alone(partition, outcome)
                return

    def _write_together(self, outcomes: Sequence[tuple[int, Outcome]]) -> int:
        """Write the first of ``outcomes``, as many as fit into one transaction; returns how many those were."""
        outcomes = outcomes[:MAX_TOGETHER]
        now, full_at = self._clock(), time.monotonic() + TRANSACTION_SECONDS
        made: list[Decision] = []
        written = 0
        with self._connection.begin(), pipelined(self._connection), unread.kept_back(self._connection):
            turns.take(self._connection, _spoken_of(outcomes))
            for partition, outcome in outcomes:
                match outcome:
                    case Decision():
                        kept = decisions.record(self._connection, outcome)
                        if kept is not None:
                            self._follow(self._connection, kept, now)
                            made.append(kept)
                    case Intervention():
                        if alerts.heed(self._connection, outcome):
                            self._follow(self._connection, outcome, now)
                    case Note():
                        decisions.record_note(self._connection, outcome)
                    case Fault():
                        faults.record(self._connection, partition, outcome)
                written += 1
                if time.monotonic() > full_at:
                    break
        for decision in made:
            DECISIONS.labels(decision.transition).inc()
        return written

    def _refuse_if_lost(self, error: Exception) -> None:
        """Whatever was raised on a lost connection: the next statement would be on a new one, without our locks.

        Raises:
            OperationalError: it is lost.
        """
        if self._connection.invalidated:
            raise OperationalError("the connection was lost", None, error) from error

    def _write_alone(self, partition: int, outcome: Outcome) -> None:
        try:
            self._write_together([(partition, outcome)])
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:  # set aside with its trace; the partition moves on
            self._refuse_if_lost(error)
            log.exception("worker.outcome_set_aside", partition=partition)
            SET_ASIDE.inc()
            if isinstance(outcome, Decision):
                fault = Fault(outcome.rule_id, outcome.subject, outcome.position, str(error), traceback.format_exc())
                self._write_together([(partition, fault)])


def _spoken_of(outcomes: Sequence[tuple[int, Outcome]]) -> set[str]:
    """The customers of whose alerts, cases or contacts something may be locked because of ``outcomes``.

    Contacts may be planned with them; and whoever erases one locks what is theirs in another order.
    """
    return {
        outcome.customer_id
        for _, outcome in outcomes
        if isinstance(outcome, Decision | Intervention) and outcome.customer_id is not None
    }
