"""Single entries of timelines, by id."""

from __future__ import annotations

from sqlalchemy import Connection, select

from gateway.storage.tables import timeline
from gateway.storage.timeline import Entry


def get(connection: Connection, entry_id: str) -> Entry | None:
    """The entry, or ``None``."""
    row = connection.execute(select(timeline).where(timeline.c.id == entry_id)).mappings().one_or_none()
    return None if row is None else Entry(**{name: row[name] for name in Entry.__struct_fields__})
