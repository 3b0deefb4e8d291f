"""The inbox of a customer's app: what waits there, and that it was read."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter

from gateway.api.context import Cursor, Here, Limit
from gateway.api.problems import not_found
from gateway.api.shapes.inbox import InboxItem, InboxPage
from gateway.api.shapes.plain import Id
from gateway.delivery import evidence
from gateway.storage import customers, inbox

router = APIRouter(prefix="/v1/customers/{customer_id}/inbox", tags=["customers"])


@router.get("")
def get_inbox(api: Here, customer_id: Id, cursor: Cursor = None, limit: Limit = 50) -> InboxPage:
    """The messages of the customer's app, newest first, until each expires."""
    with api.engine.connect() as connection:
        if customers.get(connection, customer_id) is None:
            raise not_found("customer", customer_id)
        found = inbox.page(connection, customer_id, cursor=cursor, limit=limit)
    return InboxPage.model_validate(found, from_attributes=True)


@router.post("/{message_id}/read")
def read_message(api: Here, customer_id: Id, message_id: Id) -> InboxItem:
    """The customer has read it: nobody is told by a further channel. Again changes nothing."""
    now = datetime.fromtimestamp(api.now_ms() / 1000, UTC)
    with api.engine.begin() as connection:
        if not evidence.inbox_read(connection, customer_id, message_id, now):
            raise not_found("message", message_id)
        found = inbox.get(connection, customer_id, message_id)
    return InboxItem.model_validate(found)
