"""Receipts: what a provider, the app, a link or a bounce told us of a message, each once."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from gateway.storage.tables import messages, receipts


def add(connection: Connection, message_id: str, *, provider_id: str, status: str, detail: dict[str, Any]) -> bool:
    """Keep a receipt; false where it had come before, or where the message is gone."""
    # The channel comes from the message itself: a receipt of another channel can't be written.
    channel = select(messages.c.channel).where(messages.c.id == message_id).scalar_subquery()
    statement = (
        insert(receipts)
        .values(message_id=message_id, provider_id=provider_id, status=status, channel=channel, detail=detail)
        .on_conflict_do_nothing()
        .returning(receipts.c.status)
    )
    return connection.execute(statement).one_or_none() is not None


def counts(connection: Connection) -> dict[tuple[str, str], int]:
    """How many messages each status was told of, by (channel, status). Two tries at one message count as one each."""
    query = select(receipts.c.channel, receipts.c.status, func.count()).group_by(receipts.c.channel, receipts.c.status)
    return {(channel, status): number for channel, status, number in connection.execute(query)}
