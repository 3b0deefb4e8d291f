"""How commands end and what they print: exit 0 fine, 1 the work failed, 2 wrong usage."""

from __future__ import annotations

from typing import NoReturn

import typer


def succeed(line: str) -> None:
    """Say that it is done."""
    typer.secho(f"✓ {line}", fg=typer.colors.GREEN)


def fail(line: str) -> NoReturn:
    """Say in one line why the work failed, and exit 1."""
    typer.secho(line, fg=typer.colors.RED, err=True)
    raise typer.Exit(1)
