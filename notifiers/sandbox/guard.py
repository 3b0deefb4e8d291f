"""Keeps other web pages from using the sandbox's own interface through the browser of whoever runs it."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from fastapi import HTTPException, Request

from notifiers.egress import is_here

_READING = frozenset({"GET", "HEAD", "OPTIONS"})


def guard(bound_to: str) -> Callable[[Request], None]:
    """A dependency that refuses what a foreign page has sent (403).

    The ``Origin`` of a request that changes something must be the sandbox itself; bound to loopback, the ``Host`` must
    be loopback too, or a name that was pointed here (DNS rebinding) would count as the sandbox itself.
    """

    def check(request: Request) -> None:
        host = request.headers.get("Host", "")
        origin = request.headers.get("Origin")
        if is_here(bound_to) and not is_here(urlsplit(f"//{host}").hostname or ""):
            raise HTTPException(403, "The sandbox answers to this machine's own names only.")
        if origin is not None and request.method not in _READING and urlsplit(origin).netloc != host:
            raise HTTPException(403, "Another page may not use the sandbox.")

    return check
