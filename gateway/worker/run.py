"""The worker role: sessions, one after the other, until told to stop."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import sys

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import InterfaceError, OperationalError

from gateway.log import EventLog, LogError
from gateway.worker.session import Session, utc_now
from gateway.worker.writer import Follow

log = structlog.get_logger()

RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)
SWITCH_SECONDS = 0.0005
"""How long the fold may keep the interpreter from the thread that writes. Python's own 5 ms, waited for after each of
the twenty answers from the database that a decision takes, would make a decision last a tenth of a second."""


def worker_name() -> str:
    """Unique per start, and tells a person where to look."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


async def run(
    *,
    engine: Engine,
    event_log: EventLog,
    partitions: int,
    checkpoint_seconds: float,
    follow: Follow,
    stop: asyncio.Event,
) -> None:
    """Work until ``stop`` is set. A lost database ends the session, never the process."""
    sys.setswitchinterval(SWITCH_SECONDS)
    failures = 0
    while not stop.is_set():
        started = utc_now()
        try:
            await _session(engine, event_log, partitions, checkpoint_seconds, follow, stop)
        except* (OperationalError, InterfaceError, LogError, OSError, TimeoutError) as group:
            failures = 0 if (utc_now() - started).total_seconds() > 30 else failures + 1  # noqa: PLR2004
            pause = RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)]
            log.warning("worker.session_ended", errors=[str(e) for e in group.exceptions], retry_seconds=pause)
            await asyncio.sleep(pause)


async def _session(
    engine: Engine, event_log: EventLog, partitions: int, checkpoint_seconds: float, follow: Follow, stop: asyncio.Event
) -> None:
    connection = await asyncio.to_thread(engine.connect)
    try:
        session = Session(
            worker_id=worker_name(),
            connection=connection,
            event_log=event_log,
            partitions=partitions,
            checkpoint_seconds=checkpoint_seconds,
            follow=follow,
            clock=utc_now,
        )
        await session.run(stop)
    finally:
        # Not back into the pool: the session's locks must end with it.
        await asyncio.to_thread(_end, connection)


def _end(connection: Connection) -> None:
    connection.invalidate()
    connection.close()
