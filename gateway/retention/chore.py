"""Retention by the calendar: once a day by one process, a missed day as soon as somebody is there.

APScheduler only wakes it. Whether it is due says the database, where the last time is written.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger
from prometheus_client import Counter, Gauge
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import InterfaceError, OperationalError

from gateway.retention import prune
from gateway.retention.plan import cutoffs, erased_are_named_for
from gateway.settings import Retention
from gateway.storage import chores, erasures

log = structlog.get_logger()

CHORE: Final = "retention"
LOOK_AGAIN_S: Final = 300.0
"""After a failure, or when the process that did it has died."""

REMOVED = Counter("kizashi_retention_removed", "Rows deleted because they were old enough", ["kind"])
DONE = Gauge("kizashi_retention_done_timestamp_seconds", "When retention was last done to its end, by any process")


def due(at: str, last: datetime | None, now: datetime) -> bool:
    """Whether it was not done since the last ``at`` (``"03:30"``, UTC) before ``now``."""
    hour, minute = map(int, at.split(":"))
    today = now.astimezone(UTC).replace(hour=hour, minute=minute, second=0, microsecond=0)
    latest = today if today <= now else today - timedelta(days=1)
    return last is None or last < latest


class Chore:
    """One process's part of it."""

    def __init__(
        self, engine: Engine, retention: Retention, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """``clock``: UTC."""
        self._engine = engine
        self._retention = retention
        self._clock = clock
        self._stop = threading.Event()

    async def until_stopped(self) -> None:
        """Look at once, at the hour, and every few minutes, until cancelled; what is under way ends with its batch."""
        hour, minute = map(int, self._retention.at.split(":"))
        at_the_hour = CronTrigger(hour=hour, minute=minute, timezone=UTC)
        scheduler = AsyncIOScheduler(timezone=UTC)
        scheduler.add_job(
            self._look,
            OrTrigger([at_the_hour, IntervalTrigger(seconds=int(LOOK_AGAIN_S), timezone=UTC)]),
            next_run_time=self._clock(),
            misfire_grace_time=None,
            coalesce=True,
        )
        scheduler.start()
        try:
            await asyncio.Event().wait()
        finally:
            self._stop.set()
            scheduler.shutdown(wait=False)

    async def _look(self) -> None:
        await asyncio.to_thread(self.look_once)

    def look_once(self) -> None:
        """Do it where it is due and nobody else does. A lost database is waited for."""
        try:
            with self._engine.connect() as connection, chores.alone(connection, CHORE) as mine:
                if mine:
                    self._look_alone(connection)
        except (OperationalError, InterfaceError) as error:
            log.warning("retention.database_away", error=type(error).__name__, retry_s=LOOK_AGAIN_S)

    def _look_alone(self, connection: Connection) -> None:
        last = chores.last(connection, CHORE)
        connection.commit()
        now = self._clock()
        if last is not None:
            DONE.set(last.at.timestamp())
        if due(self._retention.at, last and last.at, now):
            perform(connection, self._retention, now, stop=self._stop)


def perform(
    connection: Connection,
    retention: Retention,
    now: datetime,
    *,
    stop: threading.Event,
    heard: Callable[[str, int], None] = lambda _kind, _rows: None,
) -> dict[str, int]:
    """Delete what is old enough at ``now`` (UTC); returns the rows by kind.

    Args:
        connection: with the chore's lock, and nothing under way.
        retention: the periods.
        now: the present.
        stop: set it to leave the rest to the next time.
        heard: told of each batch, kind and rows.
    """

    def counted(kind: str, rows: int) -> None:
        REMOVED.labels(kind).inc(rows)
        heard(kind, rows)

    gone = prune.delete(connection, cutoffs(retention, now), sleep=stop.wait, stopped=stop.is_set, heard=counted)
    if stop.is_set():
        log.info("retention.interrupted", removed=_some(gone))
        return gone
    erasures.forget_groups(connection)
    erasures.forget_old(connection, erased_are_named_for(retention))
    chores.done(connection, CHORE, now, gone)
    connection.commit()
    DONE.set(now.timestamp())
    log.info("retention.done", removed=_some(gone))
    return gone


def _some(gone: dict[str, int]) -> dict[str, int]:
    return {kind: rows for kind, rows in gone.items() if rows}
