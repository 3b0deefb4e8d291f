"""``kizashi rules backtest``: what would a rule file have decided, for whom, and how does that differ from today's?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from gateway.commands.stack import loaded_settings, reading
from gateway.commands.terminal import fail

if TYPE_CHECKING:
    from gateway.addresses import Addresses
    from gateway.past.past import Past
    from gateway.past.registry import Registry
    from gateway.past.run import Heard, Tried
    from gateway.settings import Settings
    from rules.rule import Ruleset

NO_RULES = "Kizashi does not run here, so there are no live rules to compare with: --against names others"
NO_REGISTRY = "Kizashi does not run here, so nothing is known of the devices: --devices names a file of them"


@dataclass(frozen=True, slots=True)
class Options:
    """What was typed."""

    file: Path
    _: KW_ONLY
    since: str | None
    until: str | None
    past: Path | None
    devices: Path | None
    stores: Path | None
    against: Path | None
    rules: list[str] | None
    json: Path | None


def run(options: Options) -> None:
    """Print what would have been decided; exit 0 however much that differs."""
    from gateway.commands.rules_backtest_report import show
    from gateway.past.past import PastError

    if options.since is None and options.past is None:
        raise typer.BadParameter("say which past: --since 30d for the log, or --input PAST.csv")
    settings = loaded_settings()
    candidate = _rules(options.file)
    wanted = _wanted(options, candidate)
    console = Console(highlight=False)
    started = time.monotonic()
    try:
        tried = _tried(options, settings, candidate, wanted)
    except PastError as error:
        fail(str(error))
    show(tried, time.monotonic() - started, console)
    if options.json is not None:
        _write(tried, options.json, console)


def _tried(options: Options, settings: Settings, candidate: Ruleset, wanted: frozenset[str] | None) -> Tried:
    from gateway.past.registry import Registry, devices_in, stores_in
    from gateway.past.run import Trial, run

    found = _stack(settings, needed=options.past is None)
    past = _past(options, settings, found)
    registry, live = _database(found) if found is not None else (Registry(), None)
    if options.against is not None:
        live = _rules(options.against)
    elif found is None:
        past.remarks.append(NO_RULES)
    if options.stores is not None:
        registry = registry._replace(stores=stores_in(options.stores))
    if options.devices is not None:
        registry = registry._replace(devices=devices_in(options.devices))
    elif found is None:
        past.remarks.append(NO_REGISTRY)
    with _progress() as heard:
        return run(Trial(candidate, live, wanted, registry), past, heard)


def _rules(file: Path) -> Ruleset:
    from gateway import rules_dir
    from rules.document import parse
    from rules.problem import RuleErrors

    try:
        return parse(rules_dir.read(file))
    except rules_dir.NoRulesError as error:
        fail(str(error))
    except RuleErrors as errors:
        _refuse(errors)


def _refuse(errors: Exception) -> NoReturn:
    typer.echo(str(errors), err=True)
    fail("these rules can't be used: nothing was tried")


def _wanted(options: Options, candidate: Ruleset) -> frozenset[str] | None:
    """One file is compared rule by rule; of a folder, which is a whole set, live rules that it lacks are told too."""
    from rules.problem import closest

    known = [rule.id for rule in candidate.rules]
    for name in options.rules or ():
        if name not in known:
            raise typer.BadParameter(f"there is no rule '{name}': {closest(name, known, ', '.join(known))}")
    if options.rules:
        return frozenset(options.rules)
    return None if options.file.is_dir() else frozenset(known)


def _stack(settings: Settings, *, needed: bool) -> Addresses | None:
    from gateway import addresses

    try:
        return addresses.find(settings)
    except addresses.NotRunningError as error:
        if needed:
            fail(f"{error}; or name a file with --input")
        return None


def _past(options: Options, settings: Settings, found: Addresses | None) -> Past:
    now = time.time_ns() // 1_000_000
    since = None if options.since is None else _moment(options.since, now, "--since")
    until = None if options.until is None else _moment(options.until, now, "--until")
    if since is not None and until is not None and until <= since:
        raise typer.BadParameter("--until lies before --since")
    if options.past is not None:
        from gateway.past.readings_file import readings_file

        return readings_file(options.past, since, until)
    from gateway.past.log_range import LogRange

    assert found is not None
    assert since is not None
    return LogRange(found.log_url, settings.log.partitions, since, until)


def _moment(text: str, now: int, option: str) -> int:
    from gateway.past.span import parse_since

    try:
        return parse_since(text, now)
    except ValueError as error:
        problem, _, mend = str(error).partition("|")
        raise typer.BadParameter(f"{problem}; {mend}", param_hint=option) from error


def _database(found: Addresses) -> tuple[Registry, Ruleset | None]:
    from sqlalchemy.exc import OperationalError

    from gateway.past.registry import from_database, live_rules

    try:
        with reading(found) as connection:
            return from_database(connection), live_rules(connection)
    except OperationalError as error:
        fail(f"the database does not answer ({str(error.orig).splitlines()[0]}): is `kizashi serve` running?")


@contextmanager
def _progress() -> Iterator[Heard]:
    """A bar with the events read, how many a second, and the time left; gone when it is done."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[events]:,} events"),
        TextColumn("{task.fields[rate]:,.0f}/s"),
        TimeRemainingColumn(),
    )
    started = time.monotonic()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Trying", total=1.0, events=0, rate=0.0)

        def heard(progress: float, events: int) -> bool:
            rate = events / max(time.monotonic() - started, 1e-3)
            bar.update(task, completed=progress, events=events, rate=rate)
            return True

        yield heard


def _write(tried: Tried, path: Path, console: Console) -> None:
    from gateway.api.shapes.backtest import BacktestResult

    try:
        path.write_text(BacktestResult.of(tried).model_dump_json(indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        fail(f"{path} can't be written: {error.strerror}")
    console.print(f"everything is in {path}, as of {datetime.now(UTC):%Y-%m-%d %H:%M} UTC", style="dim")
