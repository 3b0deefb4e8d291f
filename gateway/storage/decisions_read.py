"""Reading decisions. They are written by ``decisions.record``."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select

from gateway.storage.tables import decisions


class Made(msgspec.Struct, frozen=True):
    """A decision as it was made, with the condition tree that explains it. ``at`` is event time, ms."""

    id: str
    rule_id: str
    rule_version: str
    subject: str
    customer_id: str | None
    store_id: str | None
    transition: str
    alert_id: str
    severity: str
    purpose: str
    summary: str
    at: int
    seq: int
    index: int
    values: dict[str, Any]
    explanation: dict[str, Any]
    made_at: datetime


def get(connection: Connection, decision_id: str) -> Made | None:
    """The decision, or ``None``."""
    row = connection.execute(select(decisions).where(decisions.c.id == decision_id)).mappings().one_or_none()
    return None if row is None else Made(**{name: row[name] for name in Made.__struct_fields__})


def counts(connection: Connection) -> dict[str, int]:
    """How many decisions each rule has made, by rule id."""
    query = select(decisions.c.rule_id, func.count()).group_by(decisions.c.rule_id)
    return dict(connection.execute(query).all())
