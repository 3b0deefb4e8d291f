"""Rule sets: each one that was ever in force, by its version. The newest holds once every partition's log has it."""

from __future__ import annotations

import hashlib
from datetime import datetime

import msgspec
from sqlalchemy import Connection, RowMapping, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from gateway.storage import wake
from gateway.storage.tables import rule_sets

# Any number will do, as long as all processes take the same.
_PUBLISHING = 0x72756C65


class RuleSet(msgspec.Struct, frozen=True):
    """A whole set: file name to YAML text."""

    version: str
    files: dict[str, str]
    created_at: datetime | None = None
    published_at: datetime | None = None
    """When every partition's log had it; ``None``: not yet."""


def version_of(files: dict[str, str]) -> str:
    """The same files always give the same version."""
    canonical = msgspec.json.encode(sorted(files.items()))
    return hashlib.blake2b(canonical, digest_size=8).hexdigest()


def put(connection: Connection, files: dict[str, str], *, version: str | None = None) -> str:
    """Make ``files`` (already validated) the newest set and wake the inventory feed; returns its version.

    Putting the set that is already the newest changes nothing but its text (comments, layout); putting an older one
    brings it back.
    """
    version = version or version_of(files)
    _one_at_a_time(connection)
    present = newest(connection)
    if present is not None and present.version == version:
        if present.files != files:
            connection.execute(update(rule_sets).where(rule_sets.c.version == version).values(files=files))
        return version
    connection.execute(
        insert(rule_sets)
        .values(version=version, files=files, created_at=func.clock_timestamp())
        .on_conflict_do_update(
            index_elements=["version"],
            set_={"files": files, "created_at": func.clock_timestamp(), "published_at": None},
        )
    )
    wake.notify(connection, wake.INVENTORY)
    return version


def newest(connection: Connection) -> RuleSet | None:
    """The set that was put last, published or not."""
    query = select(rule_sets).order_by(rule_sets.c.created_at.desc()).limit(1)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _from_row(row)


def get(connection: Connection, version: str) -> RuleSet | None:
    """The set of that version, or ``None``."""
    row = connection.execute(select(rule_sets).where(rule_sets.c.version == version)).mappings().one_or_none()
    return None if row is None else _from_row(row)


def versions(connection: Connection, around: datetime, *, limit: int) -> list[str]:
    """The versions that may have held at ``around``: those put before it, newest first, then those put since."""
    before = rule_sets.c.created_at <= around
    order = (before.desc(), rule_sets.c.created_at.desc())
    return list(connection.execute(select(rule_sets.c.version).order_by(*order).limit(limit)).scalars())


def held_at(connection: Connection, at: datetime) -> RuleSet | None:
    """The set that every partition's log had last at ``at``; one that was put again since is passed over."""
    query = select(rule_sets).where(rule_sets.c.published_at <= at).order_by(rule_sets.c.published_at.desc()).limit(1)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _from_row(row)


def claim_unpublished(connection: Connection) -> RuleSet | None:
    """The newest set if the log does not have it yet. Nobody else puts or publishes one until this transaction ends."""
    _one_at_a_time(connection)
    present = newest(connection)
    return present if present is not None and present.published_at is None else None


def mark_published(connection: Connection, version: str, *, published: bool = True) -> None:
    """Record that every partition's log has it (or that it may not)."""
    at = func.clock_timestamp() if published else None
    connection.execute(update(rule_sets).where(rule_sets.c.version == version).values(published_at=at))


def _one_at_a_time(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _PUBLISHING})


def _from_row(row: RowMapping) -> RuleSet:
    return RuleSet(row["version"], row["files"], row["created_at"], row["published_at"])
