"""The texts of ``templates.dir`` that hold, and what was last made of that folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from gateway.storage import folders
from gateway.storage.tables import template_sets
from notifiers.templates import Problem

_SETTING: Final = "templates.dir"
KEPT: Final = 100
"""So many sets are kept: messages name the version that worded them."""

_NEWEST: Final = select(template_sets.c.version).order_by(template_sets.c.created_at.desc()).limit(1)
Folder = folders.Folder[Problem]


class TemplateSet(msgspec.Struct, frozen=True):
    """A folder's files, name to text; without the shipped ones."""

    version: str
    files: dict[str, str]
    created_at: datetime


def put(connection: Connection, files: Mapping[str, str], version: str) -> bool:
    """Make ``files`` the set that holds; an older one is brought back. Whether that changed anything."""
    if newest_version(connection) == version:
        return False
    values = {"files": dict(files), "created_at": func.clock_timestamp()}
    statement = insert(template_sets).values(version=version, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["version"], set_=values))
    kept = select(template_sets.c.version).order_by(template_sets.c.created_at.desc()).limit(KEPT)
    connection.execute(delete(template_sets).where(template_sets.c.version.not_in(kept)))
    return True


def newest_version(connection: Connection) -> str | None:
    """Which set holds; ``None``: there never was one."""
    version: str | None = connection.execute(_NEWEST).scalar_one_or_none()
    return version


def newest(connection: Connection) -> TemplateSet | None:
    """The set that holds."""
    query = select(template_sets).order_by(template_sets.c.created_at.desc()).limit(1)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else TemplateSet(row["version"], row["files"], row["created_at"])


def folder(connection: Connection) -> Folder | None:
    """The folder, or ``None`` where texts never came from one."""
    return folders.get(connection, _SETTING, Problem)


def used(connection: Connection, place: str, version: str) -> None:
    """Note that the folder's set holds as ``version`` and nothing is wrong with it."""
    folders.note(connection, _SETTING, {"place": place, "version": version, "problems": []})


def used_in_part(connection: Connection, place: str, problems: Sequence[Problem]) -> None:
    """Note that the folder's set holds as far as it goes: nothing of a folder held before it."""
    folders.note(connection, _SETTING, {"place": place, "version": None, "problems": _plain(problems)})


def refused(connection: Connection, place: str, problems: Sequence[Problem]) -> None:
    """Note why the folder can't be used as it is; the set before is kept."""
    folders.note(connection, _SETTING, {"place": place, "problems": _plain(problems)})


def unused(connection: Connection) -> None:
    """Note that ``templates.dir`` is not set any more."""
    folders.forget(connection, _SETTING)


def _plain(problems: Sequence[Problem]) -> list[dict[str, object]]:
    return [{"file": each.file, "line": each.line, "message": each.message} for each in problems]
