"""Where the short addresses in messages lead. A link goes with its message, and so with its customer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from gateway.storage.tables import links


class Link(NamedTuple):
    """One short address."""

    token: str
    message_id: str
    target: str
    """An http or https address, settled when the message was worded."""
    expires_at: datetime


def add(connection: Connection, new: Sequence[Link]) -> None:
    """Keep links; those that are there already stay as they are. Their messages must exist (a foreign key says so)."""
    if new:
        connection.execute(insert(links).on_conflict_do_nothing(), [each._asdict() for each in new])


def find(connection: Connection, token: str) -> Link | None:
    """The link with this token, expired or not; ``None``: never made, or its customer was erased."""
    row = connection.execute(select(links).where(links.c.token == token)).mappings().one_or_none()
    return None if row is None else Link(**row)
