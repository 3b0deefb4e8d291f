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


def listen(engine: Engine, on_wake: Callable[[], None], stop: threading.Event) -> None:
    """Call ``on_wake`` at each notification until ``stop`` is set; connects again when the connection is lost."""
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    while not stop.is_set():
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(wake.OUTBOX)))
                on_wake()  # what came while nobody listened
                while not stop.is_set():
                    for _ in connection.notifies(timeout=LOOK_S, stop_after=1):
                        on_wake()
        except psycopg.OperationalError as error:
            log.warning("listen.database_away", error=str(error).splitlines()[0], retry_s=RETRY_S)
            stop.wait(RETRY_S)
