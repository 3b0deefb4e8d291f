"""Contacts: attempts to reach one customer because of one decision, with their channel plan and how far it has come.

A transaction locks one contact at a time, before the messages of it; the worker's may lock several, of its own
partitions only.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    RowMapping,
    Update,
    bindparam,
    cast,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from gateway.storage.tables import alerts, contacts, messages
from gateway.storage.unread import UNHEARD
from rules.decision import derived_id
from rules.steps import RANK, SEVERITIES

OPEN: Final = ("held", "active")
_ANSWERED_AT: Final = "answered_at_ms"
"""In the context of a contact that was answered: when (epoch ms)."""


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """One row. ``request`` and ``context`` are JSON: the policy's request, and what rendering needs."""

    id: str
    decision_id: str
    alert_id: str
    rule_id: str
    customer_id: str
    state: str
    """``held active acknowledged done exhausted withdrawn expired``."""
    request: dict[str, Any]
    context: dict[str, Any]
    steps: list[dict[str, Any]] = []
    """``{"channel", "addresses"}`` in order, as first planned."""
    step: int = 0
    """How many steps have been started."""
    due_at: datetime | None = None
    expires_at: datetime | None = None


def id_of(decision_id: str, customer_id: str) -> str:
    """The id of the one contact that a decision makes with a customer."""
    return derived_id("c", decision_id, customer_id)


# Made once: putting a statement together takes longer than sending it.
_ADD: Final = insert(contacts).on_conflict_do_nothing(index_elements=["id"]).returning(contacts.c.id)
_CHANGE: Final = update(contacts).prefix_with(UNHEARD)
_LOCK: Final = select(contacts).where(contacts.c.id == bindparam("contact_id")).with_for_update(key_share=True)
_LOCK_OF_MESSAGE: Final = (
    select(contacts)
    .where(
        contacts.c.id == select(messages.c.contact_id).where(messages.c.id == bindparam("message_id")).scalar_subquery()
    )
    .with_for_update(key_share=True)
)
_OF_ALERT: Final = (
    select(contacts)
    .where(contacts.c.alert_id == bindparam("alert_id"))
    .order_by(contacts.c.created_at, contacts.c.id)
    .with_for_update(key_share=True)
)


def add(connection: Connection, contact: Contact) -> bool:
    """Write a new contact; false where it was there already."""
    return connection.execute(_ADD, msgspec.structs.asdict(contact)).one_or_none() is not None


def lock(connection: Connection, contact_id: str) -> Contact | None:
    """The contact, locked until this transaction ends; ``None`` where it is gone."""
    row = connection.execute(_LOCK, {"contact_id": contact_id}).mappings().one_or_none()
    return None if row is None else _read(row)


def lock_of_message(connection: Connection, message_id: str) -> Contact | None:
    """The contact that a message belongs to, locked until this transaction ends; ``None`` where either is gone."""
    row = connection.execute(_LOCK_OF_MESSAGE, {"message_id": message_id}).mappings().one_or_none()
    return None if row is None else _read(row)


def take_due(connection: Connection) -> Contact | None:
    """The contact that has waited longest to be looked at, locked; ``None`` when none is due."""
    query = (
        select(contacts)
        .where(contacts.c.due_at <= func.now())
        .order_by(contacts.c.due_at)
        .limit(1)
        .with_for_update(key_share=True, skip_locked=True)
    )
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _read(row)


def of_alert(connection: Connection, alert_id: str) -> list[Contact]:
    """All contacts because of an alert, locked, oldest first."""
    return [_read(row) for row in connection.execute(_OF_ALERT, {"alert_id": alert_id}).mappings()]


def waiting(connection: Connection, alert_id: str) -> list[Contact]:
    """Those because of an alert that wait until no other alert speaks for it, locked."""
    return [each for each in of_alert(connection, alert_id) if each.state == "held" and each.due_at is None]


def wait_no_more(connection: Connection, alert_id: str) -> bool:
    """Have those that wait until no other alert speaks for ``alert_id`` looked at at once; whether there are any.

    Nothing else does. All are locked first: one that is about to wait, and is not committed yet, would not be found.
    """
    found = waiting(connection, alert_id)
    for each in found:
        change(connection, each.id, due_at=func.now())
    return bool(found)


def answered(contact: Contact, now: datetime) -> dict[str, Any]:
    """The context of ``contact`` once somebody has answered at ``now``."""
    return {**contact.context, _ANSWERED_AT: int(now.timestamp() * 1000)}


def is_answered_elsewhere(connection: Connection, contact: Contact) -> bool:
    """Whether the customer has answered another message about the alert, no less grave, since this one was decided."""
    grave = [severity for severity in SEVERITIES if RANK[severity] >= RANK[contact.request["severity"]]]
    elsewhere = exists().where(
        contacts.c.alert_id == contact.alert_id,
        contacts.c.customer_id == contact.customer_id,
        contacts.c.state == "acknowledged",
        contacts.c.request["severity"].astext.in_(grave),
        cast(contacts.c.context[_ANSWERED_AT].astext, BigInteger) >= contact.request["decided_at_ms"],
    )
    return bool(connection.execute(select(elsewhere)).scalar_one())


def is_overtaken(connection: Connection, contact: Contact) -> bool:
    """Whether something was said since that stands in the contact's place: a newer contact, or a person's word."""
    decided_at = contact.request["decided_at_ms"]
    newer = exists().where(
        contacts.c.alert_id == contact.alert_id,
        contacts.c.customer_id == contact.customer_id,
        cast(contacts.c.request["decided_at_ms"].astext, BigInteger) > decided_at,
    )
    now = func.extract("epoch", func.now()) * 1000
    word = exists().where(
        alerts.c.id == contact.alert_id,
        or_(alerts.c.acknowledged_at >= decided_at, alerts.c.snoozed_until > now),
    )
    return bool(connection.execute(select(or_(newer, word))).scalar_one())


def change(connection: Connection, contact_id: str, **values: Any) -> None:
    """Set columns of a contact that this transaction has locked."""
    if any(isinstance(value, ColumnElement) for value in values.values()):
        connection.execute(_CHANGE.where(contacts.c.id == contact_id).values(**values))
    else:
        connection.execute(_changing(frozenset(values)), {"changed": contact_id, **values})


@lru_cache(maxsize=64)
def _changing(names: frozenset[str]) -> Update:
    """One statement for each set of columns."""
    return _CHANGE.where(contacts.c.id == bindparam("changed")).values({name: bindparam(name) for name in names})


def seconds_to_next(connection: Connection) -> float | None:
    """Until the next contact is due, by the database's clock (negative: it is); ``None``: none waits."""
    wait = func.extract("epoch", func.min(contacts.c.due_at) - func.now())
    found = connection.execute(select(wait).where(contacts.c.due_at.is_not(None))).scalar_one()
    return None if found is None else float(found)


def _read(row: RowMapping) -> Contact:
    return Contact(**{name: row[name] for name in Contact.__struct_fields__})
