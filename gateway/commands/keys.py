"""``kizashi keys add``."""

from __future__ import annotations

import typer

from gateway.commands.stack import database_connection
from gateway.storage.keys import Role


def add(name: str, role: Role) -> None:
    """Print the key's secret alone on stdout, so that a script can take it."""
    from gateway.storage import keys

    with database_connection() as connection:
        made = keys.add(connection, name, role)
    typer.secho(f"{made.key.id} for {name} ({role}); it is not shown again:", err=True)
    typer.echo(made.secret)
