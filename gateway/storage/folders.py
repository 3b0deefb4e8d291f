"""What was last made of the folder of a setting (``rules.dir``, ``templates.dir``)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Generic, Literal, TypeVar

import msgspec
from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from gateway.storage.tables import rule_folders

P = TypeVar("P")
Setting = Literal["rules.dir", "templates.dir"]


class Folder(msgspec.Struct, Generic[P], frozen=True):
    """The folder as it was last looked at."""

    place: str
    version: str | None
    """Of the newest set from it that could be used; it holds unless a newer one was put by the API."""
    problems: list[P]
    """Why what is in it now can't be used; empty where it can."""
    looked_at: datetime


def get(connection: Connection, setting: Setting, problem: Callable[..., P]) -> Folder[P] | None:
    """The folder, or ``None`` where nothing ever came from one; ``problem`` is made of what was noted of each."""
    row = connection.execute(select(rule_folders).where(rule_folders.c.id == setting)).mappings().one_or_none()
    if row is None:
        return None
    return Folder(row["place"], row["version"], [problem(**each) for each in row["problems"]], row["looked_at"])


def note(connection: Connection, setting: Setting, values: dict[str, object]) -> None:
    """Write what was found at this look; what ``values`` leaves out stays."""
    values = {**values, "looked_at": func.clock_timestamp()}
    statement = insert(rule_folders).values(id=setting, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values))


def forget(connection: Connection, setting: Setting) -> None:
    """The setting names no folder any more."""
    connection.execute(delete(rule_folders).where(rule_folders.c.id == setting))
