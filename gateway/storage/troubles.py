"""Troubles that the operations team was told of, or will be; and what is in trouble now."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from gateway.storage import faults, overview, provider_alarms
from gateway.storage.tables import messages, troubles

COUNTED = timedelta(hours=1)
"""The time over which failed messages are counted."""
LATEST = timedelta(days=2)
"""No message is tried for so long; the index of failed ones is by when they were made."""
_LOCK = 0x6B7A_6F70
"""Names the advisory lock: one process at a time looks and tells."""


class Trouble(msgspec.Struct, frozen=True):
    """Something that a person must mend. ``id`` says what it is about, and stays the same while it stands."""

    id: str
    summary: str
    began_at: datetime
    seen_at: datetime
    told_at: datetime | None = None


def take_turn(connection: Connection) -> bool:
    """Whether this transaction is the one to look; others go on without."""
    return bool(connection.execute(select(func.pg_try_advisory_xact_lock(_LOCK))).scalar_one())


def known(connection: Connection) -> list[Trouble]:
    """Those on record, the oldest first."""
    rows = connection.execute(select(troubles).order_by(troubles.c.began_at, troubles.c.id)).mappings()
    return [Trouble(**row) for row in rows]


def keep(connection: Connection, kept: Iterable[Trouble]) -> None:
    """Write those that stand."""
    for each in kept:
        values = {"summary": each.summary, "seen_at": each.seen_at, "told_at": each.told_at}
        statement = insert(troubles).values(id=each.id, began_at=each.began_at, **values)
        connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values))


def forget(connection: Connection, ids: Iterable[str]) -> None:
    """Remove those that are over."""
    connection.execute(delete(troubles).where(troubles.c.id.in_(list(ids))))


def find(connection: Connection, now: datetime, *, dead_letters: int) -> dict[str, str]:
    """What is in trouble now: id to one line for a person. ``dead_letters``: more failed messages an hour are one."""
    found: dict[str, str] = {}
    for alarm in provider_alarms.standing(connection, now):
        found[f"provider:{alarm.provider}"] = f"{alarm.provider} needs an operator: {alarm.reason}"
    refused = overview.refused_rules(connection)
    if refused is not None:
        found["rules"] = f"the rules in rules.dir can't be used: {refused}"
    unworded = overview.refused_templates(connection)
    if unworded is not None:
        found["templates"] = f"the templates in templates.dir can't be used: {unworded}"
    failing = faults.standing(connection, now, limit=1)
    if failing:
        found["faults"] = f"events are set aside because of a failure: {failing[0]}"
    failed = select(func.count()).where(
        messages.c.state == "failed", messages.c.created_at > now - LATEST, messages.c.updated_at > now - COUNTED
    )
    count = connection.execute(failed).scalar_one()
    if count > dead_letters:
        found["dead-letters"] = f"more than {dead_letters} messages failed within an hour"
    orphans = [str(each.partition) for each in overview.partition_standings(connection) if each.owner is None]
    if orphans:
        found["partitions"] = f"no worker holds the partitions {', '.join(orphans)}: events wait, no rule sees them"
    return found
