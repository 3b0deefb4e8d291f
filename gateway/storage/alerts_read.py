"""Reading alerts. They are written by ``decisions.record``."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, func, select

from gateway.storage.tables import alerts


class Alert(msgspec.Struct, frozen=True):
    """One episode of a rule on a device. Times are event times, ms."""

    id: str
    rule_id: str
    subject: str
    customer_id: str | None
    severity: str
    purpose: str
    summary: str
    state: str
    fired_at: int
    resolved_at: int | None


def get(connection: Connection, alert_id: str) -> Alert | None:
    """The alert, or ``None``."""
    row = connection.execute(select(alerts).where(alerts.c.id == alert_id)).mappings().one_or_none()
    return None if row is None else Alert(**{name: row[name] for name in Alert.__struct_fields__})


def firing(connection: Connection, *, customer_id: str | None = None, limit: int = 50) -> list[Alert]:
    """Alerts that fire now, the newest first."""
    query = select(alerts).where(alerts.c.state == "firing").order_by(alerts.c.fired_at.desc()).limit(limit)
    if customer_id is not None:
        query = query.where(alerts.c.customer_id == customer_id)
    return [
        Alert(**{name: row[name] for name in Alert.__struct_fields__}) for row in connection.execute(query).mappings()
    ]


def firing_by_severity(connection: Connection) -> dict[str, int]:
    """How many alerts fire now, by severity. A visit that an offer goes with is no trouble, so it does not count."""
    query = (
        select(alerts.c.severity, func.count())
        .where(alerts.c.state == "firing", alerts.c.purpose != "offers")
        .group_by(alerts.c.severity)
    )
    return dict(connection.execute(query).all())
