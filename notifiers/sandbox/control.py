"""The sandbox's own interface: switches, inbox, request log, and the page that shows them."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from notifiers.sandbox.faults import Fault, Faults
from notifiers.sandbox.outbound import Outbound
from notifiers.sandbox.record import Record


def router(record: Record, faults: Faults, outbound: Outbound) -> APIRouter:
    """``/`` and ``/sandbox/…``."""
    routes = APIRouter()
    page = files("notifiers.sandbox").joinpath("page.html").read_text(encoding="utf-8")

    @routes.get("/")
    async def index() -> HTMLResponse:
        return HTMLResponse(page)

    @routes.get("/sandbox/healthz")
    async def health() -> Response:
        calls = {"done": outbound.done, "given_up": outbound.given_up, "dropped": outbound.dropped}
        return _json({"status": "ok", "messages": record.counts(), "callbacks": calls})

    @routes.get("/sandbox/messages")
    async def messages(channel: str = "", to: str = "", limit: int = 1000) -> Response:
        return _json(record.messages(channel, to, limit))

    @routes.delete("/sandbox/messages")
    async def clear() -> Response:
        record.clear()
        return Response(status_code=204)

    @routes.get("/sandbox/requests")
    async def requests(provider: str = "", message_id: str = "", after: int = 0) -> Response:
        return _json(record.requests(provider, message_id, after))

    @routes.get("/sandbox/faults")
    async def standing() -> Response:
        return _json(faults.standing())

    @routes.post("/sandbox/faults")
    async def switch(request: Request) -> Response:
        try:
            fault = msgspec.json.decode(await request.body(), type=Fault)
        except msgspec.DecodeError as error:
            problem = {"title": "This is no fault switch.", "detail": str(error), "status": 422}
            return Response(msgspec.json.encode(problem), 422, media_type="application/problem+json")
        faults.set(fault)
        return _json(faults.standing())

    return routes


def _json(body: Any) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json")
