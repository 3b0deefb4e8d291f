"""``kizashi keys``: of the API, and of this deployment for the push services of browsers."""

from __future__ import annotations

import typer

from gateway.commands.stack import database_connection, loaded_settings
from gateway.commands.terminal import fail
from gateway.storage.keys import Role


def add(name: str, role: Role) -> None:
    """Print the key's secret alone on stdout, so that a script can take it."""
    from gateway.storage import keys

    with database_connection() as connection:
        made = keys.add(connection, name, role)
    typer.secho(f"{made.key.id} for {name} ({role}); it is not shown again:", err=True)
    typer.echo(made.secret)


def vapid(new: bool) -> None:
    """Print the public half of ``webpush.private_key``; where none is set, or for a ``new`` one, both, as TOML."""
    from notifiers.webpush import vapid as keys

    held = loaded_settings().webpush.private_key
    if held is None or new:
        text = keys.new_key()
        typer.secho("A new key. Keep the first line secret, in the section [webpush]; it is not shown again:", err=True)
        typer.echo(f'private_key = "{text}"')
    else:
        text = held.get_secret_value()
    try:
        public = keys.public_of(keys.key_of(text))
    except ValueError as error:
        fail(f"webpush.private_key {error}")
    typer.secho("For your pages, as applicationServerKey:", err=True)
    typer.echo(f"# applicationServerKey = {public}")
