"""What happened between us and a customer before: what the contact policy may know."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Float,
    Row,
    Select,
    Text,
    and_,
    bindparam,
    exists,
    func,
    literal,
    or_,
    select,
)

from gateway.storage.tables import alerts, cases, contacts, messages
from notifiers.policy import Begun, Cap, History
from rules.judgement import PASSED

TOLD = ("sending", "unknown", "accepted", "delivered", "read", "clicked")
"""States in which a message has left, as far as we know: in doubt the customer heard of it."""
GOING = ("held", "queued", *TOLD)
"""States of what has left or is about to."""
_FAULTS = ("maintenance", "safety")
NOTHING: Final = History()
"""Of somebody who is not on record."""
_WAITED_SECONDS = 2 * 86_400.0
"""A message that left within a cooldown may have been queued so long before, behind a provider in trouble."""
_CLOCK_SLACK_SECONDS = 3_600.0
"""The policy goes by its caller's clock, the rows by the database's: so far apart they may be. The policy counts."""


def of(
    connection: Connection,
    *,
    customer_id: str,
    rule_id: str,
    alert_id: str,
    decision_id: str,
    cooldown_ms: int | None = None,
    caps: tuple[Cap, ...] = (),
) -> History:
    """The history at this moment, without what ``decision_id`` itself led to. One round trip.

    Args:
        connection: where the customer's turn was taken before, if ``caps`` are to hold (see ``turns``).
        customer_id: whose history.
        rule_id: the rule that asks.
        alert_id: the alert that asks.
        decision_id: the decision that asks.
        cooldown_ms: how far back the rule's last contact matters; ``None``: not at all.
        caps: the frequency caps that concern the request.
    """
    about = {"customer_id": customer_id, "rule_id": rule_id, "alert_id": alert_id, "decision_id": decision_id}
    return read(connection.execute(asked(caps), {**about, **looking_back(cooldown_ms)}).one(), caps)


def looking_back(cooldown_ms: int | None) -> dict[str, float | None]:
    """The parameter of ``asked`` beside ``customer_id``, ``rule_id``, ``alert_id`` and ``decision_id``."""
    return {"look_back": None if cooldown_ms is None else cooldown_ms / 1000 + _WAITED_SECONDS}


def read(row: Row[*tuple[Any, ...]], caps: tuple[Cap, ...]) -> History:
    """What a row of ``asked(caps)`` says."""
    return History(
        last_contact_at_ms=None if row.last is None else _millis(row.last),
        open_fault=row.fault,
        alert_active=row.active,
        was_told=row.told,
        begun=tuple(
            Begun(cap, tuple(_millis(at) for at in getattr(row, f"cap_{number}"))) for number, cap in enumerate(caps)
        ),
    )


def _millis(at: datetime) -> int:
    return int(at.timestamp() * 1000)


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
            messages.c.customer_id == customer_id,
            messages.c.created_at > func.now() - _seconds(_LOOK_BACK),
            messages.c.state.in_(GOING),
        )
        .scalar_subquery()
    )


def _begun(cap: Cap, customer_id: ColumnElement[str], decision_id: ColumnElement[str]) -> ColumnElement[Any]:
    """When the newest contacts that count against ``cap`` last queued a message; as many as fill it."""
    at = func.max(messages.c.created_at)
    counts = [
        messages.c.customer_id == customer_id,
        messages.c.created_at > func.now() - _seconds(literal(cap.per_ms / 1000 + _CLOCK_SLACK_SECONDS)),
        messages.c.decision_id != decision_id,
        messages.c.state.in_(GOING),
    ]
    if cap.purpose is not None:
        counts.append(messages.c.purpose == cap.purpose)
    if cap.channel is not None:
        counts.append(messages.c.channel == cap.channel)
    newest = select(at).where(*counts).group_by(messages.c.contact_id).order_by(at.desc()).limit(cap.at_most)
    return func.array(newest.scalar_subquery())


def _seconds(count: ColumnElement[float]) -> ColumnElement[Any]:
    # Its arguments: years, months, weeks, days, hours, minutes, seconds.
    return func.make_interval(0, 0, 0, 0, 0, 0, count)


def _open_fault(customer_id: ColumnElement[str]) -> ColumnElement[bool]:
    firing = exists().where(
        and_(alerts.c.customer_id == customer_id, alerts.c.state == "firing", alerts.c.purpose.in_(_FAULTS))
    )
    return or_(firing, exists().where(cases.c.customer_id == customer_id, cases.c.state == "open"))


_CUSTOMER, _RULE, _ALERT, _DECISION = (
    bindparam(name, type_=Text()) for name in ("customer_id", "rule_id", "alert_id", "decision_id")
)
_LOOK_BACK: Final = bindparam("look_back", type_=Float())
# Made once: putting it together takes longer than running it.
_OF: Final = select(
    _last_contact(_CUSTOMER, _RULE, _DECISION).label("last"),
    _open_fault(_CUSTOMER).label("fault"),
    # What was only a moment is not over because the moment is.
    exists().where(alerts.c.id == _ALERT, or_(alerts.c.state == "firing", alerts.c.ended_by == PASSED)).label("active"),
    was_told(_ALERT, _CUSTOMER, _DECISION).label("told"),
)


@lru_cache(maxsize=64)
def asked(caps: tuple[Cap, ...]) -> Select[Any]:
    """The statement that ``of`` runs, for more to be asked along with it. One for each set of caps: a purpose's own."""
    counted = [_begun(cap, _CUSTOMER, _DECISION).label(f"cap_{number}") for number, cap in enumerate(caps)]
    return _OF.add_columns(*counted)
