"""``rules.dir`` while the gateway runs: what its files say holds, unless something is wrong."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import NamedTuple

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from gateway import folder_watch, rules_dir
from gateway.rules_dir import NoRulesError
from gateway.storage import rule_folders, rule_sets
from rules.document import parse
from rules.problem import Problem, RuleErrors

log = structlog.get_logger()


class Adopted(NamedTuple):
    """What was made of the folder."""

    version: str | None
    """Of its set; ``None`` where that can't be used."""
    changed: bool = False
    """Whether it is now the newest set and was not before."""
    problems: tuple[Problem, ...] = ()
    cause: NoRulesError | RuleErrors | None = None
    """Why it can't be used."""
    held: bool = True
    """Whether there are rules that hold, from the folder or from before."""
    warnings: tuple[Problem, ...] = ()
    """What can be used, but is probably not meant."""


def adopt(engine: Engine, place: Path, templates: Collection[str], *, saved: bool) -> Adopted:
    """Read the folder and make its set the one that holds; where it can't be used, note why and change nothing.

    Args:
        engine: the database.
        place: ``rules.dir``.
        templates: what a rule may name.
        saved: somebody saved a file just now, so the folder wins over what the API put. Otherwise it does only where
            it says something else than when it was last used.

    Raises:
        SQLAlchemyError: the database is away.
    """
    try:
        files = rules_dir.read(place)
        ruleset = parse(files, known_templates=templates)
    except (NoRulesError, RuleErrors) as error:
        with engine.begin() as connection:
            problems = _problems(error, place)
            rule_folders.refused(connection, str(place), problems)
            return Adopted(None, problems=problems, cause=error, held=rule_sets.newest(connection) is not None)
    version = ruleset.version
    with engine.begin() as connection:
        before, newest = rule_folders.get(connection), rule_sets.newest(connection)
        if saved or newest is None or before is None or before.version != version:
            rule_sets.put(connection, files, version=version)
        rule_folders.used(connection, str(place), version)
        now = rule_sets.newest(connection)
    assert now is not None
    changed = newest is None or now.version != newest.version
    return Adopted(version, changed=changed, warnings=ruleset.warnings)


def _problems(error: NoRulesError | RuleErrors, place: Path) -> tuple[Problem, ...]:
    if isinstance(error, RuleErrors):
        return tuple(error.problems)
    return (Problem(str(place), 1, 1, "", str(error), "put the files back, or point rules.dir elsewhere"),)


async def watch(engine: Engine, place: Path, templates: Callable[[], Collection[str]]) -> None:
    """Follow the folder until cancelled. What changed before this began is taken over first.

    Args:
        engine: the database.
        place: ``rules.dir``.
        templates: what a rule may name now; where that changes, rules that were refused for it are tried again.
    """

    def follow(saved: bool) -> bool:
        return _follow(engine, place, templates(), saved=saved)

    await folder_watch.watch(partial(rules_dir.traces, place), follow, also=templates)


def _follow(engine: Engine, place: Path, templates: Collection[str], *, saved: bool) -> bool:
    """Take the folder over and say in the log what came of it; false where it has to be tried again."""
    try:
        adopted = adopt(engine, place, templates, saved=saved)
    except SQLAlchemyError as error:
        log.warning("rules.not_kept", folder=str(place), error=str(error).splitlines()[0])
        return False
    report(place, adopted)
    return True


def report(place: Path, adopted: Adopted) -> None:
    """Say in the log what was made of the folder."""
    if adopted.problems:
        first = str(adopted.problems[0])
        kept = "the rules before still hold" if adopted.held else "no rules hold"
        log.error("rules.refused", folder=str(place), problems=len(adopted.problems), first=first, kept=kept)
    elif adopted.changed:
        log.info("rules.changed", folder=str(place), version=adopted.version)
        for warning in adopted.warnings:
            log.warning("rules.probably_not_meant", warning=str(warning))
