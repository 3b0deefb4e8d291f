"""Receipts: what a provider or the app told us of a message, each once."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from gateway.storage.tables import receipts


def add(connection: Connection, message_id: str, *, provider_id: str, status: str, detail: dict[str, Any]) -> bool:
    """Keep a receipt; false where it had come before. The message must exist (a foreign key says so)."""
    statement = (
        insert(receipts)
        .values(message_id=message_id, provider_id=provider_id, status=status, detail=detail)
        .on_conflict_do_nothing()
        .returning(receipts.c.status)
    )
    return connection.execute(statement).one_or_none() is not None
