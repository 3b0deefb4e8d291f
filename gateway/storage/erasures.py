"""Erasing a customer: everything that speaks of them goes.

A worker may still fold events that were logged while the customer was the owner. So a keyed hash of the id is kept for
as long as the log may name it: what is decided meanwhile names nobody. Whoever puts the customer on record again ends
that.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import ColumnElement, Connection, bindparam, delete, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from gateway.storage import secrets, spending, tables, turns, wake
from gateway.storage.tables import contacts, customers, devices, erasures, faults, messages, subject_states
from gateway.storage.tables import secrets as secrets_table

SALT: Final = "erasures"
"""The secret's name: without it nobody can try out ids."""
OWNERS_GROUP: Final = "owner/"
"""Rules that group devices by their owner speak of a subject that is named after the customer."""
_OF_CUSTOMER: Final = (
    tables.timeline,
    tables.digest_items,
    tables.contacts,
    tables.cases,
    tables.alerts,
    tables.decisions,
)
"""These name the customer in a column of their own; messages, receipts, links, comments, consents… go with a row."""


def erase(connection: Connection, customer_id: str) -> int:
    """Remove the customer and everything that speaks of them; returns the rows, 0 where nothing did.

    Their devices stay, without an owner; the log is told by the inventory feed. What the log already holds goes when
    its retention ends. What another transaction is writing at this moment stays: see ``erase_rest``.

    Args:
        connection: the caller commits. Waits for who plans contacts with the customer at this moment.
        customer_id: whom.

    Raises:
        OperationalError: a deadlock with who records what became of their messages (SQLSTATE 40P01): do it again.
    """
    turns.take(connection, [customer_id])
    # Contacts before messages, each in order: as everybody else locks them.
    theirs = select(contacts.c.id).where(contacts.c.customer_id == customer_id).order_by(contacts.c.id)
    connection.execute(theirs.with_for_update())
    numbers = _numbers(connection, customer_id)
    removed = _remove(connection, customer_id)
    # Last: whoever holds a contact may wait for these rows on another connection, and we must not wait for them then.
    removed += spending.forget_numbers(connection, numbers)
    if removed:
        _remember(connection, customer_id)
        wake.notify(connection, wake.INVENTORY)
        wake.notify(connection, wake.TIMELINE, customer_id)
    return removed


def erase_rest(connection: Connection, customer_id: str) -> int:
    """Remove what others had under way while ``erase`` ran; nothing where the customer is on record again."""
    mark = select(erasures.c.digest).where(erasures.c.digest == _digest(bindparam("id", customer_id)))
    still_erased = connection.execute(mark.with_for_update()).first() is not None
    return erase(connection, customer_id) if still_erased else 0


def forget(connection: Connection, customer_id: str) -> None:
    """Somebody of that id is on record (again): what is written of them from now on stays."""
    connection.execute(delete(erasures).where(erasures.c.digest == _digest(bindparam("id", customer_id))))


def forget_old(connection: Connection, remembered: timedelta) -> int:
    """Forget whom was erased longer than ``remembered`` ago; returns how many those were."""
    return connection.execute(delete(erasures).where(erasures.c.at < func.now() - remembered)).rowcount


def forget_groups(connection: Connection) -> int:
    """Remove what workers remember of groups that were named after erased customers; returns how many those were.

    They have no members any more, so nobody writes them again; a worker that starts does not find them.
    """
    if connection.execute(select(erasures.c.at).limit(1)).first() is None:
        return 0
    owner = func.substr(subject_states.c.subject, len(OWNERS_GROUP) + 1)
    theirs = subject_states.c.subject.startswith(OWNERS_GROUP)
    return connection.execute(delete(subject_states).where(theirs, is_erased(owner))).rowcount


def is_erased(customer_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether the customer was erased lately, as a part of a statement."""
    return exists().where(erasures.c.digest == _digest(customer_id))


def _remember(connection: Connection, customer_id: str) -> None:
    secrets.shared(connection, SALT)
    again = {"at": func.clock_timestamp()}
    statement = insert(erasures).values(digest=_digest(bindparam("id", customer_id)), **again)
    connection.execute(statement.on_conflict_do_update(index_elements=["digest"], set_=again))


def _digest(customer_id: ColumnElement[str]) -> ColumnElement[bytes]:
    salt = select(secrets_table.c.value).where(secrets_table.c.name == SALT).scalar_subquery()
    return func.sha256(func.convert_to(salt + customer_id, "UTF8"))


def _remove(connection: Connection, customer_id: str) -> int:
    group = OWNERS_GROUP + customer_id
    of_their_devices = faults.c.subject.in_(select(devices.c.id).where(devices.c.owner == customer_id))
    removed = connection.execute(delete(faults).where(or_(faults.c.subject == group, of_their_devices))).rowcount
    of_the_group = select(tables.alerts.c.id).where(tables.alerts.c.subject == group)
    removed += connection.execute(delete(tables.cases).where(tables.cases.c.alert_id.in_(of_the_group))).rowcount
    for table in (tables.alerts, tables.decisions):
        removed += connection.execute(delete(table).where(table.c.subject == group)).rowcount
    for table in _OF_CUSTOMER:
        removed += connection.execute(delete(table).where(table.c.customer_id == customer_id)).rowcount
    ownerless = {"owner": None, "logged": False, "updated_at": func.clock_timestamp()}
    removed += connection.execute(update(devices).where(devices.c.owner == customer_id).values(ownerless)).rowcount
    return removed + connection.execute(delete(customers).where(customers.c.id == customer_id)).rowcount


def _numbers(connection: Connection, customer_id: str) -> list[str]:
    """Every number that a message of theirs went to; locks the messages, in order."""
    rows = connection.execute(
        select(messages.c.channel, messages.c.address)
        .where(messages.c.customer_id == customer_id)
        .order_by(messages.c.id)
        .with_for_update()
    )
    return sorted({row.address for row in rows if row.channel == "sms" and row.address})
