"""The system's numbers for all viewers: read once, however many look."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

import msgspec
import structlog
from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import SQLAlchemyError

from gateway.api.context import Log
from gateway.log import LogError, RejectedRecord
from gateway.storage import overview
from gateway.storage.overview import Overview
from gateway.storage.tables import customers, partitions
from gateway.storage.timeline import Entry

_log = structlog.get_logger(__name__)

SAMPLE_SECONDS = 2.0
SAMPLES = 150
"""Five minutes."""
SMOOTHED_OVER = 6
"""Samples: 12 s hold as many checkpoints (every 3 s by default) wherever they begin, so the rate does not jump."""
WATCHED_SECONDS = 10.0
"""Without a viewer for so long only the events are counted."""
LOG_SECONDS = 3.0


class Picture(msgspec.Struct, frozen=True):
    """What the overview shows."""

    numbers: Overview
    newest: list[Entry]
    names: dict[str, str]
    """Customer id to name, of the newest entries."""
    rejected: int | None
    """``None``: the log can't be reached."""
    refused: list[RejectedRecord]
    """The last rejected records, newest first."""


class Pulse:
    """Samples the database every two seconds; viewers take the last picture."""

    def __init__(self, engine: Engine, log: Log, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._log = log
        self._clock = clock
        self._events: deque[tuple[float, int]] = deque(maxlen=SAMPLES + SMOOTHED_OVER)
        self._asked = float("-inf")
        self.picture: Picture | None = None
        self.away = False
        """The database did not answer last time."""

    def watch(self) -> Picture | None:
        """The last picture; somebody is looking."""
        self._asked = self._clock()
        return self.picture

    def rates(self) -> list[float]:
        """Events a second, oldest first, smoothed over a few samples."""
        samples = list(self._events)
        pairs = zip(samples, samples[SMOOTHED_OVER:], strict=False)
        return [max(0.0, (after - before) / (end - start)) for (start, before), (end, after) in pairs if end > start]

    async def keep_sampling(self) -> None:
        """Sample until cancelled. An absent database is waited for."""
        while True:
            try:
                await self.sample()
                self.away = False
            except SQLAlchemyError as error:
                if not self.away:
                    _log.warning("console.database_away", error=type(error).__name__)
                self.away = True
            await asyncio.sleep(SAMPLE_SECONDS)

    async def sample(self) -> None:
        """Read once: everything when somebody looks, else the count of events."""
        if self._clock() - self._asked > WATCHED_SECONDS:
            events = await asyncio.to_thread(self._count_events)
            self.picture = None
        else:
            numbers, newest, names = await asyncio.to_thread(self._read)
            rejected, refused = await self._refused()
            self.picture = Picture(numbers, newest, names, rejected, refused)
            events = numbers.events
        self._events.append((self._clock(), events))

    def _count_events(self) -> int:
        with self._engine.connect() as connection:
            total = select(func.coalesce(func.sum(partitions.c.events), 0))
            return int(connection.execute(total).scalar_one())

    def _read(self) -> tuple[Overview, list[Entry], dict[str, str]]:
        with self._engine.connect() as connection:
            newest = overview.newest_entries(connection)
            return overview.read(connection), newest, names_of(connection, {entry.customer_id for entry in newest})

    async def _refused(self) -> tuple[int | None, list[RejectedRecord]]:
        try:
            async with asyncio.timeout(LOG_SECONDS):
                return await self._log.rejected_count(), await self._log.recent_rejected(5)
        except (LogError, TimeoutError):
            return None, []


def names_of(connection: Connection, customer_ids: set[str]) -> dict[str, str]:
    """The names of these customers, by id; without one, the id."""
    query = select(customers.c.id, customers.c.name).where(customers.c.id.in_(customer_ids))
    return {customer_id: name or customer_id for customer_id, name in connection.execute(query)}
