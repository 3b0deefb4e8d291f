"""What was last made of ``rules.dir``: the version that came from it, and what is wrong with it now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from gateway.storage.tables import rule_folders
from rules.problem import Problem

_ID: Final = "rules.dir"


class Folder(msgspec.Struct, frozen=True):
    """The folder as it was last looked at."""

    place: str
    version: str | None
    """Of the newest set from it that could be used; it holds unless a newer one was put by the API."""
    problems: list[Problem]
    """Why what is in it now can't be used; empty where it can."""
    looked_at: datetime


def get(connection: Connection) -> Folder | None:
    """The folder, or ``None`` where rules never came from one."""
    row = connection.execute(select(rule_folders).where(rule_folders.c.id == _ID)).mappings().one_or_none()
    if row is None:
        return None
    problems = [Problem(**each) for each in row["problems"]]
    return Folder(row["place"], row["version"], problems, row["looked_at"])


def used(connection: Connection, place: str, version: str) -> None:
    """Note that the folder's set is ``version`` and nothing is wrong with it."""
    _put(connection, {"place": place, "version": version, "problems": []})


def refused(connection: Connection, place: str, problems: Sequence[Problem]) -> None:
    """Note why the folder can't be used as it is; the version that came from it before is kept."""
    _put(connection, {"place": place, "problems": [problem._asdict() for problem in problems]})


def _put(connection: Connection, values: dict[str, object]) -> None:
    values = {**values, "looked_at": func.clock_timestamp()}
    statement = insert(rule_folders).values(id=_ID, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values))
