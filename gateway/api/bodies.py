"""Request bodies, before anybody looks at them: not too big, and not at a byte a second."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api import problems

MAX_BYTES = 1_000_000
MAX_SECONDS = 10.0


class TooLargeError(Exception):
    """The body is longer than allowed."""


class GoneError(Exception):
    """The client went away in the middle of its body."""


class BodyLimit:
    """ASGI middleware that reads the whole body within a size (413) and a time (408), then hands it on in one piece."""

    def __init__(self, app: ASGIApp, *, max_bytes: int = MAX_BYTES, max_seconds: float = MAX_SECONDS) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._max_seconds = max_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through with its body read, or answer it here."""
        if scope["type"] != "http" or scope["method"] in {"GET", "HEAD", "OPTIONS"}:
            await self._app(scope, receive, send)
            return
        try:
            self._refuse_announced(scope)
            async with asyncio.timeout(self._max_seconds):
                body = await self._read(receive)
        except TooLargeError:
            detail = f"The body is longer than {self._max_bytes} bytes; send it in parts."
            await self._answer(413, detail, scope, receive, send)
        except TimeoutError:
            detail = f"The body did not arrive within {self._max_seconds:g} seconds; send it again."
            await self._answer(408, detail, scope, receive, send)
        except GoneError:
            return
        else:
            await self._app(scope, _replay(body, receive), send)

    def _refuse_announced(self, scope: Scope) -> None:
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit() and int(value) > self._max_bytes:
                raise TooLargeError

    async def _read(self, receive: Receive) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise GoneError
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > self._max_bytes:
                raise TooLargeError
            chunks.append(chunk)
            if not message.get("more_body", False):
                return b"".join(chunks)

    async def _answer(self, status: int, detail: str, scope: Scope, receive: Receive, send: Send) -> None:
        # What is left of the body is not read: the connection can't be used again.
        await problems.response(status, detail, headers={"Connection": "close"})(scope, receive, send)


class JsonUnlessSaid:
    """ASGI middleware for ``/v1``: a body without a type, or with the one that ``curl -d`` gives it, is JSON."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Name the body's type, then go on."""
        if scope["type"] == "http" and scope["path"].startswith("/v1/"):
            headers = [(name, value) for name, value in scope["headers"] if not _says_nothing(name, value)]
            if not any(name == b"content-type" for name, _ in headers):
                headers.append((b"content-type", b"application/json"))
            scope = {**scope, "headers": headers}
        await self._app(scope, receive, send)


def _says_nothing(name: bytes, value: bytes) -> bool:
    return name == b"content-type" and value.startswith(b"application/x-www-form-urlencoded")


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed
