"""What was last made of ``rules.dir``: the version that came from it, and what is wrong with it now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection

from gateway.storage import folders
from rules.problem import Problem

_SETTING: Final = "rules.dir"

Folder = folders.Folder[Problem]


def get(connection: Connection) -> Folder | None:
    """The folder, or ``None`` where rules never came from one."""
    return folders.get(connection, _SETTING, Problem)


def used(connection: Connection, place: str, version: str) -> None:
    """Note that the folder's set is ``version`` and nothing is wrong with it."""
    folders.note(connection, _SETTING, {"place": place, "version": version, "problems": []})


def refused(connection: Connection, place: str, problems: Sequence[Problem]) -> None:
    """Note why the folder can't be used as it is; the version that came from it before is kept."""
    folders.note(connection, _SETTING, {"place": place, "problems": [problem._asdict() for problem in problems]})
