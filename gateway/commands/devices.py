"""``kizashi devices credentials ID``."""

from __future__ import annotations

import msgspec
import typer

from gateway.commands.stack import database_connection
from gateway.commands.terminal import fail


def credentials(device_id: str) -> None:
    """Print ``{"username","password"}`` for MQTT. A device that is not registered yet is, with nothing known of it."""
    from devices.identity import checked_device_id
    from devices.rejected import Rejected
    from gateway.storage import credentials as stored
    from gateway.storage import devices

    try:
        checked_device_id(device_id)
    except Rejected as error:
        fail(error.detail)
    with database_connection() as connection:
        if devices.get(connection, device_id) is None:
            devices.put(connection, devices.Device(id=device_id))
        made = stored.rotate(connection, device_id)
    typer.echo(msgspec.json.encode(made).decode())
