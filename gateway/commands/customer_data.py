"""``kizashi export`` and ``kizashi erase``: what a customer has a right to."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from gateway.commands.stack import database_engine, loaded_settings
from gateway.commands.terminal import fail, succeed

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from gateway.retention.export_events import Log

PRIVATE = 0o600
LOG_SECONDS = 5.0
"""How long the event log is waited for."""


def export(customer_id: str, output: Path | None) -> None:
    """Write the document to ``output`` (readable by its owner alone), or to stdout.

    Without the event log it is written all the same: it says so itself, and stderr does.
    """
    from gateway.retention.export import is_known

    with database_engine() as engine:
        with engine.connect() as connection:
            if not is_known(connection, customer_id):
                fail(f"nothing is on record of a customer {customer_id}")
        if output is None:
            asyncio.run(_write(engine, customer_id, sys.stdout.buffer, bar=False))
            return
        try:
            with os.fdopen(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE), "wb") as file:
                asyncio.run(_write(engine, customer_id, file, bar=True))
        except OSError as error:
            fail(f"{output} can't be written: {error.strerror}")
    succeed(f"everything on record of {customer_id} is in {output}")


def erase(customer_id: str, *, yes: bool) -> None:
    """Remove everything, once the caller is sure."""
    from gateway.retention import erase as erasing

    with database_engine() as engine:
        if not yes:
            question = f"Erase {customer_id} and everything on record of them? This can't be undone."
            typer.confirm(question, abort=True, err=True)
        removed = erasing.erase(engine, customer_id)
    if not removed:
        fail(f"nothing is on record of a customer {customer_id}")
    succeed(f"{customer_id} is erased (rows: {removed:,}, and what hung on them)")


async def _write(engine: Engine, customer_id: str, file: BinaryIO, *, bar: bool) -> None:
    from gateway.retention.export_events import document

    columns = (SpinnerColumn(), TextColumn("Exporting, {task.completed:,} rows"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not bar) as progress:
        task = progress.add_task("", total=None)
        async with _event_log() as log:
            async for piece in document(engine, log, customer_id, datetime.now(UTC)):
                file.write(piece)
                progress.advance(task)
    file.flush()


@asynccontextmanager
async def _event_log() -> AsyncIterator[Log]:
    """The running stack's."""
    from gateway import addresses
    from gateway.log import EventLog, LogError
    from gateway.retention.export_events import Log

    settings = loaded_settings()
    absent = Log(None, settings.log.partitions, settings.retention.events, on_gap=_warn)
    try:
        opened = await EventLog.connect(addresses.find(settings).log_url, name="kizashi-export", within=LOG_SECONDS)
    except LogError as error:
        yield absent._replace(why_not=f"the log can't be read ({error})")
        return
    try:
        yield absent._replace(history=opened)
    finally:
        await opened.close()


def _warn(why: str) -> None:
    typer.echo(f"not everything that devices said is in it: {why}", err=True)
