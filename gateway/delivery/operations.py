"""Looks for troubles and tells the operations team, one process at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

import msgspec
import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import InterfaceError, OperationalError

from gateway.delivery.troubles import News, review, worded
from gateway.settings import Settings
from gateway.storage import troubles

log = structlog.get_logger()

LOOK_S = 15.0
PAUSE = timedelta(minutes=1)
"""At most one message in this time; what happens meanwhile goes into the next one."""


class Channel(Protocol):
    """The team's channels (``notifiers.operations.channel``)."""

    def tell(self, title: str, text: str, *, good_news: bool) -> bool:
        """Send once; whether anybody took it."""
        ...


class Watch:
    """One process's watch. ``run`` it in a thread."""

    def __init__(self, engine: Engine, channel: Channel, clock: Callable[[], datetime], *, dead_letters: int) -> None:
        """``clock``: UTC; ``dead_letters``: how many failed messages an hour are no trouble."""
        self._engine = engine
        self._channel = channel
        self._clock = clock
        self._dead_letters = dead_letters
        self._last_try: datetime | None = None

    def run(self, stop: threading.Event) -> None:
        """Look until ``stop`` is set. A lost database is waited for."""
        while not stop.is_set():
            try:
                self.look_once()
            except (OperationalError, InterfaceError) as error:
                log.warning("operations.database_away", error=str(error.orig), retry_s=LOOK_S)
            stop.wait(LOOK_S)

    def look_once(self) -> None:
        """Look, and tell what is news. The lock is held while it is told, so that nobody else tells it too."""
        with self._engine.begin() as connection:
            if troubles.take_turn(connection):
                self._look(connection, self._clock())

    def _look(self, connection: Connection, now: datetime) -> None:
        found = troubles.find(connection, now, dead_letters=self._dead_letters)
        standing = review(troubles.known(connection), found, now)
        troubles.keep(connection, standing.kept)
        troubles.forget(connection, standing.passed)
        if standing.news.is_any and self._may_tell(now) and self._tell(standing.news):
            troubles.keep(connection, [msgspec.structs.replace(each, told_at=now) for each in standing.news.begun])
            troubles.forget(connection, [each.id for each in standing.news.over])

    def _may_tell(self, now: datetime) -> bool:
        return self._last_try is None or now - self._last_try >= PAUSE

    def _tell(self, news: News) -> bool:
        self._last_try = self._clock()
        title, text = worded(news)
        told = self._channel.tell(title, text, good_news=not news.begun)
        begun, over = [each.id for each in news.begun], [each.id for each in news.over]
        if told:
            log.info("operations.told", begun=begun, over=over)
        else:
            log.error("operations.not_told", begun=begun, over=over, again_after_s=PAUSE.total_seconds())
        return told


def watch(engine: Engine, settings: Settings, clock: Callable[[], datetime]) -> Watch | None:
    """The watch that the settings ask for; ``None`` where nobody wants to be told, or the URLs can't be used."""
    urls = settings.operations.urls
    if urls is None:
        return None
    from notifiers.operations.channel import OperationsChannel
    from notifiers.operations.config import OperationsConfig, urls_of

    try:
        channel = OperationsChannel(OperationsConfig(urls=urls_of(urls.get_secret_value())))
    except ValueError as error:
        log.warning("operations.settings_unusable", error=str(error))
        return None
    return Watch(engine, channel, clock, dead_letters=settings.operations.dead_letters)
