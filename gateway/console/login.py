"""The login: an API key in, a signed cookie out. Plain HTML, so that it works before anything else does."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader
from starlette.concurrency import run_in_threadpool

from gateway.api.access import KeyRing
from gateway.console import session
from gateway.console.session import LOGIN

ASSETS = Path(__file__).parent / "assets"

_log = structlog.get_logger(__name__)
_pages = Environment(loader=FileSystemLoader(ASSETS), autoescape=True)


class Guesses:
    """How often a wrong key may be tried: so many a minute from one address, and so many from all together."""

    def __init__(
        self, *, each: int = 10, together: int = 100, seconds: float = 60.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._each = each
        self._together = together
        self._seconds = seconds
        self._clock = clock
        self._wrong: deque[tuple[float, str]] = deque()

    def exhausted(self, address: str) -> bool:
        """Whether this address must wait."""
        self._forget()
        own = sum(1 for _, where in self._wrong if where == address)
        return own >= self._each or len(self._wrong) >= self._together

    def wrong(self, address: str) -> None:
        """Count one."""
        self._wrong.append((self._clock(), address))

    def _forget(self) -> None:
        while self._wrong and self._wrong[0][0] < self._clock() - self._seconds:
            self._wrong.popleft()


def router(ring: KeyRing, guesses: Guesses | None = None) -> APIRouter:
    """The routes of logging in and out."""
    routes = APIRouter(include_in_schema=False)
    counted = guesses or Guesses()

    @routes.get("/console")
    def without_slash() -> Response:
        return RedirectResponse(session.HOME, 303)

    @routes.get(LOGIN)
    def ask(next: str = session.HOME) -> Response:  # noqa: A002 - the query parameter's name
        return _page(next)

    @routes.post(LOGIN)
    async def enter(request: Request) -> Response:
        form = await request.form()
        key, wanted = str(form.get("key", "")).strip(), str(form.get("next", session.HOME))
        address = request.client.host if request.client else ""
        if counted.exhausted(address):
            return _page(wanted, "Too many wrong keys. Wait a minute and try again.", 429)
        caller = await run_in_threadpool(ring.find, key) if key else None
        if caller is None:
            counted.wrong(address)
            _log.warning("console.login_refused", address=address)
            return _page(wanted, "That key does not work. Keys begin with kz_ and are shown once, when made.", 401)
        if not session.may_enter(caller):
            return _page(wanted, f"A key of role {caller.role} may not see customers; use one of another role.", 403)
        session.remember(request.session, caller)
        return RedirectResponse(session.safe_return(wanted), 303)

    @routes.post("/console/logout")
    def leave(request: Request) -> Response:
        request.session.clear()
        return RedirectResponse(LOGIN, 303)

    return routes


def _page(wanted: str, said: str = "", status: int = 200) -> HTMLResponse:
    text = _pages.get_template("login.html").render(next=session.safe_return(wanted), said=said)
    return HTMLResponse(text, status, headers={"Cache-Control": "no-store"})
