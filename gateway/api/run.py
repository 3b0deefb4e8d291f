"""Serving the application until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import structlog
import uvicorn
from fastapi import FastAPI

from gateway.embedded.errors import EmbeddedError
from gateway.embedded.ports import Bind, parse_bind

log = structlog.get_logger()

GRACE_SECONDS = 3
KEEP_ALIVE_SECONDS = 30
MAX_CONNECTIONS = 2_000


class PortTakenError(EmbeddedError):
    """``http.bind`` can't be listened on; the message says why."""


class Quiet(uvicorn.Server):
    """Uvicorn without its own signal handling: the process that serves has more to stop than this."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the caller."""
        yield


def listening_socket(text: str) -> socket.socket:
    """A socket that listens on ``http.bind``.

    Raises:
        EmbeddedError: not an address.
        PortTakenError: somebody else has it, or it is not ours to take.
    """
    bind = parse_bind(text, "http.bind")
    try:
        return _bound(bind)
    except OSError as error:
        raise PortTakenError(
            f"http.bind: can't listen on {bind}: {error.strerror}; stop what uses it or choose another port"
        ) from error


async def serve(app: FastAPI, listening: socket.socket, stop: asyncio.Event) -> None:
    """Answer requests until ``stop`` is set, then let those under way finish."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        limit_concurrency=MAX_CONNECTIONS,
        server_header=False,
    )
    server = Quiet(config)

    async def until_told() -> None:
        await stop.wait()
        server.should_exit = True

    host, port = listening.getsockname()[:2]
    log.info("api.serving", host=host, port=port)
    watching = asyncio.create_task(until_told())
    try:
        await server.serve(sockets=[listening])
    finally:
        watching.cancel()
        stop.set()


def _bound(bind: Bind) -> socket.socket:
    found = socket.getaddrinfo(bind.host, bind.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = found[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(1024)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening
