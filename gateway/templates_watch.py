"""``templates.dir`` while the gateway runs: what its files say holds in every process, unless something is wrong.

As with rules, one process (the API's) takes the folder over, whole or not at all, and the database keeps what holds.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import NamedTuple

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from gateway import folder_watch
from gateway.folder_watch import Trace, trace
from gateway.storage import template_sets
from notifiers.templates import Folder, Problem, TemplateError, Templates, paths, read_folder

log = structlog.get_logger()

TRIES = 3


class Adopted(NamedTuple):
    """What was made of the folder."""

    version: str | None
    """Of its set; ``None`` where that can't be used."""
    changed: bool = False
    """Whether it holds now and did not before."""
    problems: tuple[Problem, ...] = ()
    cause: TemplateError | None = None
    """Why there is no folder to be read."""
    held: bool = True
    """Whether texts of a folder hold, from now or from before."""


def adopt(engine: Engine, place: Path | None) -> Adopted:
    """Read the folder and make its set the one that holds; where something is wrong, note it and change nothing.

    Where nothing of a folder held before, a set with faults holds as far as it goes: nobody's words are lost by that,
    since the plain text goes out where one can't be rendered.

    Args:
        engine: the database.
        place: ``templates.dir``; ``None``: the shipped templates alone.

    Raises:
        SQLAlchemyError: the database is away.
    """
    if place is None:
        with engine.begin() as connection:
            template_sets.unused(connection)
            version = Templates.load().version
            return Adopted(version, template_sets.put(connection, {}, version))
    try:
        own = _read(place)
    except TemplateError as error:
        why = Problem(str(place), None, str(error))
        with engine.begin() as connection:
            template_sets.refused(connection, str(place), [why])
            return Adopted(None, problems=(why,), cause=error, held=_holds(connection))
    templates = Templates.of(own)
    problems = tuple(templates.check())
    with engine.begin() as connection:
        if problems and _holds(connection):
            template_sets.refused(connection, str(place), problems)
            return Adopted(None, problems=problems)
        changed = template_sets.put(connection, own.files, templates.version)
        if problems:
            template_sets.used_in_part(connection, str(place), problems)
        else:
            template_sets.used(connection, str(place), templates.version)
    return Adopted(templates.version, changed, problems, held=not problems)


def _read(place: Path) -> Folder:
    """The folder, read anew where its files changed meanwhile."""
    for _ in range(TRIES - 1):
        before = traces(place)
        own = read_folder(place)
        if traces(place) == before:
            return own
    return read_folder(place)


def _holds(connection: Connection) -> bool:
    present = template_sets.newest(connection)
    return present is not None and bool(present.files)


def traces(place: Path) -> frozenset[Trace]:
    """What tells a change of the files without reading them; empty where there are none."""
    try:
        return frozenset(trace(path, path.relative_to(place).as_posix()) for path in paths(place))
    except OSError:  # gone since it was listed: the next look finds what is there then
        return frozenset()


async def watch(engine: Engine, place: Path) -> None:
    """Follow the folder until cancelled. What changed before this began is taken over first."""

    def follow(_saved: bool) -> bool:
        try:
            adopted = adopt(engine, place)
        except SQLAlchemyError as error:
            log.warning("templates.not_kept", folder=str(place), error=str(error).splitlines()[0])
            return False
        report(place, adopted)
        return True

    await folder_watch.watch(partial(traces, place), follow)


def report(place: Path, adopted: Adopted) -> None:
    """Say in the log what was made of the folder."""
    if adopted.problems:
        kept = "the texts before still hold" if adopted.held else "the plain text goes out where one can't be used"
        log.error(
            "templates.refused",
            folder=str(place),
            problems=len(adopted.problems),
            first=str(adopted.problems[0]),
            kept=kept,
        )
    if adopted.changed:
        log.info("templates.changed", folder=str(place), version=adopted.version)


def held(connection: Connection, place: Path | None) -> tuple[str | None, Templates]:
    """The version that the database keeps and its templates; where it keeps none yet, those of ``place``.

    Raises:
        TemplateError: there are none yet, and ``place`` is not a folder.
    """
    present = template_sets.newest(connection)
    if present is None:
        return None, Templates.load(place)
    if not present.files:
        return present.version, Templates.load()
    noted = template_sets.folder(connection)
    where = Path(noted.place) if noted is not None else place or Path("templates.dir")
    return present.version, Templates.of(Folder.of(present.files, where))
