"""The templates that hold, in each process that words messages: one set at a time, changed as a whole."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from gateway.storage import template_sets
from gateway.templates_watch import held
from notifiers.templates import TemplateError, Templates

log = structlog.get_logger()

ASK_SECONDS = 1.0


class Wording:
    """Ask ``templates`` once for a message, so that one set words all of it."""

    def __init__(self, engine: Engine, place: Path | None) -> None:
        """Read them.

        Args:
            engine: the database, which keeps what holds.
            place: ``templates.dir``, where the database keeps nothing yet.

        Raises:
            TemplateError: the database keeps nothing yet, and ``place`` is not a folder.
            SQLAlchemyError: the database is away.
        """
        self._engine = engine
        self._place = place
        with engine.connect() as connection:
            self._version, self.templates = held(connection, place)

    def known(self) -> Mapping[str, Mapping[str, str]]:
        """The templates that rules may name, and on which channels each says nothing; see ``rules.document.parse``."""
        return self.templates.lacking

    def refresh(self) -> bool:
        """Take over what holds now; whether that is another set.

        Raises:
            SQLAlchemyError: the database is away.
        """
        with self._engine.connect() as connection:
            if template_sets.newest_version(connection) == self._version:
                return False
            self._version, self.templates = held(connection, self._place)
        log.info("templates.taken_over", version=self.templates.version)
        return True

    def run(self, stop: threading.Event, tell: Callable[[Templates], None] = lambda _: None) -> None:
        """Follow what holds until ``stop`` is set, and ``tell`` of each change. A lost database is waited for."""
        away = False
        while not stop.wait(ASK_SECONDS):
            try:
                if self.refresh():
                    tell(self.templates)
                away = False
            except (SQLAlchemyError, TemplateError) as error:
                if not away:
                    log.warning("templates.not_asked_for", error=str(error).splitlines()[0])
                away = True


@contextmanager
def followed(wording: Wording) -> Iterator[Wording]:
    """Follow what holds as long as the block lasts."""
    stop = threading.Event()
    thread = threading.Thread(target=wording.run, args=(stop,), name="wording", daemon=True)
    thread.start()
    try:
        yield wording
    finally:
        stop.set()
        thread.join()
