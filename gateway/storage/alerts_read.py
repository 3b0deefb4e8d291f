"""Reading alerts. ``alerts`` writes them."""

from __future__ import annotations

from typing import Any, Final, Literal, get_args

import msgspec
from sqlalchemy import Connection, RowMapping, func, literal, null, select, union_all

from gateway.storage import paging
from gateway.storage.paging import Page
from gateway.storage.tables import alerts, decisions, interventions

State = Literal["firing", "resolved"]
STATES: Final[tuple[State, ...]] = get_args(State)

_IS_OFFER: Final = alerts.c.purpose == "offers"
"""A visit, or whatever else an offer goes with: no trouble, so it is not counted among what fires."""


class Alert(msgspec.Struct, frozen=True):
    """One episode of a rule on a device. Times are event times, ms, unless said otherwise."""

    id: str
    rule_id: str
    subject: str
    customer_id: str | None
    severity: str
    """The present one; once it is over, the last."""
    purpose: str
    summary: str
    state: str
    fired_at: int
    resolved_at: int | None
    raised_at: int | None = None
    """When its severity last rose."""
    acknowledged_at: int | None = None
    """Our time, ms."""
    acknowledged_by: str | None = None
    snoozed_until: int | None = None
    """Our time, ms."""
    inhibited_by: str | None = None
    """The rule whose alert speaks for it; once it is over, spoke for it then."""
    ended_by: str | None = None
    """``None``: it recovered, or still fires. Else ``time``, ``withdrawn``, ``passed``, or who resolved it."""


class Happening(msgspec.Struct, frozen=True):
    """One moment of an alert's life: a decision; or a person's or another alert's word, without a ``decision_id``."""

    at: int
    what: str
    """A transition, ``acknowledge``, ``snooze``, ``inhibit`` or ``release``."""
    severity: str | None
    summary: str | None
    decision_id: str | None
    by: str | None
    until: int | None


def get(connection: Connection, alert_id: str) -> Alert | None:
    """The alert, or ``None``."""
    row = connection.execute(select(alerts).where(alerts.c.id == alert_id)).mappings().one_or_none()
    return None if row is None else _read(row)


def page(
    connection: Connection,
    *,
    state: State | None = None,
    severity: str | None = None,
    device_id: str | None = None,
    rule_id: str | None = None,
    customer_id: str | None = None,
    offers: bool | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Alert]:
    """Alerts, newest first, narrowed by what is given. ``offers``: only those of purpose ``offers``, or none of them.

    Raises:
        CursorError: ``cursor`` is not one that we gave.
    """
    wanted = {
        alerts.c.state: state,
        alerts.c.severity: severity,
        alerts.c.subject: device_id,
        alerts.c.rule_id: rule_id,
        alerts.c.customer_id: customer_id,
    }
    query = select(alerts).where(*(column == value for column, value in wanted.items() if value is not None))
    if offers is not None:
        query = query.where(_IS_OFFER if offers else ~_IS_OFFER)
    key = (alerts.c.fired_at, alerts.c.id)
    return paging.newest_first(connection, query, key, _read, cursor=cursor, limit=limit)


def history(connection: Connection, alert_id: str, *, limit: int = 500) -> list[Happening]:
    """All that was decided and said about the alert, oldest first; of a very long life, the newest part."""
    decided = select(
        decisions.c.at,
        decisions.c.transition.label("what"),
        decisions.c.severity,
        decisions.c.summary,
        decisions.c.id.label("decision_id"),
        null().label("by"),
        null().label("until"),
        decisions.c.seq.label("seq"),
    ).where(decisions.c.alert_id == alert_id)
    said = select(
        interventions.c.at,
        interventions.c.action,
        null(),
        null(),
        null(),
        interventions.c.by,
        interventions.c.until,
        literal(0),
    ).where(interventions.c.alert_id == alert_id)
    both = union_all(decided, said).subquery()
    query = select(both).order_by(both.c.at.desc(), both.c.seq.desc()).limit(limit)
    rows: list[dict[str, Any]] = [dict(row) for row in connection.execute(query).mappings()]
    return [Happening(**{name: row[name] for name in Happening.__struct_fields__}) for row in reversed(rows)]


def firing(
    connection: Connection, *, customer_id: str | None = None, rule_id: str | None = None, limit: int = 50
) -> list[Alert]:
    """Alerts that fire now, the newest first."""
    return page(connection, state="firing", customer_id=customer_id, rule_id=rule_id, limit=limit).items


def firing_by_severity(connection: Connection) -> dict[str, int]:
    """How many alerts fire now, by severity, without those of offers."""
    query = (
        select(alerts.c.severity, func.count())
        .where(alerts.c.state == "firing", ~_IS_OFFER)
        .group_by(alerts.c.severity)
    )
    return dict(connection.execute(query).all())


def _read(row: RowMapping) -> Alert:
    return Alert(**{name: row[name] for name in Alert.__struct_fields__})
