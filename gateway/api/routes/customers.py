"""Customers, what they agreed to, and their timeline."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import Connection

from gateway.api.context import Cursor, Here, Limit, Who
from gateway.api.problems import Problem, not_found
from gateway.api.shapes.customer import (
    ConsentsBody,
    CustomerAnswer,
    CustomerBody,
    CustomerPage,
    EntryAnswer,
    TimelinePage,
    TouchpointBody,
)
from gateway.api.shapes.plain import Id, Line, rfc3339
from gateway.retention.erase import erase
from gateway.retention.export import is_known
from gateway.retention.export_events import Log, document
from gateway.storage import consent_statements, consents, customers, timeline, touchpoints
from gateway.storage.customers import Customer
from rules.decision import derived_id

router = APIRouter(prefix="/v1/customers", tags=["customers"])


@router.get("")
def list_customers(
    api: Here, cursor: Cursor = None, limit: Limit = 50, search: Annotated[Line, Query()] = ""
) -> CustomerPage:
    """Customers by id; with `search` those whose id, name, number or mailbox contains it."""
    with api.engine.connect() as connection:
        found = customers.page(connection, cursor=cursor, limit=limit, search=search)
    return CustomerPage.model_validate(found, from_attributes=True)


@router.get("/{customer_id}")
def get_customer(api: Here, customer_id: Id) -> CustomerAnswer:
    """One customer."""
    with api.engine.connect() as connection:
        return CustomerAnswer.model_validate(_present(connection, customer_id))


@router.put("/{customer_id}")
def put_customer(api: Here, customer_id: Id, body: CustomerBody, response: Response) -> CustomerAnswer:
    """Write the whole customer, new (201) or not (200). Consents are put by themselves."""
    with api.engine.begin() as connection:
        new = customers.put(connection, body.to_customer(customer_id))
        response.status_code = 201 if new else 200
        return CustomerAnswer.model_validate(_present(connection, customer_id))


@router.delete("/{customer_id}", status_code=204)
def erase_customer(api: Here, customer_id: Id) -> None:
    """Remove the customer and everything that speaks of them. Their devices stay, without an owner."""
    if not erase(api.engine, customer_id):
        raise not_found("customer", customer_id)


@router.get("/{customer_id}/export", response_class=StreamingResponse)
def export_customer(api: Here, customer_id: Id) -> StreamingResponse:
    """Everything on record of the customer, and what the event log holds of their devices, in one JSON document."""
    with api.engine.connect() as connection:
        if not is_known(connection, customer_id):
            raise not_found("customer", customer_id)
    log = Log(api.log, api.partitions, api.events_kept)
    pieces = document(api.engine, log, customer_id, datetime.fromtimestamp(api.now_ms() / 1000, UTC))
    headers = {"Content-Disposition": 'attachment; filename="customer.json"', "Cache-Control": "no-store"}
    return StreamingResponse(pieces, media_type="application/json", headers=headers)


@router.get("/{customer_id}/consents")
def get_consents(api: Here, customer_id: Id) -> ConsentsBody:
    """What the customer agreed to, and when and where they last said something."""
    with api.engine.connect() as connection:
        _present(connection, customer_id)
        return ConsentsBody.of(consents.get(connection, customer_id))


@router.put("/{customer_id}/consents")
def put_consents(api: Here, who: Who, customer_id: Id, body: ConsentsBody) -> ConsentsBody:
    """Replace everything the customer said before. What is left out is not agreed to.

    With an `at`, what the customer took back themselves since then (STOP, an unsubscribe link, a complaint) stays
    taken back; the answer is what holds. Without one, or with that of GET, it is said now.
    """
    now, stated = datetime.fromtimestamp(api.now_ms() / 1000, UTC), body.to_consents()
    with api.engine.begin() as connection:
        _present(connection, customer_id)
        if stated.at is not None and _was_given(stated.at, consents.get(connection, customer_id).at):
            stated = msgspec.structs.replace(stated, at=None)
        if consent_statements.is_to_come(stated, now):
            raise Problem(422, "`at` is still to come: write when the customer said it, or leave it out for now.")
        found = consent_statements.record(connection, customer_id, stated, by=who.name, now=now)
        return ConsentsBody.of(found.holds)


@router.get("/{customer_id}/timeline")
def get_timeline(api: Here, customer_id: Id, cursor: Cursor = None, limit: Limit = 50) -> TimelinePage:
    """Every touchpoint, newest first."""
    with api.engine.connect() as connection:
        _present(connection, customer_id)
        found = timeline.page(connection, customer_id, cursor=cursor, limit=limit)
    return TimelinePage.model_validate(found, from_attributes=True)


@router.post("/{customer_id}/touchpoints", status_code=201)
def add_touchpoint(api: Here, customer_id: Id, body: TouchpointBody, response: Response) -> EntryAnswer:
    """Put an order, a call, a visit or a note onto the timeline. With an `id` of yours, a repeat changes nothing."""
    entry = _entry(customer_id, body, datetime.fromtimestamp(api.now_ms() / 1000, UTC))
    with api.engine.begin() as connection:
        _present(connection, customer_id)
        there = touchpoints.get(connection, entry.id) if body.id is not None else None
        if there is not None:
            response.status_code = 200
            return EntryAnswer.model_validate(there)
        timeline.add(connection, [entry])
    return EntryAnswer.model_validate(entry)


def _entry(customer_id: str, body: TouchpointBody, now: datetime) -> timeline.Entry:
    named = ("named", body.id) if body.id is not None else ("made", secrets.token_hex(16))
    return timeline.Entry(
        id=derived_id("tp", customer_id, *named),
        customer_id=customer_id,
        at=body.at or now,
        kind=body.kind,
        summary=body.summary,
        channel=body.channel,
        direction=body.direction,
        device_id=body.device_id,
        store_id=body.store_id,
        detail=body.detail if body.id is None else {**body.detail, "external_id": body.id},
    )


def _was_given(at: datetime, newest: datetime | None) -> bool:
    """Whether ``at`` is what GET says: who sends back what they got, changed, says it now."""
    return newest is not None and rfc3339(at) == rfc3339(newest)


def _present(connection: Connection, customer_id: str) -> Customer:
    found = customers.get(connection, customer_id)
    if found is None:
        raise not_found("customer", customer_id)
    return found
