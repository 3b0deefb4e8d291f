"""``rules.dir`` while the gateway runs: what its files say becomes the rule set that holds, unless something is wrong.

The folder is looked at by its files' times, twice a second, instead of listening to the kernel: mounted folders
(containers, network drives, config maps) report nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from gateway import rules_dir
from gateway.rules_dir import NoRulesError, Trace
from gateway.storage import rule_folders, rule_sets
from rules.document import parse
from rules.problem import Problem, RuleErrors

log = structlog.get_logger()

LOOK_SECONDS = 0.5
QUIET_SECONDS = 0.3
"""How long no file may change before the set is read: editors and checkouts write in several steps."""
QUIET_LOOK_SECONDS = 0.1
RETRY_SECONDS = 2.0
"""Until the next try where the database is away."""


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


def adopt(engine: Engine, place: Path, templates: frozenset[str], *, saved: bool) -> Adopted:
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


class Settling:
    """Tells when a change has come to rest. Feed it what is seen and when (seconds that never go back)."""

    def __init__(self, seen: frozenset[Trace]) -> None:
        self._used = self._seen = seen
        self._since = 0.0

    def see(self, seen: frozenset[Trace], now: float) -> bool:
        """Whether there is a change that nobody has touched for ``QUIET_SECONDS``. Says so once for each change."""
        if seen != self._seen:
            self._seen, self._since = seen, now
        if seen == self._used or now - self._since < QUIET_SECONDS:
            return False
        self._used = seen
        return True

    @property
    def moving(self) -> bool:
        """Whether a change has not come to rest yet."""
        return self._seen != self._used


async def watch(
    engine: Engine, place: Path, templates: frozenset[str], *, clock: Callable[[], float] = time.monotonic
) -> None:
    """Follow the folder until cancelled. What changed before this began is taken over first."""
    seen = await asyncio.to_thread(rules_dir.traces, place)
    settling = Settling(seen)
    saved, due = False, True
    while True:
        if due:
            due = not await asyncio.to_thread(_follow, engine, place, templates, saved=saved)
        pause = QUIET_LOOK_SECONDS if settling.moving else LOOK_SECONDS
        await asyncio.sleep(RETRY_SECONDS if due else pause)
        if settling.see(await asyncio.to_thread(rules_dir.traces, place), clock()):
            saved = due = True


def _follow(engine: Engine, place: Path, templates: frozenset[str], *, saved: bool) -> bool:
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
