"""Statements sent without waiting for the answers that nobody reads: PostgreSQL's pipeline mode.

A decision takes some fifteen statements, half of them inserts and notifications whose answer says nothing. Waiting for
each would cost a round trip, and on a busy machine two turns of the scheduler. See
docs/decisions/0005-pipelined-decisions.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Self

import psycopg
from psycopg.abc import Params
from psycopg.rows import TupleRow
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from gateway.storage.errors import without_rows
from gateway.storage.unread import UNHEARD

_ANSWER_NOTHING = ("SELECT pg_notify(", "SELECT pg_advisory_xact_lock(", f"UPDATE {UNHEARD} ")


class _Cursor(psycopg.Cursor[TupleRow]):
    """Waits for an answer only where somebody may read it."""

    def __init__(self, connection: psycopg.Connection[Any], pipeline: psycopg.Pipeline, **options: Any) -> None:
        super().__init__(connection, **options)
        self._whole = pipeline

    def execute(self, query: Any, params: Params | None = None, **options: Any) -> Self:
        super().execute(query, params, **options)
        if not answers_nothing(str(query)):
            # Until the answer is there, the driver (and so SQLAlchemy) takes the statement for one without rows.
            self._whole.sync()
        return self


def answers_nothing(statement: str) -> bool:
    """Whether the answer to ``statement`` is never read: plain inserts, notifications, locks that are waited for.

    An update only where it says so itself: how many rows it met is often asked. Behind a lock that it waits for,
    PostgreSQL runs what follows in the pipeline with a snapshot of its own, so there is nothing to wait for here.
    """
    if statement.startswith("INSERT "):
        return "RETURNING" not in statement
    return statement.startswith(_ANSWER_NOTHING)


@contextmanager
def pipelined(connection: Connection) -> Iterator[None]:
    """Have what is inside run in a pipeline; no COPY is possible meanwhile. To be used inside of the transaction.

    A statement that fails is heard of at a later one, at the latest at the end, so before the commit. The pipeline has
    to end before a rollback: what was sent behind the failure would otherwise be reported in its place.

    Raises:
        OperationalError: the connection is gone.
        psycopg.Error: a statement that nobody waited for had failed.
    """
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    usual = driver.cursor_factory
    try:
        with driver.pipeline() as pipeline:
            driver.cursor_factory = partial(_Cursor, pipeline=pipeline)  # type: ignore[assignment]  # it is only called
            yield
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        # From the pipeline's own start or end, past SQLAlchemy: as its callers know it.
        raise OperationalError("the pipeline of a transaction", None, error) from error
    except psycopg.Error as error:  # past SQLAlchemy, too
        without_rows(error)
        raise
    finally:
        driver.cursor_factory = usual
