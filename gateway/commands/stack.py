"""How a command reaches the running stack."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gateway import settings as settings_file
from gateway.commands.terminal import fail
from gateway.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from gateway.addresses import Addresses


def loaded_settings(**overrides: object) -> Settings:
    """The settings, or exit 1 with what is wrong with them."""
    try:
        return settings_file.load(**overrides)
    except settings_file.SettingsError as error:
        fail(str(error))


@contextmanager
def database_connection() -> Iterator[Connection]:
    """A transaction on the stack's database; commits at the end. Exit 1 where there is none."""
    with database_engine() as engine, engine.begin() as connection:
        yield connection


@contextmanager
def reading(found: Addresses) -> Iterator[Connection]:
    """One connection to the database of ``found``, to read by.

    Raises:
        SQLAlchemyError: it does not answer.
    """
    from gateway.storage.database import connect

    engine = connect(found.database_url, pool_size=1)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


@contextmanager
def database_engine() -> Iterator[Engine]:
    """The stack's database. Exit 1 where there is none, or it goes away."""
    from sqlalchemy.exc import OperationalError

    from gateway import addresses
    from gateway.storage.database import connect

    settings = loaded_settings()
    try:
        found = addresses.find(settings)
    except addresses.NotRunningError as error:
        fail(str(error))
    engine = connect(found.database_url)
    try:
        yield engine
    except OperationalError as error:
        fail(f"the database does not answer ({str(error.orig).splitlines()[0]}): is `kizashi serve` running?")
    finally:
        engine.dispose()
