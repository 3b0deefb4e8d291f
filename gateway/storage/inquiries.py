"""What the database knows when somebody asks why a rule did not fire: the registry, and what became of it before."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, or_, select

from devices.event import MAX_AHEAD_MS, DeviceFacts, Millis, StoreFacts
from gateway.storage import customers, devices, rule_sets, stores
from gateway.storage.rule_sets import RuleSet
from gateway.storage.tables import decisions, timeline
from gateway.storage.tables import devices as devices_table
from gateway.storage.timeline import moment

NEWEST = 5
EARLY_MS = MAX_AHEAD_MS + 60_000
"""A device's clock may be ahead of ours, which the timeline shows."""
NEAR_LIMIT = 2_000
"""So many ids are compared with one that is not known."""


class Registered(msgspec.Struct, frozen=True):
    """The registry at present."""

    device: DeviceFacts | None
    stores: list[StoreFacts]
    rules: RuleSet | None


class Transition(msgspec.Struct, frozen=True):
    """A decision in short. ``at`` is event time, ms."""

    decision_id: str
    at: Millis
    transition: str
    rule_version: str
    severity: str
    summary: str


class Said(msgspec.Struct, frozen=True):
    """What the contact policy said about a decision."""

    at: datetime
    kind: str
    """``suppression``, or ``decision`` for a plan."""
    reason: str | None
    channel: str | None
    summary: str
    decision_id: str | None
    detail: dict[str, Any]


class Aftermath(msgspec.Struct, frozen=True):
    """The newest decisions of the rule on the device, and what the contact policy made of them; oldest first."""

    transitions: list[Transition]
    said: list[Said]


def registered(connection: Connection, device_id: str) -> Registered:
    """What is registered of the device, the stores and the rules."""
    found = devices.get(connection, device_id)
    return Registered(
        None if found is None else customers.device_facts(connection, [found])[0],
        stores.facts_of_all(connection),
        rule_sets.newest(connection),
    )


def aftermath(connection: Connection, rule_id: str, subject: str, until: Millis) -> Aftermath:
    """The newest decisions and words of the contact policy at ``until`` or before."""
    query = (
        select(decisions)
        .where(decisions.c.subject == subject, decisions.c.rule_id == rule_id, decisions.c.at <= until)
        .order_by(decisions.c.at.desc(), decisions.c.seq.desc(), decisions.c.index.desc())
        .limit(NEWEST)
    )
    rows = connection.execute(query).mappings().all()
    made = [
        Transition(row["id"], row["at"], row["transition"], row["rule_version"], row["severity"], row["summary"])
        for row in reversed(rows)
    ]
    return Aftermath(made, said_about(connection, [each.decision_id for each in made], made[0].at if made else 0))


def said_about(connection: Connection, decision_ids: list[str], since: Millis) -> list[Said]:
    """What the contact policy said about decisions: its plans, and its reasons against telling anybody.

    ``since`` is the event time of the earliest of them: so the index serves, and not a customer's whole past.
    """
    if not decision_ids:
        return []
    owners = select(decisions.c.customer_id).where(decisions.c.id.in_(decision_ids))
    query = (
        select(timeline)
        .where(
            timeline.c.decision_id.in_(decision_ids),
            timeline.c.customer_id.in_(owners),
            timeline.c.at >= moment(since - EARLY_MS),
            or_(timeline.c.kind == "suppression", timeline.c.kind == "decision"),
        )
        .order_by(timeline.c.at, timeline.c.ordinal)
    )
    return [
        Said(**{name: row[name] for name in Said.__struct_fields__}) for row in connection.execute(query).mappings()
    ]


def ids_like(connection: Connection, device_id: str) -> list[str]:
    """Registered devices whose id begins as this one does, to compare with."""
    beginning = device_id[:2].replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    query = select(devices_table.c.id).where(devices_table.c.id.like(f"{beginning}%")).order_by(devices_table.c.id)
    return list(connection.execute(query.limit(NEAR_LIMIT)).scalars())
