"""Messages: what became of each, and sending again what has failed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy import Connection

from gateway.api.access import Caller
from gateway.api.context import Api, Cursor, Here, Limit, Who
from gateway.api.problems import Problem, not_found
from gateway.api.shapes.plain import Id, Line
from gateway.api.shapes.work import HappeningAnswer, MessageAnswer, MessagePage, MessageWithHistory, ReceiptAnswer
from gateway.delivery import resending
from gateway.delivery.resending import NotResendableError
from gateway.storage import messages_read
from gateway.storage.messages_read import State

router = APIRouter(prefix="/v1/messages", tags=["messages"])


@router.get("")
def list_messages(
    api: Here,
    cursor: Cursor = None,
    limit: Limit = 50,
    state: Annotated[State | None, Query(description="`failed`: those that a person may send again.")] = None,
    channel: Annotated[Line | None, Query()] = None,
    customer_id: Id | None = None,
) -> MessagePage:
    """Messages, newest first, narrowed by what is given."""
    with api.engine.connect() as connection:
        found = messages_read.page(
            connection, state=state, channel=channel, customer_id=customer_id, cursor=cursor, limit=limit
        )
    return MessagePage.model_validate(found, from_attributes=True)


@router.get("/{message_id}")
def get_message(api: Here, message_id: Id) -> MessageWithHistory:
    """One message, its state, each try with what the provider said, and the receipts for it."""
    with api.engine.connect() as connection:
        return _whole(connection, message_id)


@router.post("/{message_id}/resend")
def resend_message(api: Here, who: Who, message_id: Id) -> MessageWithHistory:
    """Send a message again that has failed for good, under the same identity; the contact policy is asked anew."""
    send_again(api, who, message_id)
    with api.engine.connect() as connection:
        return _whole(connection, message_id)


def send_again(api: Api, who: Caller, message_id: str) -> None:
    """Queue the message once more, in its own transaction.

    Raises:
        Problem: 404, there is no such message; 409, it can't be sent again, and why.
    """
    now = datetime.fromtimestamp(api.now_ms() / 1000, UTC)
    with api.engine.begin() as connection:
        try:
            known = resending.resend(connection, message_id, by=who.name, policy=api.policy, now=now)
        except NotResendableError as error:
            raise Problem(409, f"It can't be sent again: {str(error).rstrip('.')}.") from error
    if not known:
        raise not_found("message", message_id)


def _whole(connection: Connection, message_id: str) -> MessageWithHistory:
    found = messages_read.get(connection, message_id)
    if found is None:
        raise not_found("message", message_id)
    told = MessageAnswer.model_validate(found)
    return MessageWithHistory(
        **{name: getattr(told, name) for name in MessageAnswer.model_fields},
        history=[HappeningAnswer.model_validate(each) for each in messages_read.history_of(connection, found)],
        receipts=[ReceiptAnswer.model_validate(each) for each in messages_read.receipts_of(connection, message_id)],
    )
