"""Connecting to PostgreSQL and bringing its schema up to date."""

from __future__ import annotations

import time
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import OperationalError

from gateway.storage import errors

MIGRATIONS = Path(__file__).parent / "migrations"
# Any number will do, as long as all processes take the same.
MIGRATION_LOCK = 0x6B697A61


class DatabaseUnfitError(Exception):
    """The database can't carry Kizashi; the message says why and what to change."""


def connect(url: str, *, pool_size: int = 5) -> Engine:
    """An engine for ``url`` (``postgresql://…`` or ``postgresql+psycopg://…``); connects on first use."""
    if url.startswith(("postgresql://", "postgres://")):
        url = "postgresql+psycopg://" + url.split("://", 1)[1]
    # Errors are logged: what was to be written is customers' names, addresses and words.
    made = create_engine(url, pool_size=pool_size, max_overflow=pool_size, pool_pre_ping=True, hide_parameters=True)
    errors.hide_rows(made)
    return made


def wait_until_reachable(engine: Engine, *, seconds: float) -> None:
    """Return once a connection works.

    Raises:
        OperationalError: it did not within ``seconds``.
    """
    end = time.monotonic() + seconds
    while True:
        try:
            with engine.connect():
                return
        except OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def migrate(engine: Engine) -> None:
    """Bring the schema to this version. Safe when several processes start at once: the first one does it.

    Raises:
        DatabaseUnfitError: a pooler that shares sessions stands in front of the database.
    """
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.connect() as connection:
        refuse_shared_sessions(connection)
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
        connection.commit()
        try:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATION_LOCK})
            connection.commit()


def refuse_shared_sessions(connection: Connection) -> None:
    """Partition ownership is a session lock, so two transactions must run on the same server process.

    Raises:
        DatabaseUnfitError: they do not (a transaction-pooling proxy).
    """
    seen = set()
    for _ in range(5):
        seen.add(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
        connection.commit()
    if len(seen) > 1:
        raise DatabaseUnfitError(
            "database.url leads through a transaction-pooling proxy, which breaks session locks: "
            "point it at PostgreSQL itself, or at a pool in session mode"
        )
