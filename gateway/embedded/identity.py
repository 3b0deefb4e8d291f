"""What the embedded stack keeps from one start to the next: generated secrets and chosen ports."""

from __future__ import annotations

import secrets
from pathlib import Path

import msgspec

from gateway.embedded.errors import EmbeddedError
from gateway.embedded.nkeys import AccountKey, NkeyError
from gateway.embedded.private_file import write_private

_FILE = "identity.json"
_SECRET_BYTES = 24


def _secret() -> str:
    return secrets.token_urlsafe(_SECRET_BYTES)


class Ports(msgspec.Struct):
    """Loopback ports of the last start; 0 before the first one. Used again where they are free."""

    postgres: int = 0
    nats: int = 0
    nats_health: int = 0
    mqtt: int = 0
    """Only when ``mqtt.bind`` leaves the port to us (port 0)."""


class Identity(msgspec.Struct):
    """The content of ``identity.json``. Whoever reads it is the gateway: mode 0600."""

    postgres_password: str = msgspec.field(default_factory=_secret)
    nats_password: str = msgspec.field(default_factory=_secret)
    nats_system_password: str = msgspec.field(default_factory=_secret)
    issuer_seed: str = msgspec.field(default_factory=lambda: AccountKey.generate().seed)
    """Signs the permissions of devices (docs/decisions/0001)."""
    ports: Ports = msgspec.field(default_factory=Ports)

    def __repr__(self) -> str:
        """Without the secrets."""
        return f"Identity(ports={self.ports})"


def load_identity(data_dir: Path) -> Identity:
    """Read the identity of ``data_dir``, or make one that is not written yet.

    Raises:
        EmbeddedError: the file is damaged, or gone while the database is still there: a new password would not
            open the old database.
    """
    path = data_dir / _FILE
    try:
        identity = msgspec.json.decode(path.read_bytes(), type=Identity)
        AccountKey.from_seed(identity.issuer_seed)
    except FileNotFoundError as error:
        if (data_dir / "postgres").exists():
            raise EmbeddedError(f"{path} is missing, and the database's password with it; restore it") from error
        return Identity()
    except (msgspec.DecodeError, NkeyError) as error:
        raise EmbeddedError(f"{path} is damaged ({error}); put it back from a backup of the data folder") from error
    return identity


def save_identity(data_dir: Path, identity: Identity) -> None:
    """Write ``identity.json``, mode 0600, in one step.

    Raises:
        OSError: the folder can't be written.
    """
    write_private(data_dir / _FILE, msgspec.json.format(msgspec.json.encode(identity)).decode())
