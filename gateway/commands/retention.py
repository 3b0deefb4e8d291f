"""``kizashi retention``: delete now what is old enough, or say what would go."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from gateway.commands.stack import database_engine, loaded_settings
from gateway.commands.terminal import fail
from gateway.retention.prune import Due
from gateway.settings import Retention


def run(*, dry_run: bool) -> None:
    """Print what goes, or would go; exit 1 where another process is at it."""
    from gateway.retention import chore, prune
    from gateway.retention.plan import cutoffs
    from gateway.storage import chores

    retention, now = loaded_settings().retention, datetime.now(UTC)
    console = Console(highlight=False)
    with database_engine() as engine, engine.connect() as connection:
        seen = prune.look(connection, cutoffs(retention, now))
        connection.rollback()
        if dry_run:
            _show(console, retention, seen, "would go")
            return
        with chores.alone(connection, chore.CHORE) as mine, _bar(seen) as bar:
            if not mine:
                fail("another process is deleting at this moment: try again when it is done")
            task = bar.add_task("Deleting", total=sum(each.found.rows for each in seen))
            gone = chore.perform(
                connection, retention, now, stop=threading.Event(), heard=lambda _kind, rows: bar.advance(task, rows)
            )
    went = [Due(each.cutoff, each.found._replace(rows=gone[each.cutoff.ended.kind])) for each in seen]
    _show(console, retention, went, "gone")


def _bar(seen: Sequence[Due]) -> Progress:
    columns = (SpinnerColumn(), TextColumn("Deleting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    quiet = not any(each.found.rows for each in seen)
    return Progress(*columns, console=Console(stderr=True), transient=True, disable=quiet)


def _show(console: Console, retention: Retention, seen: Sequence[Due], heading: str) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for name, side in (("what", "left"), ("kept", "right"), (heading, "right"), ("oldest", "left")):
        table.add_column(name, justify="right" if side == "right" else "left")
    for (ended, _before), found in seen:
        kept = getattr(retention, ended.kind) if ended.fixed is None else f"{ended.fixed.days}d"
        oldest = "" if found.oldest is None else f"{found.oldest:%Y-%m-%d}"
        table.add_row(ended.what, kept, f"{found.rows:,}", oldest)
    console.print(table)
