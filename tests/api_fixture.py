"""The HTTP application over a real database and a log that remembers, without a network."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

from devices.event import Event, encode_batch
from gateway.api.app import create_app
from gateway.log import LogUnreachableError, Record, RejectedRecord
from gateway.settings import Settings
from gateway.storage import keys
from gateway.storage.database import connect
from gateway.storage.keys import ROLES, Role

NOW = 1_767_225_600_000
BOOTSTRAP = "bootstrap-key-of-the-tests"
PARTITIONS = 4


class RememberingLog:
    """Takes appends in order, unless it is told to be away."""

    def __init__(self) -> None:
        self.appended: list[tuple[int, list[Event]]] = []
        self.rejected: list[RejectedRecord] = []
        self.away = False

    @property
    def reachable(self) -> bool:
        return not self.away

    def of(self, partition: int) -> list[Event]:
        """Everything in that partition."""
        return [event for at, events in self.appended if at == partition for event in events]

    async def append(self, partition: int, events: list[Event]) -> int:
        self._refuse_if_away()
        self.appended.append((partition, events))
        return len(self.appended)

    async def reject(self, *records: RejectedRecord) -> None:
        self._refuse_if_away()
        self.rejected.extend(records)

    async def rejected_count(self) -> int:
        self._refuse_if_away()
        return len(self.rejected)

    async def recent_rejected(self, n: int) -> list[RejectedRecord]:
        self._refuse_if_away()
        return self.rejected[::-1][:n]

    async def read_raw(self, partition: int, after_seq: int = 0) -> AsyncGenerator[list[Record], None]:
        """Each append is a record, numbered over all partitions."""
        self._refuse_if_away()
        for seq, (at, events) in enumerate(self.appended, 1):
            if at == partition and seq > after_seq:
                yield [Record(seq, NOW, 0, encode_batch(events))]

    async def first_seq(self) -> int:
        self._refuse_if_away()
        return 1

    def _refuse_if_away(self) -> None:
        if self.away:
            raise LogUnreachableError("no answer")


class Calls:
    """Calls the application as one of the roles."""

    def __init__(self, client: httpx.AsyncClient, secrets: dict[Role, str]) -> None:
        self.client = client
        self.secrets = secrets

    async def __call__(self, method: str, path: str, *, role: Role | None = "admin", **more: Any) -> httpx.Response:
        headers = dict(more.pop("headers", {}))
        if role is not None:
            headers.setdefault("Authorization", f"Bearer {self.secrets[role]}")
        return await self.client.request(method, path, headers=headers, **more)


@contextlib.asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """The application with its background work, and a client for it."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        yield client


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = connect(database_url)
    yield made
    made.dispose()


@pytest.fixture
def log() -> RememberingLog:
    return RememberingLog()


@pytest.fixture
def app(engine: Engine, log: RememberingLog, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    monkeypatch.setenv("KIZASHI_API__BOOTSTRAP_KEY", BOOTSTRAP)
    monkeypatch.setenv("KIZASHI_LOG__PARTITIONS", str(PARTITIONS))
    return create_app(Settings(), engine, log, console=False, clock=lambda: NOW)


@pytest.fixture
async def call(app: FastAPI, engine: Engine) -> AsyncIterator[Calls]:
    with engine.begin() as connection:
        secrets: dict[Role, str] = {role: keys.add(connection, f"the {role}", role).secret for role in ROLES}
    async with running(app) as client:
        yield Calls(client, secrets)
