"""Who is logged in: a signed cookie that names the key, looked at on each request below ``/console``."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api.access import ACCESS, Caller, KeyRing

HOME: Final = "/console/"
LOGIN: Final = "/console/login"
SESSION_COOKIE: Final = "kizashi_console"
SESSION_SECONDS: Final = 12 * 3600
RECHECK_SECONDS = 5.0

_OPEN = (LOGIN, "/console/assets/", "/console/_nicegui/")
_HEADERS = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    # Pages are compiled in the browser (unsafe-eval), and nothing may ever come from elsewhere.
    "Content-Security-Policy": "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
    "connect-src 'self' ws: wss:; "
    "frame-ancestors 'none'; form-action 'self'; base-uri 'self'",
}


def may(caller: Caller, method: str, route: str) -> bool:
    """Whether the API's table lets the caller do it: the console grants nothing more."""
    return caller.role in ACCESS.get((method, route), frozenset())


def may_enter(caller: Caller) -> bool:
    """The console shows customers, so it takes a role that may read them."""
    return may(caller, "GET", "/v1/customers")


def remember(session: dict[str, Any], caller: Caller) -> None:
    """Log in."""
    session.clear()
    session["caller"] = [caller.key_id, caller.name, caller.role]


def recall(session: dict[str, Any]) -> Caller | None:
    """Who logged in, if anybody."""
    match session.get("caller"):
        case [str(key_id), str(name), ("admin" | "agent" | "read") as role]:
            return Caller(key_id, name, role)
        case _:
            return None


def safe_return(path: str) -> str:
    """Where to go after logging in: a page of ours, whatever the link said."""
    ours = path.startswith(HOME) and not any(sign in path for sign in ("\\", "\r", "\n", "//"))
    return path if ours and not path.startswith(LOGIN) else HOME


class SessionGate:
    """ASGI middleware inside the session's: nobody sees a page, or opens its socket, without having logged in."""

    def __init__(self, app: ASGIApp, ring: KeyRing, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._ring = ring
        self._clock = clock
        self._checked: dict[Caller, float] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through with its caller, or send it to the login."""
        if scope["type"] not in {"http", "websocket"} or not _is_console(scope["path"]):
            await self._app(scope, receive, send)
            return
        guarded = _with_headers(send) if scope["type"] == "http" else send
        if scope["path"].startswith(_OPEN):
            await self._app(scope, receive, guarded)
            return
        try:
            caller = await self._caller(scope)
        except SQLAlchemyError:
            await self._away(scope, receive, guarded)
            return
        if caller is None:
            await self._turn_away(scope, receive, guarded)
            return
        scope.setdefault("state", {})["caller"] = caller
        await self._app(scope, receive, guarded)

    async def _caller(self, scope: Scope) -> Caller | None:
        caller = recall(scope["session"])
        if caller is None:
            return None
        if self._clock() < self._checked.get(caller, 0.0):
            return caller
        asked = self._clock()  # from here on, however late the answer comes
        if not await run_in_threadpool(self._ring.still_valid, caller):
            self._checked.pop(caller, None)
            return None
        self._checked[caller] = asked + RECHECK_SECONDS
        return caller

    async def _turn_away(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["method"] == "GET" and "_nicegui" not in scope["path"]:
            query = scope["query_string"].decode("latin-1")
            wanted = scope["path"] + (f"?{query}" if query else "")
            await RedirectResponse(f"{LOGIN}?next={quote(wanted)}", 303)(scope, receive, send)
        else:
            await PlainTextResponse("Log in first.", 401)(scope, receive, send)

    async def _away(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1013})
        else:
            await PlainTextResponse("The database can't be reached; try again in a moment.", 503)(scope, receive, send)


def _is_console(path: str) -> bool:
    return path == "/console" or path.startswith("/console/")


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(_HEADERS)
        await send(message)

    return sending
