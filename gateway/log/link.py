"""The connection to the log's server: it comes back by itself, and says so to those who wait on it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from itertools import count

import msgspec
import nats
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from gateway.log.errors import LogUnreachableError

log = structlog.get_logger()

RECONNECT_SECONDS = 0.25
REQUEST_SECONDS = 5.0
UNBOUNDED = 0


class Stored(msgspec.Struct):
    """The server's answer to an append."""

    seq: int = 0
    error: dict[str, object] | None = None


class NotStoredError(Exception):
    """No acknowledgement: the record may or may not stand in the stream."""


_stored = msgspec.json.Decoder(Stored)


class Link:
    """One connection to NATS, shared by appends and readers of one process."""

    def __init__(self) -> None:
        self.nc = Client()
        self.js: JetStreamContext = self.nc.jetstream(timeout=REQUEST_SECONDS)
        self.up = asyncio.Event()
        self.on_return: set[Callable[[], None]] = set()
        """Called after each reconnection: what the server held for us in memory is gone."""
        self._waiting: dict[str, asyncio.Future[Stored]] = {}
        self._inbox = ""
        self._numbers = count(1)
        self._last_error: Exception | None = None

    async def open(self, url: str, *, name: str, within: float) -> None:
        """Connect, or fail ``within`` seconds; once connected, reconnect for ever.

        Raises:
            LogUnreachableError: nobody answered at ``url``.
        """
        try:
            async with asyncio.timeout(within):
                await self.nc.connect(
                    url,
                    name=name,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=RECONNECT_SECONDS,  # type: ignore[arg-type]  # any number of seconds works
                    ping_interval=5,
                    error_cb=self._on_error,
                    disconnected_cb=self._on_lost,
                    reconnected_cb=self._on_back,
                )
        except (TimeoutError, nats.errors.Error, OSError) as error:
            await self.nc.close()
            why = self._last_error or error
            raise LogUnreachableError(f"the log at {_without_password(url)} can't be reached: {why!r}") from error
        self._inbox = self.nc.new_inbox()
        await self.nc.subscribe(
            f"{self._inbox}.*", cb=self._on_answer, pending_msgs_limit=UNBOUNDED, pending_bytes_limit=UNBOUNDED
        )
        self.up.set()

    async def close(self) -> None:
        """Close for good; appends that still wait are cancelled."""
        await self.nc.close()
        for future in self._waiting.values():
            future.cancel()

    async def store(self, subject: str, payload: bytes, message_id: str) -> int:
        """Publish once and wait for the acknowledgement; returns the record's stream sequence.

        A request of one's own instead of ``JetStreamContext.publish``: at a thousand records a second its random
        tokens and its timer for each record are a third of an append, and it learns of a lost connection only by
        timeout.

        Raises:
            NotStoredError: the server refused for now, or no acknowledgement came.
        """
        number = str(next(self._numbers))
        future: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                await self.nc.publish(
                    subject, payload, reply=f"{self._inbox}.{number}", headers={"Nats-Msg-Id": message_id}
                )
                answer = await future
        except (TimeoutError, nats.errors.Error) as error:
            raise NotStoredError(repr(error)) from error
        finally:
            del self._waiting[number]
        if answer.error is not None:
            raise NotStoredError(str(answer.error.get("description", answer.error)))
        return answer.seq

    async def _on_answer(self, message: Msg) -> None:
        future = self._waiting.get(message.subject.rpartition(".")[2])
        if future is None or future.done():
            return
        try:
            future.set_result(_stored.decode(message.data))
        except msgspec.DecodeError:  # no responders: JetStream or the stream is not there (yet)
            future.set_result(_refusal(f"no stream answers: {message.headers}"))

    async def _on_error(self, error: Exception) -> None:
        self._last_error = error
        log.debug("log.connection_error", error=repr(error))

    async def _on_lost(self) -> None:
        self.up.clear()
        if not self.nc.is_closed:
            log.warning("log.connection_lost")
        for future in self._waiting.values():
            if not future.done():
                future.set_result(_refusal("the connection was lost"))

    async def _on_back(self) -> None:
        log.info("log.connection_back")
        self.up.set()
        for call in list(self.on_return):
            call()


def _refusal(why: str) -> Stored:
    return Stored(error={"description": why})


def _without_password(url: str) -> str:
    scheme, _, rest = url.rpartition("://")
    with contextlib.suppress(ValueError):
        rest = rest[rest.rindex("@") + 1 :]
    return f"{scheme or 'nats'}://{rest}"
