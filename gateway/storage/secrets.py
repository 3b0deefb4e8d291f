"""Secrets that Kizashi makes for itself, once, and shares among its processes."""

from __future__ import annotations

import secrets as randomness
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from gateway.storage.tables import secrets

CONSOLE: Final = "console"
"""Signs the console's session cookies."""


def shared(connection: Connection, name: str) -> str:
    """The secret of that name; made now if nobody has yet. All processes get the same one."""
    statement = insert(secrets).values(name=name, value=randomness.token_urlsafe(32))
    connection.execute(statement.on_conflict_do_nothing(index_elements=["name"]))
    return str(connection.execute(select(secrets.c.value).where(secrets.c.name == name)).scalar_one())


def first_start(connection: Connection) -> datetime | None:
    """When processes of Kizashi first ran on this database, by the oldest secret; ``None``: none has yet."""
    at: datetime | None = connection.execute(select(func.min(secrets.c.created_at))).scalar_one()
    return at
