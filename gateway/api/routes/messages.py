"""Messages, and what came back for them."""

from __future__ import annotations

from fastapi import APIRouter

from gateway.api.context import Here
from gateway.api.problems import not_found
from gateway.api.shapes.plain import Id
from gateway.api.shapes.work import MessageAnswer, ReceiptAnswer
from gateway.storage import messages_read

router = APIRouter(prefix="/v1/messages", tags=["messages"])


@router.get("/{message_id}")
def get_message(api: Here, message_id: Id) -> MessageAnswer:
    """One message, its state, and the receipts for it."""
    with api.engine.connect() as connection:
        found = messages_read.get(connection, message_id)
        came_back = messages_read.receipts_of(connection, message_id)
    if found is None:
        raise not_found("message", message_id)
    told = {name: getattr(found, name) for name in found.__struct_fields__}
    return MessageAnswer(**told, receipts=[ReceiptAnswer.model_validate(each) for each in came_back])
