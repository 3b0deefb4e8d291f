"""Writes outcomes into the database: accepted ones many at a time, the others one by one, in the order of coming."""

from __future__ import annotations

import contextlib
import queue
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TypeGuard

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError

from gateway.delivery import rate, settlement
from gateway.delivery.rate import Bucket
from gateway.delivery.settlement import Asked, Rules, Sent, Untried
from gateway.storage import claims
from notifiers.outcome import Accepted

log = structlog.get_logger()

GROUP = 200
GATHER_S = 0.002
"""How long a record waits for company: a commit costs several times as much, whatever is in it."""
RETRY_S = (0.05, 0.2, 0.5, 1.0)

Record = Sent | Asked | Untried


def _nobody() -> None:
    """Nobody waits for the record."""


class Recorder:
    """One thread. What a dead database keeps it from writing waits here, and no more is claimed meanwhile."""

    def __init__(
        self,
        engine: Engine,
        rules: Rules,
        clock: Callable[[], datetime],
        on_change: Callable[[], None],
        buckets: Mapping[str, Bucket],
    ) -> None:
        """Start the thread.

        Args:
            engine: one connection of it.
            rules: the owner's name and the limits.
            clock: UTC.
            on_change: called after anything that may have made new work (a next step, a repeat).
            buckets: by provider, the rates that claims are taken from.
        """
        self._buckets = buckets
        self._engine = engine
        self._rules = rules
        self._clock = clock
        self._on_change = on_change
        self._queue: queue.SimpleQueue[tuple[Record, Callable[[], None]] | None] = queue.SimpleQueue()
        self._waiting = 0
        self._lock = threading.Lock()
        self._closed = False
        threading.Thread(target=self._work, name="recorder", daemon=True).start()

    @property
    def waiting(self) -> int:
        """Records not yet committed."""
        return self._waiting

    def put(self, record: Record, on_written: Callable[[], None] = _nobody) -> None:
        """Have ``record`` written; then ``on_written`` is called, from the recorder's thread."""
        with self._lock:
            self._waiting += 1
        self._queue.put((record, on_written))

    def close(self) -> None:
        """End the thread; what is not written yet is left to its lease."""
        self._closed = True
        self._queue.put(None)

    def _work(self) -> None:
        while not self._closed:
            group = self._next_group()
            self._write([record for record, _ in group])
            with self._lock:
                self._waiting -= len(group)
            for _, on_written in group:
                on_written()

    def _write(self, group: Sequence[Record]) -> None:
        accepted = [each for each in group if isinstance(each, Sent) and isinstance(each.outcome, Accepted)]
        if accepted:
            self._insist(partial(self._accepted, accepted))
        untried = [each.message.id for each in group if isinstance(each, Untried)]
        if untried:
            self._insist(partial(self._give_back, untried))
        rest = [each for each in group if isinstance(each, Asked) or _has_consequences(each)]
        for record in rest:
            self._insist(partial(self._single, record))
        if rest or untried:
            self._on_change()

    def _next_group(self) -> list[tuple[Record, Callable[[], None]]]:
        """What waits, at least one unless closed."""
        found = [self._queue.get()]
        end = time.monotonic() + GATHER_S
        with contextlib.suppress(queue.Empty):
            while len(found) < GROUP and not self._closed:
                found.append(self._queue.get(timeout=max(0.0, end - time.monotonic())))
        return [each for each in found if each is not None]

    def _insist(self, write: Callable[[Connection], None]) -> None:
        """Write in a transaction of its own, again and again while the database is away.

        Writing twice is harmless: each write is guarded by the claim that the first one ended.
        """
        tries = 0
        while not self._closed:
            try:
                with self._engine.begin() as connection:
                    write(connection)
                return
            except Exception as error:
                if not _is_away(error):  # one record that can't be written must not hold up those behind it
                    log.exception("recorder.record_set_aside")  # its lease settles it
                    return
                pause = RETRY_S[min(tries, len(RETRY_S) - 1)]
                tries += 1
                log.warning("recorder.database_away", error=str(error.orig), retry_s=pause)
                time.sleep(pause)

    def _accepted(self, accepted: list[Sent], connection: Connection) -> None:
        settlement.record_accepted(connection, accepted, self._rules.owner, self._clock())

    def _give_back(self, ids: Sequence[str], connection: Connection) -> None:
        """What was not tried has used up nothing of its provider's rate either."""
        givers = Counter(claims.give_back(connection, ids, owner=self._rules.owner))
        limited = {name: self._buckets[name] for name in givers if name in self._buckets}
        if limited:
            rate.spend(connection, rate.look(connection, limited), {name: -givers[name] for name in limited})

    def _single(self, record: Sent | Asked, connection: Connection) -> None:
        if isinstance(record, Asked):
            settlement.record_asked(connection, record, self._rules, self._clock())
        else:
            # Jitter wants no secrecy.
            settlement.record_sent(connection, record, self._rules, self._clock(), random.random())  # noqa: S311


def _is_away(error: Exception) -> TypeGuard[DBAPIError]:
    """Whether the database is; or we hung, and it has hung up on us."""
    hung_up = isinstance(error, InternalError) and error.connection_invalidated
    return hung_up or isinstance(error, OperationalError | InterfaceError)


def _has_consequences(record: Record) -> TypeGuard[Sent]:
    return isinstance(record, Sent) and not isinstance(record.outcome, Accepted)
