"""What happened between us and a customer before: what the contact policy may know."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, Text, and_, bindparam, exists, func, or_, select

from gateway.storage.tables import alerts, cases, contacts, messages
from notifiers.policy import History
from rules.judgement import PASSED

TOLD = ("sending", "unknown", "accepted", "delivered", "read", "clicked")
"""States in which a message has left, as far as we know: in doubt the customer heard of it."""
_GOING = ("held", "queued", *TOLD)
_FAULTS = ("maintenance", "safety")


def of(connection: Connection, *, customer_id: str, rule_id: str, alert_id: str, decision_id: str) -> History:
    """The history at this moment, without what ``decision_id`` itself led to. One round trip."""
    about = {"customer_id": customer_id, "rule_id": rule_id, "alert_id": alert_id, "decision_id": decision_id}
    row = connection.execute(_OF, about).one()
    last: datetime | None = row.last
    return History(
        last_contact_at_ms=None if last is None else int(last.timestamp() * 1000),
        open_fault=row.fault,
        alert_active=row.active,
        was_told=row.told,
    )


def was_told(
    alert_id: ColumnElement[str] | str, customer_id: ColumnElement[str] | str, decision_id: ColumnElement[str] | str
) -> ColumnElement[bool]:
    """Whether a message of the alert, but of another decision, has left for the customer."""
    return exists().where(
        contacts.c.alert_id == alert_id,
        contacts.c.customer_id == customer_id,
        contacts.c.decision_id != decision_id,
        messages.c.contact_id == contacts.c.id,
        messages.c.state.in_(TOLD),
    )


def _last_contact(
    customer_id: ColumnElement[str], rule_id: ColumnElement[str], decision_id: ColumnElement[str]
) -> ColumnElement[datetime]:
    """What is on its way counts too: two decisions a second apart are one contact."""
    return (
        select(func.max(func.coalesce(messages.c.first_sent_at, messages.c.created_at)))
        .join(contacts, contacts.c.id == messages.c.contact_id)
        .where(
            contacts.c.rule_id == rule_id,
            contacts.c.customer_id == customer_id,
            contacts.c.decision_id != decision_id,
            contacts.c.request["transition"].astext != "resolved",
            messages.c.state.in_(_GOING),
        )
        .scalar_subquery()
    )


def _open_fault(customer_id: ColumnElement[str]) -> ColumnElement[bool]:
    firing = exists().where(
        and_(alerts.c.customer_id == customer_id, alerts.c.state == "firing", alerts.c.purpose.in_(_FAULTS))
    )
    return or_(firing, exists().where(cases.c.customer_id == customer_id, cases.c.state == "open"))


_CUSTOMER, _RULE, _ALERT, _DECISION = (
    bindparam(name, type_=Text()) for name in ("customer_id", "rule_id", "alert_id", "decision_id")
)
# Made once: putting it together takes longer than running it.
_OF: Final = select(
    _last_contact(_CUSTOMER, _RULE, _DECISION).label("last"),
    _open_fault(_CUSTOMER).label("fault"),
    # What was only a moment is not over because the moment is.
    exists().where(alerts.c.id == _ALERT, or_(alerts.c.state == "firing", alerts.c.ended_by == PASSED)).label("active"),
    was_told(_ALERT, _CUSTOMER, _DECISION).label("told"),
)
