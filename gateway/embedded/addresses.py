"""Where the embedded parts of a running stack are, for the commands beside it. Cheap to import."""

from __future__ import annotations

from pathlib import Path

import msgspec

from gateway.embedded.data_dir import holder
from gateway.embedded.private_file import write_private


class StackAddresses(msgspec.Struct, frozen=True):
    """Where the embedded parts are, credentials included. What is not embedded is None."""

    database_url: str | None
    """For SQLAlchemy: ``postgresql+psycopg://…``."""
    log_url: str | None
    """For nats-py: ``nats://…``, the gateway's own user."""
    mqtt_url: str | None
    """``mqtt://host:port`` without credentials."""
    mqtt_username: str | None
    mqtt_password: str | None
    issuer_seed: str | None
    """For ``serve_auth_callout``."""

    def __repr__(self) -> str:
        """Without the credentials: this ends up in logs and traces."""
        return f"StackAddresses(database={self.database_url is not None}, log={self.log_url is not None})"


def publish_addresses(data_dir: Path, addresses: StackAddresses) -> None:
    """Tell other commands, mode 0600.

    Raises:
        OSError: the folder can't be written.
    """
    write_private(_file(data_dir), msgspec.json.encode(addresses).decode())


def withdraw_addresses(data_dir: Path) -> None:
    """Nothing runs any more."""
    _file(data_dir).unlink(missing_ok=True)


def running_addresses(data_dir: Path) -> StackAddresses | None:
    """The addresses of the stack that runs on ``data_dir`` at this moment, for commands beside it, or None."""
    folder = data_dir.expanduser().absolute()
    if holder(folder) is None:
        return None
    try:
        return msgspec.json.decode(_file(folder).read_bytes(), type=StackAddresses)
    except (OSError, msgspec.DecodeError):
        return None  # it is just starting or stopping


def _file(data_dir: Path) -> Path:
    return data_dir / "run" / "addresses.json"
