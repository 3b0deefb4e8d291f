"""The page, its parts, and the HTML of a mail, which may do nothing but look like something."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Final

from fastapi import APIRouter, HTTPException, Response

from notifiers.sandbox.outbound import Outbound
from notifiers.sandbox.record import Record

_PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; frame-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_MAIL_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)
_ALWAYS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_ASSETS: Final = (
    "sandbox.css",
    "theme.js",
    "page.js",
    "elements.js",
    "phone.js",
    "conversation.js",
    "mailbox.js",
    "badday.js",
    "mark.svg",
)
_HEAD: Final = re.compile(r"<head(\s[^>]*)?>", re.IGNORECASE)
_ORIGIN: Final = re.compile(r"https?://[^/\"'\s<>]+(?=/)", re.IGNORECASE)
_NEW_WINDOW: Final = '<base target="_blank">'


def router(record: Record, outbound: Outbound) -> APIRouter:
    """``/``, ``/customers/…``, ``/assets/…`` and the letters."""
    routes = APIRouter()
    folder = files("notifiers.sandbox").joinpath("assets")
    page = folder.joinpath("page.html").read_text(encoding="utf-8")
    assets = {name: folder.joinpath(name).read_bytes() for name in _ASSETS}

    @routes.get("/")
    @routes.get("/customers/{customer_id:path}")
    async def index() -> Response:
        return Response(page, headers={**_ALWAYS, "Content-Security-Policy": _PAGE_POLICY}, media_type="text/html")

    @routes.get("/assets/{name}")
    async def asset(name: str) -> Response:
        if name not in assets:
            raise HTTPException(404)
        return Response(assets[name], headers=_ALWAYS, media_type=_TYPES[name[name.rindex(".") :]])

    @routes.get("/sandbox/messages/{n}/html")
    async def letter(n: int, to: str) -> Response:
        received = record.find(n, to)
        if received is None or received.html is None:
            raise HTTPException(404, "There is no such mail, or it has no HTML part.")
        html = framed(received.html, outbound)
        return Response(html, headers={**_ALWAYS, "Content-Security-Policy": _MAIL_POLICY}, media_type="text/html")

    return routes


def framed(html: str, outbound: Outbound) -> str:
    """A mail's HTML with links that open in a window of their own, and those of the gateway where it can be reached."""
    reachable = html
    if outbound.base:
        reachable = _ORIGIN.sub(lambda url: outbound.base if url.group() in outbound.origins else url.group(), html)
    head = _HEAD.search(reachable)
    at = head.end() if head else 0
    return reachable[:at] + _NEW_WINDOW + reachable[at:]
