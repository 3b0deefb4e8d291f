"""``kizashi export`` and ``kizashi erase``: what a customer has a right to."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from gateway.commands.stack import database_engine
from gateway.commands.terminal import fail, succeed

PRIVATE = 0o600


def export(customer_id: str, output: Path | None) -> None:
    """Write the document to ``output`` (readable by its owner alone), or to stdout."""
    from gateway.retention.export import document, is_known

    with database_engine() as engine:
        with engine.connect() as connection:
            if not is_known(connection, customer_id):
                fail(f"nothing is on record of a customer {customer_id}")
        pieces = document(engine, customer_id, datetime.now(UTC))
        if output is None:
            _write(pieces, sys.stdout.buffer)
            return
        try:
            with os.fdopen(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE), "wb") as file:
                _write(_with_a_bar(pieces), file)
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


def _write(pieces: Iterator[bytes], file: BinaryIO) -> None:
    file.writelines(pieces)
    file.flush()


def _with_a_bar(pieces: Iterator[bytes]) -> Iterator[bytes]:
    columns = (SpinnerColumn(), TextColumn("Exporting, {task.completed:,} rows"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        for piece in pieces:
            bar.advance(task)
            yield piece
