"""``kizashi policy simulate``: what would other settings of the contact policy have sent, refused and cost?"""

from __future__ import annotations

import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from gateway.commands.stack import database_connection, loaded_settings
from gateway.commands.terminal import fail
from gateway.settings import Policy
from notifiers.channel_names import within

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from gateway.past.contacts_past import ContactsPast
    from gateway.past.contacts_replay import Outcome
    from notifiers.policy import Customer, PolicySettings


@dataclass(frozen=True, slots=True)
class Simulated:
    """Both sides."""

    since_ms: int
    until_ms: int
    asked: int
    happened: Outcome
    simulated: Outcome


def run(since: str, until: str | None, settings: Path | None, json: Path | None) -> None:
    """Print what would have come of the past decisions; exit 0 however much that differs."""
    now = time.time_ns() // 1_000_000
    begin, end = _moment(since, now, "--since"), now if until is None else _moment(until, now, "--until")
    if end <= begin:
        raise typer.BadParameter("--until lies before --since")
    policy = _policy(settings)
    with database_connection() as connection:
        found = simulate(connection, policy, begin, end)
    console = Console(highlight=False)
    _show(found, console)
    if json is not None:
        _write(found, json, console)


def simulate(connection: Connection, policy: PolicySettings, since_ms: int, until_ms: int) -> Simulated:
    """Ask the questions from ``since_ms`` to before ``until_ms`` again (epoch ms), with a bar on stderr."""
    from gateway.past import contacts_past, contacts_replay

    past = contacts_past.load(connection, _utc(since_ms), _utc(until_ms))
    with _progress("Reading customers", len({each.customer_id for each in past.asked})) as heard:
        customers = _customers(connection, past, heard)
    with _progress("Asking again", len(past.asked)) as heard:
        simulated = contacts_replay.replay(past, customers, policy, heard)
    happened = contacts_replay.happened(past, policy.money)
    return Simulated(since_ms, until_ms, len(past.asked), happened, simulated)


def _customers(connection: Connection, past: ContactsPast, heard: Callable[[int], None]) -> dict[str, Customer]:
    from gateway.delivery import reach

    found: dict[str, Customer] = {}
    for number, customer_id in enumerate(sorted({each.customer_id for each in past.asked}), start=1):
        customer = reach.load(connection, customer_id)
        if customer is not None:
            found[customer_id] = customer
        heard(number)
    return found


def _policy(file: Path | None) -> PolicySettings:
    """The policy of the gateway's settings, or of the section ``policy`` of ``file``."""
    from pydantic import ValidationError

    from gateway.delivery.means import policy_from

    if file is None:
        wanted = loaded_settings().policy
    else:
        try:
            wanted = Policy.model_validate(tomllib.loads(file.read_text(encoding="utf-8")).get("policy", {}))
        except ValidationError as error:
            first = error.errors()[0]
            fail(f"{file}: policy.{'.'.join(str(part) for part in first['loc'])}: {first['msg']}")
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            fail(f"{file} is no TOML: {error}")
    try:
        return policy_from(wanted)
    except ValueError as error:
        fail(f"policy.{error}")


def _moment(text: str, now: int, option: str) -> int:
    from gateway.past.span import parse_since

    try:
        return parse_since(text, now)
    except ValueError as error:
        problem, _, mend = str(error).partition("|")
        raise typer.BadParameter(f"{problem}; {mend}", param_hint=option) from error


def _utc(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    columns = (SpinnerColumn(), TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


def _show(found: Simulated, console: Console) -> None:
    span = f"{_utc(found.since_ms):%Y-%m-%d %H:%M} to {_utc(found.until_ms):%Y-%m-%d %H:%M} UTC"
    console.print(f"{found.asked:,} contacts asked for, {span}")
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("")
    for name in ("really", "simulated", "change"):
        table.add_column(name, justify="right")
    for name, really, simulated in _rows(found):
        table.add_row(name, _figure(really), _figure(simulated), _change(really, simulated))
    console.print(table)


def _rows(found: Simulated) -> Iterator[tuple[str, float | None, float | None]]:
    really, simulated = found.happened, found.simulated
    for channel in sorted({*really.messages, *simulated.messages}):
        yield f"sent by {within(channel)}", really.messages.get(channel, 0), simulated.messages.get(channel, 0)
    yield "held for the night", really.held, simulated.held
    for reason in sorted({*really.suppressions, *simulated.suppressions}):
        words = reason.replace("_", " ")
        yield f"refused: {words}", really.suppressions.get(reason, 0), simulated.suppressions.get(reason, 0)
    yield "SMS segments", really.segments, simulated.segments
    if (really.cost, simulated.cost) != (None, None):
        yield "cost of SMS", really.cost, simulated.cost


def _figure(value: float | None) -> str:
    if value is None:
        return "?"
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}"


def _change(really: float | None, simulated: float | None) -> str:
    if really is None or simulated is None or really == simulated:
        return ""
    sign = "+" if simulated > really else "−"
    return sign + _figure(abs(simulated - really))


def _write(found: Simulated, path: Path, console: Console) -> None:
    import msgspec

    whole = {
        "since": f"{_utc(found.since_ms).isoformat(timespec='milliseconds')}",
        "until": f"{_utc(found.until_ms).isoformat(timespec='milliseconds')}",
        "asked": found.asked,
        "happened": msgspec.to_builtins(found.happened),
        "simulated": msgspec.to_builtins(found.simulated),
    }
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(whole), indent=2) + b"\n")
    except OSError as error:
        fail(f"{path} can't be written: {error.strerror}")
    console.print(f"everything is in {path}", style="dim")
