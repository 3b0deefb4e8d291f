"""The sandbox's own interface: customers, what they received and do with it, switches, and the request log."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from fastapi import APIRouter, Request, Response

from notifiers.sandbox.acts import Act, ActError, Person
from notifiers.sandbox.customers import Customer, Customers, FullError, Known
from notifiers.sandbox.faults import Fault, Faults, Standing
from notifiers.sandbox.outbound import Outbound
from notifiers.sandbox.record import Record
from notifiers.sandbox.view import View, view

LISTED: Final = 200
"""So many customers the page lists; the others' pages are reached by their address."""


class Shown(msgspec.Struct, frozen=True):
    """What the page asks for again and again."""

    version: int
    """Hand it back as ``seen``, and what has not changed since is left out."""
    base: str
    """Where the gateway is reached from here; empty: where its links say."""
    origins: list[str]
    """By which messages call the gateway."""
    brand: str
    """What the app is called that shows pushes."""
    returns: bool
    """Whether mail can come back."""
    faults: list[Standing]
    total: int = 0
    """How many customers there are."""
    customers: list[Known] | None = None
    """Who heard last first, and no more than the page can show."""
    view: View | None = None


def router(record: Record, faults: Faults, outbound: Outbound) -> APIRouter:
    """``/sandbox/…``: what tests and scripts use."""
    routes = APIRouter(prefix="/sandbox")

    @routes.get("/healthz")
    async def health() -> Response:
        calls = {"done": outbound.done, "given_up": outbound.given_up, "dropped": outbound.dropped}
        return _json({"status": "ok", "messages": record.counts(), "callbacks": calls})

    @routes.get("/messages")
    async def messages(channel: str = "", to: str = "", limit: int = 1000) -> Response:
        return _json(record.messages(channel, to, limit))

    @routes.delete("/messages")
    async def clear() -> Response:
        record.clear()
        return Response(status_code=204)

    @routes.get("/requests")
    async def requests(provider: str = "", message_id: str = "", after: int = 0) -> Response:
        return _json(record.requests(provider, message_id, after))

    @routes.get("/faults")
    async def standing() -> Response:
        return _json(faults.standing())

    @routes.post("/faults")
    async def switch(request: Request) -> Response:
        try:
            faults.set(msgspec.json.decode(await request.body(), type=Fault))
        except msgspec.DecodeError as error:
            return _problem(422, "This is no fault switch.", str(error))
        return _json(faults.standing())

    @routes.delete("/faults")
    async def all_well() -> Response:
        faults.clear()
        return _json(faults.standing())

    return routes


def people(
    record: Record, faults: Faults, outbound: Outbound, customers: Customers, person: Person, brand: str
) -> APIRouter:
    """``/sandbox/…``: what the page uses."""
    routes = APIRouter(prefix="/sandbox")

    @routes.put("/customers/{customer_id:path}")
    async def introduce(customer_id: str, request: Request) -> Response:
        try:
            customers.introduce(customer_id, msgspec.json.decode(await request.body(), type=Customer))
        except (msgspec.DecodeError, FullError) as error:
            return _problem(422, "The customer can't be introduced.", str(error))
        record.version += 1
        return Response(status_code=204)

    @routes.get("/shown")
    async def shown(customer: str = "", seen: int = -1) -> Response:
        returns = bool(person.ways.bounce_command)
        always = Shown(record.version, outbound.base, sorted(outbound.origins), brand, returns, faults.standing())
        if seen == record.version:
            return _json(always)
        newest = record.newest()
        known = customers.find(customer, newest) if customer else None
        found = view(known, record, outbound) if known else None
        listed = customers.listed(newest)
        return _json(msgspec.structs.replace(always, total=len(listed), customers=listed[:LISTED], view=found))

    @routes.post("/messages/{n}/acts")
    async def act(n: int, request: Request) -> Response:
        try:
            wanted = msgspec.json.decode(await request.body(), type=Act)
        except msgspec.DecodeError as error:
            return _problem(422, "Nobody can do that.", str(error))
        received = record.find(n, wanted.to)
        if received is None:
            return _problem(404, "There is no such message.", "The sandbox keeps the newest 5,000.")
        try:
            return _json(await person.act(received, wanted))
        except ActError as error:
            return _problem(409, "That can't be done with this message.", str(error))

    return routes


def _json(body: Any) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json")


def _problem(status: int, title: str, detail: str) -> Response:
    body = {"title": title, "detail": detail, "status": status}
    return Response(msgspec.json.encode(body), status, media_type="application/problem+json")
