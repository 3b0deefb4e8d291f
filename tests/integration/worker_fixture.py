"""Workers for tests on a real log and a real database, and what they made of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, text

from gateway.delivery.means import follow
from gateway.delivery.rendering import Means
from gateway.log import EventLog
from gateway.worker import run as worker
from gateway.worker.partition import Folded
from gateway.worker.writer import Follow, Writer
from rules.decision import Decision, Intervention
from tests.integration.nats_fixture import NatsServer

PARTITIONS = 4


@pytest.fixture
def nats_server(tmp_path: Path) -> NatsServer:
    """Not started; a test that uses the log may kill it and start it again."""
    return NatsServer(tmp_path / "nats")


@pytest.fixture
async def log(nats_server: NatsServer) -> AsyncIterator[EventLog]:
    """The event log, of ``PARTITIONS``."""
    nats_server.start()
    opened = await EventLog.connect(nats_server.url, name="test")
    await opened.ensure_streams(PARTITIONS)
    try:
        yield opened
    finally:
        await opened.close()
        nats_server.kill()


def nothing_follows(_connection: Connection, _decision: Decision | Intervention, _now: datetime) -> None:
    """These tests look at decisions only."""


@asynccontextmanager
async def working(
    engine: Engine, log: EventLog, checkpoint_seconds: float = 0.2, follow: Follow = nothing_follows
) -> AsyncIterator[asyncio.Event]:
    """A worker while the context lasts; setting the event ends it before."""
    stop = asyncio.Event()
    running = asyncio.create_task(
        worker.run(
            engine=engine,
            event_log=log,
            partitions=PARTITIONS,
            checkpoint_seconds=checkpoint_seconds,
            follow=follow,
            stop=stop,
        )
    )
    try:
        yield stop
    finally:
        stop.set()
        await asyncio.wait_for(running, 20)


def all_at_once(engine: Engine, means: Means, *loads: list[Folded], at: datetime | None = None) -> None:
    """Each load by a worker of its own, all at once; they contact customers, by a clock that stands still ``at``."""
    begin = threading.Barrier(len(loads))

    def work(records: list[Folded]) -> None:
        with engine.connect() as connection:
            writer = Writer(connection, follow(means), lambda: at or datetime.now(UTC))
            begin.wait(10)
            writer.commit(records)
            writer.close()

    with ThreadPoolExecutor(len(loads)) as pool:
        for each in [pool.submit(work, records) for records in loads]:
            each.result(120)


def read(engine: Engine, sql: str) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(sql))]


async def eventually(engine: Engine, sql: str, wanted: Sequence[tuple[object, ...]], within: float = 30.0) -> None:
    end = asyncio.get_running_loop().time() + within
    while (got := await asyncio.to_thread(read, engine, sql)) != wanted:
        assert asyncio.get_running_loop().time() < end, f"{sql}: {got}"
        await asyncio.sleep(0.05)


def cut(engine: Engine) -> None:
    """End all of the workers' connections, as an administrator or a failing network would."""
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_terminate_backend(backend_pid) FROM workers"))
