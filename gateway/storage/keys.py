"""API keys: who calls, and in which role. A key is shown once and kept as a hash."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from typing import Final, Literal, get_args

import msgspec
from sqlalchemy import Connection, RowMapping, func, select, update
from sqlalchemy.dialects.postgresql import insert

from gateway.storage.tables import api_keys

Role = Literal["admin", "agent", "ingest", "read"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)


class ApiKey(msgspec.Struct, frozen=True):
    """A key without its secret."""

    id: str
    name: str
    role: Role
    created_at: datetime | None = None
    revoked_at: datetime | None = None


class NewKey(msgspec.Struct, frozen=True):
    """A key that was just made: the only moment at which its secret is known."""

    key: ApiKey
    secret: str


def hashed(secret: str) -> str:
    """``sha256:`` and hex. Our keys are 256 random bits: nothing to guess, so a fast hash is enough."""
    return "sha256:" + hashlib.sha256(secret.encode()).hexdigest()


def add(connection: Connection, name: str, role: Role) -> NewKey:
    """Make a key for ``name`` (a person or a system)."""
    secret = f"kz_{role}_{secrets.token_urlsafe(32)}"
    statement = (
        insert(api_keys)
        .values(id=f"key_{secrets.token_hex(8)}", name=name, role=role, key_hash=hashed(secret))
        .returning(api_keys)
    )
    return NewKey(_from_row(connection.execute(statement).mappings().one()), secret)


def find(connection: Connection, secret: str) -> ApiKey | None:
    """The key with this secret, unless revoked."""
    query = select(api_keys).where(api_keys.c.key_hash == hashed(secret), api_keys.c.revoked_at.is_(None))
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _from_row(row)


def get(connection: Connection, key_id: str) -> ApiKey | None:
    """The key, revoked or not."""
    row = connection.execute(select(api_keys).where(api_keys.c.id == key_id)).mappings().one_or_none()
    return None if row is None else _from_row(row)


def listed(connection: Connection) -> list[ApiKey]:
    """All keys, oldest first, the revoked ones too."""
    return [_from_row(row) for row in connection.execute(select(api_keys).order_by(api_keys.c.created_at)).mappings()]


def revoke(connection: Connection, key_id: str) -> bool:
    """End a key; false when there is no working key of that id."""
    statement = (
        update(api_keys)
        .where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
        .values(revoked_at=func.clock_timestamp())
    )
    return connection.execute(statement).rowcount > 0


def _from_row(row: RowMapping) -> ApiKey:
    return ApiKey(row["id"], row["name"], row["role"], row["created_at"], row["revoked_at"])
