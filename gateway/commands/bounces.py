"""``kizashi bounces``: what a mail server pipes in, and addresses that are good again."""

from __future__ import annotations

import sys

import typer

from gateway.commands.stack import database_connection, loaded_settings
from gateway.commands.terminal import fail, succeed

TRY_LATER = 75
"""``EX_TEMPFAIL``: mail servers keep the mail and pipe it in again later."""


def read() -> None:
    """Take one mail from stdin. Exit 75 where the gateway is away, so that the mail server keeps it."""
    from datetime import UTC, datetime

    from sqlalchemy.exc import InterfaceError, OperationalError

    from gateway import addresses, logs
    from gateway.delivery import bounces, means
    from gateway.storage.database import connect
    from notifiers.email.reports import MAX_BYTES

    logs.configure(role="bounces")
    settings = loaded_settings()
    if settings.smtp.bounce_domain is None:
        fail("smtp.bounce_domain is not set: no mail has left whose bounces could be told apart")
    mail = sys.stdin.buffer.read(MAX_BYTES)
    while sys.stdin.buffer.read(MAX_BYTES):
        pass  # a mail server whose pipe breaks takes that for a failure
    try:
        engine = connect(addresses.find(settings).database_url)
        with engine.begin() as connection:
            links = means.links_of(connection, settings)
        verdict = bounces.take(engine, mail, links, datetime.now(UTC))
        engine.dispose()
    except (addresses.NotRunningError, OperationalError, InterfaceError) as error:
        typer.secho(f"try again later: {type(error).__name__}", err=True)
        raise typer.Exit(TRY_LATER) from None
    typer.echo(verdict.value)


def forget(address: str) -> None:
    """Use an address again that was marked as bad."""
    from gateway.storage import bad_addresses

    with database_connection() as connection:
        customers = bad_addresses.forget(connection, address)
    if not customers:
        fail(f"{address} is not marked as bad")
    succeed(f"{address} is used again for {', '.join(customers)}")
