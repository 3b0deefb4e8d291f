"""Receipts: what a provider, the app, a link or a bounce told us of a message, each once."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, bindparam, func, select
from sqlalchemy.dialects.postgresql import insert

from gateway.storage.tables import messages, receipts

# Made once: putting a statement together takes longer than sending it. The channel comes from the message itself: a
# receipt of another channel can't be written.
_ADD: Final = (
    insert(receipts)
    .values(
        message_id=bindparam("of_message"),
        provider_id=bindparam("told_by"),
        status=bindparam("said"),
        channel=select(messages.c.channel).where(messages.c.id == bindparam("of_message")).scalar_subquery(),
        detail=bindparam("more", type_=receipts.c.detail.type),
    )
    .on_conflict_do_nothing()
    .returning(receipts.c.status)
)


def add(connection: Connection, message_id: str, *, provider_id: str, status: str, detail: dict[str, Any]) -> bool:
    """Keep a receipt; false where it had come before, or where the message is gone."""
    told = {"of_message": message_id, "told_by": provider_id, "said": status, "more": detail}
    return connection.execute(_ADD, told).one_or_none() is not None


def counts(connection: Connection) -> dict[tuple[str, str], int]:
    """How many messages each status was told of, by (channel, status). Two tries at one message count as one each."""
    query = select(receipts.c.channel, receipts.c.status, func.count()).group_by(receipts.c.channel, receipts.c.status)
    return {(channel, status): number for channel, status, number in connection.execute(query)}
