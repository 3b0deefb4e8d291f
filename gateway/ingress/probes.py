"""``/healthz``, ``/readyz`` and ``/metrics`` of a process that has no web server otherwise. For loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

REQUEST_SECONDS = 5.0
TEXT = "text/plain; charset=utf-8"


@asynccontextmanager
async def probes(host: str, port: int, is_ready: Callable[[], bool]) -> AsyncIterator[int]:
    """Serve the probes at ``host``:``port`` (0: any free port) while the context lasts; yields the port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                request = await reader.readuntil(b"\r\n\r\n")
                writer.write(_response(request.split(b" ", 2)[1], is_ready()))
                await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, IndexError):
            pass  # whoever asks so badly gets no answer
        finally:
            writer.close()

    server = await asyncio.start_server(answer, host, port)
    async with server:
        yield int(server.sockets[0].getsockname()[1])


def _response(path: bytes, ready: bool) -> bytes:
    match path:
        case b"/metrics":
            return _http("200 OK", CONTENT_TYPE_LATEST, generate_latest())
        case b"/healthz":
            return _http("200 OK", TEXT, b"ok\n")
        case b"/readyz":
            return (
                _http("200 OK", TEXT, b"ready\n") if ready else _http("503 Service Unavailable", TEXT, b"not ready\n")
            )
        case _:
            return _http("404 Not Found", TEXT, b"/healthz, /readyz or /metrics\n")


def _http(status: str, content_type: str, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
