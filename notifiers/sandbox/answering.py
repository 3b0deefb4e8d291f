"""How the HTTP stand-ins answer under a fault: late, in pieces, with rubbish, or never."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from notifiers.sandbox.faults import Fault

SILENCE_S = 60.0
"""A silent provider gives up at last."""

_RUBBISH = b'{"name": "projects/'


class Connections:
    """The open TCP connections, so that one can be cut without an answer."""

    def __init__(self) -> None:
        """None yet."""
        self._open: dict[Any, asyncio.Transport] = {}

    def protocol(self) -> type[asyncio.Protocol]:
        """The HTTP protocol class for uvicorn that tells us of its connections."""
        opened = self._open
        base: Any = AutoHTTPProtocol

        class Noted(base):  # type: ignore[misc]
            """uvicorn's protocol, its transport noted."""

            def connection_made(self, transport: asyncio.Transport) -> None:
                self.noted_as = transport.get_extra_info("peername")
                opened[self.noted_as] = transport
                super().connection_made(transport)

            def connection_lost(self, exc: Exception | None) -> None:
                opened.pop(self.noted_as, None)
                super().connection_lost(exc)

        return Noted

    async def cut(self, request: Request) -> Response:
        """Reset the request's connection; the response that is returned goes nowhere."""
        client = request.client
        transport = self._open.get((client.host, client.port)) if client else None
        if transport is not None:
            transport.abort()
        while not await request.is_disconnected():  # noqa: ASYNC110 - ASGI offers nothing to wait for
            await asyncio.sleep(0.01)
        return Response()


async def answer(
    request: Request,
    fault: Fault,
    connections: Connections,
    process: Callable[[], Response],
    refuse: Callable[[int], Response],
) -> Response:
    """Answer ``request`` as ``fault`` wants it.

    Args:
        request: the request, its body read.
        fault: the switch that was taken for it.
        connections: to cut connections.
        process: handles the request well; called only in modes that take the message.
        refuse: the provider's own error answer for an HTTP status.
    """
    match fault.mode:
        case "500" | "503" | "429":
            response = refuse(int(fault.mode))
            if fault.mode == "429":
                response.headers["Retry-After"] = f"{fault.seconds:.0f}"
            return response
        case "drop_before":
            return await connections.cut(request)
        case "silent":
            await _wait(request, SILENCE_S)
            return await connections.cut(request)
        case "slow":
            await _wait(request, fault.seconds)
    response = process()
    match fault.mode:
        case "drop_after":
            return await connections.cut(request)
        case "malformed":
            return Response(_RUBBISH, response.status_code, media_type="application/json")
        case "dribble":
            return StreamingResponse(
                _in_pieces(bytes(response.body), fault.seconds), response.status_code, media_type="application/json"
            )
    return response


async def _wait(request: Request, seconds: float) -> None:
    """Sleep, but not longer than the client waits."""
    ends = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < ends and not await request.is_disconnected():  # noqa: ASYNC110
        await asyncio.sleep(min(0.05, seconds))


async def _in_pieces(body: bytes, pause_s: float) -> AsyncIterator[bytes]:
    for index in range(len(body)):
        yield body[index : index + 1]
        await asyncio.sleep(pause_s)
