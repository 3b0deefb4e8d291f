"""Device credentials: what a device shows to the broker. The password is shown once and kept as a hash."""

from __future__ import annotations

import hashlib
import hmac
import secrets

import msgspec
from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from gateway.storage.tables import device_credentials


class Credential(msgspec.Struct, frozen=True):
    """What the device needs, as ``kizashi devices credentials`` prints it. The username is the device's id."""

    username: str
    password: str


def hashed(password: str) -> str:
    """``sha256:`` and hex. Our passwords are 256 random bits: nothing to guess, so a fast hash is enough."""
    return "sha256:" + hashlib.sha256(password.encode()).hexdigest()


def rotate(connection: Connection, device_id: str) -> Credential:
    """Make a new password; the one before stops working. The device must exist (a foreign key says so)."""
    password = secrets.token_urlsafe(32)
    values = {"password_hash": hashed(password), "created_at": func.clock_timestamp()}
    connection.execute(
        insert(device_credentials)
        .values(device_id=device_id, **values)
        .on_conflict_do_update(index_elements=["device_id"], set_=values)
    )
    return Credential(device_id, password)


def password_hash(connection: Connection, device_id: str) -> str | None:
    """The hash of the device's present password; ``None``: it has no credentials."""
    query = select(device_credentials.c.password_hash).where(device_credentials.c.device_id == device_id)
    return connection.execute(query).scalar_one_or_none()


def matches(connection: Connection, device_id: str, password: str) -> bool:
    """Whether this is the device's present password."""
    kept = password_hash(connection, device_id)
    return kept is not None and hmac.compare_digest(kept, hashed(password))
