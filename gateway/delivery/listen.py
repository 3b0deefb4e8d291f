"""Hears the outbox's wake-ups: PostgreSQL's NOTIFY, on a connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable

import psycopg
import structlog
from psycopg import sql
from sqlalchemy import Engine

from gateway.storage import wake

log = structlog.get_logger()

LOOK_S = 1.0
RETRY_S = 1.0


def listen(engine: Engine, on_wake: Callable[[str], None], stop: threading.Event) -> None:
    """Call ``on_wake`` with each notification's payload until ``stop`` is set.

    Connects again when the connection is lost; what came meanwhile is one empty payload.
    """
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    while not stop.is_set():
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(wake.OUTBOX)))
                on_wake("")  # what came while nobody listened
                while not stop.is_set():
                    for heard in connection.notifies(timeout=LOOK_S, stop_after=1):
                        on_wake(heard.payload)
        except psycopg.OperationalError as error:
            log.warning("listen.database_away", error=str(error).splitlines()[0], retry_s=RETRY_S)
            stop.wait(RETRY_S)
