"""Hearing what other processes did: PostgreSQL's LISTEN, on a connection of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

import psycopg
import structlog
from sqlalchemy import Engine, make_url

_log = structlog.get_logger(__name__)

RETRY_SECONDS = 1.0

Heard = Callable[[str, str], None]
"""Called on the event loop with the channel and the payload."""


def conninfo(engine: Engine) -> str:
    """The engine's address as libpq wants it."""
    return make_url(engine.url).set(drivername="postgresql").render_as_string(hide_password=False)


async def listen(engine: Engine, channels: Sequence[str], heard: Heard) -> None:
    """Call ``heard`` for each notification until cancelled; a lost connection is made anew."""
    while True:
        try:
            await _listen_once(conninfo(engine), channels, heard)
        except psycopg.OperationalError as error:
            _log.info("listening.lost", error=str(error).strip().splitlines()[0] if str(error) else "")
            await asyncio.sleep(RETRY_SECONDS)


async def _listen_once(address: str, channels: Sequence[str], heard: Heard) -> None:
    connection = await psycopg.AsyncConnection.connect(address, autocommit=True, connect_timeout=5)
    async with connection:
        for channel in channels:
            await connection.execute(psycopg.sql.SQL("LISTEN {}").format(psycopg.sql.Identifier(channel)))
        async for notification in connection.notifies():
            heard(notification.channel, notification.payload)


@contextlib.asynccontextmanager
async def running(*tasks: asyncio.Task[None]) -> AsyncIterator[None]:
    """Let background ``tasks`` live as long as the block; the first failure of one is raised at its end."""
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
