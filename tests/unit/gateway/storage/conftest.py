"""A database of its own for each module: tests keep to subjects of their own in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine

from gateway.storage.database import connect
from tests.postgres_fixture import PostgresForTests


@pytest.fixture(scope="module")
def engine(postgres: PostgresForTests) -> Iterator[Engine]:
    name = postgres.fresh()
    made = connect(postgres.url(name))
    yield made
    made.dispose()
    postgres.drop(name)


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """A transaction that is never committed."""
    with engine.connect() as made:
        yield made
        made.rollback()
