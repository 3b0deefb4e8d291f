"""The outbox: messages, and how far each has come. Who may send one is in ``claims``, reading in ``messages_read``.

States have ranks, and what is known of a message never goes backwards: a late "accepted" does not undo "delivered".
Rows are always locked after the contact they belong to, never before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import (
    Connection,
    CursorResult,
    RowMapping,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
    text,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from gateway.storage import charges
from gateway.storage.tables import cases, contacts, messages

RANK: Final = {
    "held": 0,
    "queued": 0,
    "sending": 1,
    "unknown": 2,
    "accepted": 10,
    "failed": 20,
    "expired": 20,
    "withdrawn": 20,
    "delivered": 30,
    "read": 40,
    "clicked": 50,
}
"""Delivery outranks a failure: evidence that it arrived is the stronger fact."""

ENDED: Final = ("failed", "expired", "withdrawn")

CASE_TOLD: Final = "unanswered_case_id"
"""In a contact's context: the case that was told that nobody has answered."""

RESTED: Final = "quiet_hours"
"""Reason of a *withdrawn* that had not left when the customer's quiet hours began."""

INHIBITED: Final = "inhibited"
"""Reason of a *withdrawn* that had not left when another rule's alert began to speak for its own."""


class Worded(msgspec.Struct, frozen=True, kw_only=True):
    """What a message is, however far it has come."""

    id: str
    contact_id: str
    decision_id: str
    customer_id: str
    channel: str
    step: int
    address: str
    purpose: str
    title: str
    body: str


class New(Worded, frozen=True, kw_only=True):
    """A rendered message to queue."""

    template: str
    html: str | None
    expires_at: datetime | None
    quiet_from: datetime | None = None
    """Its customer's quiet hours begin: from then on it does not leave."""
    link: str | None = None
    """The short address in it."""

    @property
    def attempts(self) -> int:
        """None yet."""
        return 0


class Claimed(Worded, frozen=True, kw_only=True):
    """A message that this process may send (or ask about) until the lease ends."""

    html: str | None
    reason: str | None
    provider: str | None
    """Who was given it last, or is about to be."""
    attempts: int
    forgiven: int
    """Attempts before a person sent it again."""
    due_at: datetime
    first_sent_at: datetime | None
    quiet_from: datetime | None
    expires_at: datetime | None
    link: str | None


class Standing(NamedTuple):
    """How far one message of a contact has come."""

    step: int
    channel: str
    state: str
    ended: bool
    """Nothing more is to be hoped for from it: failed, expired, withdrawn, or unknown for good."""
    rested: bool = False
    """It was withdrawn for the night, or since another alert speaks for its own: its channel was not tried by it."""


CLAIMED_FIELDS: Final = ", ".join(f"m.{name}" for name in Claimed.__struct_fields__)
"""For what a statement that calls the messages ``m`` returns."""

_GET: Final = select(messages).where(messages.c.id == bindparam("message_id"))
_ADD: Final = insert(messages).values(state="queued", due_at=func.now()).on_conflict_do_nothing(index_elements=["id"])


_WITHDRAW = text(f"""
UPDATE messages AS m SET state = 'withdrawn', reason = :reason, updated_at = now()
WHERE m.contact_id = :contact_id AND m.state IN ('held', 'queued')
  AND m.step < coalesce(CAST(:before_step AS integer), m.step + 1)
RETURNING {CLAIMED_FIELDS}
""")  # noqa: S608 - column names of our own

_REST = text(f"""
UPDATE messages AS m SET state = 'withdrawn', reason = '{RESTED}', updated_at = now()
WHERE m.contact_id = :contact_id AND m.state = 'queued' AND m.quiet_from <= :at
RETURNING {CLAIMED_FIELDS}
""")  # noqa: S608 - column names of our own


def add(connection: Connection, new: Sequence[New]) -> None:
    """Queue messages, due now; those already there stay as they are."""
    if not new:
        return
    connection.execute(_ADD, [msgspec.structs.asdict(each) for each in new])


# Where the provider had it after all, it took its units of the day after all.
_ADVANCE = text("""
WITH advanced AS (
    UPDATE messages SET state = :state, reason = :reason, provider_id = coalesce(provider_id, :provider_id),
           first_sent_at = coalesce(first_sent_at, now()), lease_owner = NULL, lease_until = NULL, updated_at = now()
    WHERE id = :message_id AND state = ANY(:lower) RETURNING id
), charged AS (
    UPDATE charges SET charged = true FROM advanced WHERE message_id = advanced.id AND NOT charged AND :had_it
)
SELECT count(*) FROM advanced
""")


def advance(
    connection: Connection, message_id: str, state: str, *, reason: str | None, provider_id: str | None
) -> bool:
    """Apply what a receipt says; false where the message is already as far, and then its state did not change."""
    lower = [name for name, rank in RANK.items() if rank < RANK[state]]
    change = {"message_id": message_id, "state": state, "reason": reason, "provider_id": provider_id}
    changed = connection.execute(_ADVANCE, {**change, "lower": lower, "had_it": state not in ENDED})
    return bool(changed.scalar_one())


def requeue(connection: Connection, message_id: str, quiet_from: datetime | None) -> bool:
    """Queue a message that has failed, or stays unknown, once more; false where it has not. Its tries begin anew.

    ``quiet_from``: when the customer's next quiet hours begin.
    """
    unsettled = and_(messages.c.state == "unknown", messages.c.lease_until.is_(None))
    statement = (
        update(messages)
        .where(messages.c.id == message_id, or_(messages.c.state == "failed", unsettled))
        .values(
            state="queued",
            reason=None,
            provider=None,
            provider_id=None,
            forgiven=messages.c.attempts,
            due_at=func.now(),
            quiet_from=quiet_from,
            # What an earlier try left with the provider must not be taken for this one.
            first_sent_at=None,
            updated_at=func.now(),
        )
    )
    changed = connection.execute(statement).rowcount > 0
    if changed:
        charges.keep(connection, [message_id])
    return changed


def withdraw(connection: Connection, contact_id: str, reason: str, *, before_step: int | None = None) -> list[Claimed]:
    """Take back what of a contact (of the steps before ``before_step``) is not on its way yet; returns that."""
    about = {"contact_id": contact_id, "reason": reason, "before_step": before_step}
    withdrawn = connection.execute(_WITHDRAW, about)
    return _never_left(connection, withdrawn)


def rest(connection: Connection, contact_id: str, at: datetime) -> list[Claimed]:
    """Take back the contact's queued messages whose customer's quiet hours have begun ``at`` this moment."""
    return _never_left(connection, connection.execute(_REST, {"contact_id": contact_id, "at": at}))


def overtaken_by_night(connection: Connection, at: datetime, limit: int) -> list[str]:
    """Contacts with queued messages whose customer's quiet hours have begun ``at`` this moment, longest ago first.

    Of more than ``limit`` messages the rest is left for the next time.
    """
    query = (
        select(messages.c.contact_id)
        .where(messages.c.state == "queued", messages.c.quiet_from <= at)
        .order_by(messages.c.quiet_from)
        .limit(limit)
    )
    return list(dict.fromkeys(connection.execute(query).scalars()))


def expire(connection: Connection, limit: int) -> list[Claimed]:
    """Give up queued messages whose time has passed, wherever their provider is; returns them."""
    due = (
        select(messages.c.id)
        .where(messages.c.state == "queued", messages.c.expires_at <= func.now())
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    statement = (
        update(messages)
        .where(messages.c.id.in_(due.scalar_subquery()))
        .values(state="expired", reason="expired", updated_at=func.now())
        .returning(messages)
    )
    return _never_left(connection, connection.execute(statement))


def get(connection: Connection, message_id: str) -> Claimed | None:
    """The message as the outbox sees it, or ``None``."""
    row = connection.execute(_GET, {"message_id": message_id}).mappings().one_or_none()
    return None if row is None else _read(row)


def of_contact(connection: Connection, contact_id: str) -> list[Standing]:
    """Each message of a contact, by step."""
    rows = connection.execute(
        select(messages.c.step, messages.c.channel, messages.c.state, messages.c.lease_until, messages.c.reason)
        .where(messages.c.contact_id == contact_id)
        .order_by(messages.c.step)
    )
    return [
        Standing(
            row.step,
            row.channel,
            row.state,
            row.state in ENDED or (row.state == "unknown" and row.lease_until is None),
            row.state == "withdrawn" and row.reason in (RESTED, INHIBITED),
        )
        for row in rows
    ]


def replied_to(connection: Connection, customer_id: str, channel: str, *, left_by: datetime | None = None) -> list[str]:
    """Contacts of the customer that have left on ``channel``: what a reply on it may be an answer to.

    They are open, or a case is because nobody had answered. ``left_by``: not those that left later.
    """
    in_time = true() if left_by is None else func.coalesce(messages.c.first_sent_at, messages.c.created_at) <= left_by
    case = exists().where(cases.c.id == contacts.c.context[CASE_TOLD].astext, cases.c.state == "open")
    query = (
        select(contacts.c.id)
        .distinct()
        .join(messages, messages.c.contact_id == contacts.c.id)
        .where(
            contacts.c.customer_id == customer_id,
            or_(contacts.c.state.in_(("active", "held")), and_(contacts.c.state == "exhausted", case)),
            messages.c.channel == channel,
            or_(messages.c.state.in_(("sending", "unknown")), messages.c.provider_id.is_not(None)),
            in_time,
        )
    )
    return list(connection.execute(query).scalars())


def _never_left(connection: Connection, ended: CursorResult[Any]) -> list[Claimed]:
    """The messages that have just been ended in the queue; what they took of a budget is given back."""
    found = read_claimed(ended.mappings())
    charges.give_back(connection, [each.id for each in found])
    return found


def read_claimed(rows: Iterable[RowMapping]) -> list[Claimed]:
    """The messages in ``rows``, which hold ``CLAIMED_FIELDS``."""
    return [_read(row) for row in rows]


def _read(row: RowMapping) -> Claimed:
    return Claimed(**{name: row[name] for name in Claimed.__struct_fields__})
