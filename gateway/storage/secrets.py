"""Secrets that Kizashi makes for itself, once, and shares among its processes."""

from __future__ import annotations

import secrets as randomness
from typing import Final

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from gateway.storage.tables import secrets

CONSOLE: Final = "console"
"""Signs the console's session cookies."""


def shared(connection: Connection, name: str) -> str:
    """The secret of that name; made now if nobody has yet. All processes get the same one."""
    statement = insert(secrets).values(name=name, value=randomness.token_urlsafe(32))
    connection.execute(statement.on_conflict_do_nothing(index_elements=["name"]))
    return str(connection.execute(select(secrets.c.value).where(secrets.c.name == name)).scalar_one())
