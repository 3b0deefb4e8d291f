"""The whole system in a few numbers: one short read, shared by the console and the metrics."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection, func, select

from gateway.storage import (
    alerts_read,
    cases,
    decisions_read,
    faults,
    messages_read,
    provider_alarms,
    receipts,
    rule_folders,
    template_sets,
)
from gateway.storage.faults import Failing
from gateway.storage.tables import customers, devices, partitions, timeline, workers
from gateway.storage.timeline import Entry


class PartitionStanding(msgspec.Struct, frozen=True):
    """How far a partition's fold has come, and who folds it."""

    partition: int
    seq: int
    events: int
    newest_at: int
    """Time of the newest event or tick in it, ms; 0: none yet."""
    updated_at: datetime
    owner: str | None
    """Worker id; ``None``: nobody holds it."""


class Overview(msgspec.Struct, frozen=True):
    """Everything that the first page shows, as of ``read_at`` (the database's clock)."""

    read_at: datetime
    events: int
    devices: int
    customers: int
    alerts: dict[str, int]
    """Firing now, by severity, without those of offers."""
    decisions: dict[str, int]
    """By rule."""
    messages: dict[str, dict[str, int]]
    """Channel to state to number."""
    suppressions: dict[str, int]
    """By reason."""
    cases: dict[str, int]
    """By state."""
    partitions: list[PartitionStanding]
    faults: int
    """How often something failed on an event, ever."""
    failing: list[Failing]
    """The newest of those of the last hour."""
    alarms: list[provider_alarms.Alarm]
    receipts: dict[tuple[str, str], int] = {}
    """Messages of which a status was told, by (channel, status): ``delivered``, ``clicked``, ``bounced``…"""
    replies: dict[tuple[str, str], int] = {}
    """What customers answered, by (channel, what it meant)."""
    refused_rules: str | None = None
    """Why the rules in ``rules.dir`` can't be used as they are; ``None``: they can."""
    refused_templates: str | None = None
    """The same of ``templates.dir``."""

    @property
    def outbox(self) -> dict[str, int]:
        """Messages that are not at an end yet, by state."""
        waiting = dict.fromkeys(("held", "queued", "sending", "unknown"), 0)
        for states in self.messages.values():
            for state in waiting:
                waiting[state] += states.get(state, 0)
        return waiting


REPLIES = ("replied", "stop", "start", "help", "unsubscribed", "complained")
"""The reasons of entries of the kind ``reply``."""
SEEN_WITHIN_SECONDS = 30
"""A worker that has not been seen for longer owns nothing."""


def read(connection: Connection) -> Overview:
    """All numbers, in one transaction."""
    standing = partition_standings(connection)
    now = connection.execute(select(func.clock_timestamp())).scalar_one()
    return Overview(
        read_at=now,
        events=sum(each.events for each in standing),
        devices=connection.execute(select(func.count()).select_from(devices)).scalar_one(),
        customers=connection.execute(select(func.count()).select_from(customers)).scalar_one(),
        alerts=alerts_read.firing_by_severity(connection),
        decisions=decisions_read.counts(connection),
        messages=messages_read.counts(connection),
        suppressions=suppressions(connection),
        cases=cases.counts(connection),
        partitions=standing,
        faults=faults.count(connection),
        failing=faults.standing(connection, now),
        alarms=provider_alarms.standing(connection, now),
        receipts=receipts.counts(connection),
        replies=replies(connection),
        refused_rules=refused_rules(connection),
        refused_templates=refused_templates(connection),
    )


def refused_rules(connection: Connection) -> str | None:
    """The first problem of the rules in ``rules.dir`` and how many there are; ``None`` where nothing is wrong."""
    folder = rule_folders.get(connection)
    if folder is None or not folder.problems:
        return None
    return f"{_first(folder.problems)}; the rules before still hold"


def refused_templates(connection: Connection) -> str | None:
    """The same of the templates in ``templates.dir``."""
    folder = template_sets.folder(connection)
    if folder is None or not folder.problems:
        return None
    kept = "the texts before still hold" if folder.version else "the plain text goes out where one can't be used"
    return f"{_first(folder.problems)}; {kept}"


def _first(problems: Sequence[object]) -> str:
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{problems[0]}{more}"


def replies(connection: Connection) -> dict[tuple[str, str], int]:
    """How often customers answered on each channel, and what that meant."""
    query = (
        select(timeline.c.channel, timeline.c.reason, func.count())
        .where(timeline.c.kind == "reply", timeline.c.reason.in_(REPLIES), timeline.c.channel.is_not(None))
        .group_by(timeline.c.channel, timeline.c.reason)
    )
    return {(channel, reason): number for channel, reason, number in connection.execute(query)}


def suppressions(connection: Connection) -> dict[str, int]:
    """How often each reason has kept a contact from being made."""
    query = (
        select(timeline.c.reason, func.count())
        .where(timeline.c.kind == "suppression", timeline.c.reason.is_not(None))
        .group_by(timeline.c.reason)
    )
    return dict(connection.execute(query).all())


def newest_entries(connection: Connection, *, limit: int = 20) -> list[Entry]:
    """What was written last on anybody's timeline, newest first."""
    query = select(timeline).order_by(timeline.c.ordinal.desc()).limit(limit)
    return [
        Entry(**{name: row[name] for name in Entry.__struct_fields__}) for row in connection.execute(query).mappings()
    ]


def partition_standings(connection: Connection) -> list[PartitionStanding]:
    """Each partition that has a checkpoint, and the worker that was seen with it lately."""
    seen = func.clock_timestamp() - func.make_interval(0, 0, 0, 0, 0, 0, SEEN_WITHIN_SECONDS)
    owners: dict[int, str] = {}
    for worker_id, owned in connection.execute(
        select(workers.c.id, workers.c.partitions).where(workers.c.seen_at > seen).order_by(workers.c.seen_at)
    ):
        owners.update(dict.fromkeys(owned, worker_id))
    return [
        PartitionStanding(
            row["partition"],
            row["seq"],
            row["events"],
            row["newest_at"],
            row["updated_at"],
            owners.get(row["partition"]),
        )
        for row in connection.execute(select(partitions).order_by(partitions.c.partition)).mappings()
    ]
