"""The outbox: messages, who may send them, and how far each has come. Reading for the API is in ``messages_read``.

States have ranks, and what is known of a message never goes backwards: a late "accepted" does not undo "delivered".
Claims and leases use the database's clock alone, so that machines need not agree on the time. Rows are always locked
after the contact they belong to, never before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, CursorResult, RowMapping, and_, exists, func, or_, select, text, update
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

_NUMBER_LOCKS: Final = 0x6E756D62
"""Keeps our advisory locks apart from others of the same database."""

CASE_TOLD: Final = "unanswered_case_id"
"""In a contact's context: the case that was told that nobody has answered."""

RESTED: Final = "quiet_hours"
"""Reason of a *withdrawn* that had not left when the customer's quiet hours began."""

SENDER_LOST: Final = "sender_lost"
"""Reason of an *unknown* whose sending process died between the claim and the record."""


class New(msgspec.Struct, frozen=True, kw_only=True):
    """A rendered message to queue."""

    id: str
    contact_id: str
    decision_id: str
    customer_id: str
    channel: str
    step: int
    address: str
    purpose: str
    template: str
    title: str
    body: str
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


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """A message that this process may send (or ask about) until the lease ends."""

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
    """It was withdrawn because the customer's quiet hours had begun: its channel was not tried by it."""


class Taken(NamedTuple):
    """A send that the provider accepted."""

    id: str
    provider: str
    provider_id: str
    state: str = "accepted"
    """``delivered`` where the provider is the receiver itself."""


_FIELDS = ", ".join(f"m.{name}" for name in Claimed.__struct_fields__)

_CLAIM = text(f"""
WITH due AS (
    SELECT d.id, lane.provider
    FROM unnest(CAST(:channels AS text[]), CAST(:free AS int[]), CAST(:providers AS text[]))
        AS lane(channel, free, provider)
    CROSS JOIN LATERAL (
        SELECT id FROM messages
        WHERE state = 'queued' AND channel = lane.channel AND due_at <= now()
          AND (quiet_from IS NULL OR quiet_from > :at)
        ORDER BY due_at LIMIT lane.free FOR UPDATE SKIP LOCKED
    ) AS d
)
UPDATE messages AS m
SET state = 'sending', attempts = attempts + 1, lease_owner = :owner, reason = NULL, updated_at = now(),
    lease_until = now() + make_interval(secs => :lease), first_sent_at = coalesce(first_sent_at, now()),
    provider = coalesce(due.provider, m.provider)
FROM due WHERE m.id = due.id
RETURNING {_FIELDS}
""")  # noqa: S608 - column names of our own

_CLAIM_DOUBTFUL = text(f"""
WITH due AS (
    SELECT id FROM messages
    WHERE state IN ('sending', 'unknown') AND lease_until <= now() AND channel = ANY(:channels)
    ORDER BY lease_until LIMIT :free FOR UPDATE SKIP LOCKED
)
UPDATE messages AS m
SET reason = CASE m.state WHEN 'sending' THEN '{SENDER_LOST}' ELSE m.reason END,
    state = 'unknown', lease_owner = :owner, lease_until = now() + make_interval(secs => :lease), updated_at = now()
FROM due WHERE m.id = due.id
RETURNING {_FIELDS}
""")  # noqa: S608 - column names of our own

_GIVE_BACK = text("""
UPDATE messages
SET state = 'queued', attempts = attempts - 1, lease_owner = NULL, lease_until = NULL, updated_at = now(),
    first_sent_at = CASE attempts WHEN 1 THEN NULL ELSE first_sent_at END
WHERE id = ANY(:ids) AND state = 'sending' AND lease_owner = :owner
RETURNING provider
""")

_OTHERS = text("""
SELECT provider_id, state = 'sending' AND lease_until > now() AND body = :body AS going FROM messages
WHERE channel = 'sms' AND address = :address AND id <> :id AND (provider_id IS NOT NULL OR state = 'sending')
""")

_ACCEPTED = text("""
UPDATE messages AS m
SET state = taken.state, provider = taken.provider, provider_id = taken.provider_id, reason = NULL,
    lease_owner = NULL, lease_until = NULL, updated_at = now()
FROM unnest(CAST(:ids AS text[]), CAST(:providers AS text[]), CAST(:provider_ids AS text[]), CAST(:states AS text[]))
    AS taken(id, provider, provider_id, state)
WHERE m.id = taken.id
  AND ((m.state IN ('sending', 'unknown') AND m.lease_owner = :owner) OR m.state = 'queued')
RETURNING m.id
""")

_KNOWN_ANYWAY = text("""
UPDATE messages AS m SET provider = taken.provider, provider_id = taken.provider_id
FROM unnest(CAST(:ids AS text[]), CAST(:providers AS text[]), CAST(:provider_ids AS text[]))
    AS taken(id, provider, provider_id)
WHERE m.id = taken.id AND m.provider_id IS NULL AND m.state NOT IN ('sending', 'unknown', 'queued')
""")


_ADD: Final = insert(messages).values(state="queued", due_at=func.now()).on_conflict_do_nothing(index_elements=["id"])


_WITHDRAW = text(f"""
UPDATE messages AS m SET state = 'withdrawn', reason = :reason, updated_at = now()
WHERE m.contact_id = :contact_id AND m.state IN ('held', 'queued')
RETURNING {_FIELDS}
""")  # noqa: S608 - column names of our own

_REST = text(f"""
UPDATE messages AS m SET state = 'withdrawn', reason = '{RESTED}', updated_at = now()
WHERE m.contact_id = :contact_id AND m.state = 'queued' AND m.quiet_from <= :at
RETURNING {_FIELDS}
""")  # noqa: S608 - column names of our own


def add(connection: Connection, new: Sequence[New]) -> None:
    """Queue messages, due now; those already there stay as they are."""
    if not new:
        return
    connection.execute(_ADD, [msgspec.structs.asdict(each) for each in new])


def claim(
    connection: Connection,
    free: Mapping[str, int],
    *,
    owner: str,
    lease_s: float,
    at: datetime,
    providers: Mapping[str, str] | None = None,
) -> list[Claimed]:
    """Take up to ``free[channel]`` due messages of each channel for ``owner``.

    What others hold is passed over, and what the customer's quiet hours have overtaken ``at`` (UTC) this moment: the
    contact policy goes by its caller's clock, not by the database's. ``providers`` names who will be given them, by
    channel: should their sender die, that one is asked.
    """
    lanes = {channel: places for channel, places in free.items() if places > 0}
    if not lanes:
        return []
    parameters = {
        "channels": list(lanes),
        "free": list(lanes.values()),
        "providers": [(providers or {}).get(channel) for channel in lanes],
        "owner": owner,
        "lease": lease_s,
        "at": at,
    }
    return _claimed(connection.execute(_CLAIM, parameters).mappings())


def give_back(connection: Connection, ids: Sequence[str], *, owner: str) -> list[str]:
    """Queue messages again that were claimed and not tried: as if they had never been claimed.

    Returns the provider of each that was still the owner's.
    """
    return list(connection.execute(_GIVE_BACK, {"ids": sorted(ids), "owner": owner}).scalars())


def claim_doubtful(
    connection: Connection, channels: Sequence[str], *, limit: int, owner: str, lease_s: float
) -> list[Claimed]:
    """Take messages whose fate must be settled: unknown ones whose time has come, and those whose sender died."""
    parameters = {"channels": list(channels), "free": limit, "owner": owner, "lease": lease_s}
    doubtful = _claimed(connection.execute(_CLAIM_DOUBTFUL, parameters).mappings())
    charges.keep(connection, [each.id for each in doubtful])
    return doubtful


def record_accepted(connection: Connection, taken: Sequence[Taken], *, owner: str) -> set[str]:
    """Record what the provider took; returns the ids whose state changed.

    The others were overtaken: by a receipt (then only the provider's id is filled in), or by another process that
    holds the lease now, whose word counts.
    """
    columns = {
        "ids": [each.id for each in taken],
        "providers": [each.provider for each in taken],
        "provider_ids": [each.provider_id for each in taken],
    }
    states = [each.state for each in taken]
    changed = set(connection.execute(_ACCEPTED, {**columns, "states": states, "owner": owner}).scalars())
    if len(changed) < len(taken):
        connection.execute(_KNOWN_ANYWAY, columns)
    return changed


def release(
    connection: Connection,
    message_id: str,
    state: str,
    *,
    owner: str,
    reason: str | None,
    due_in_s: float | None = None,
) -> bool:
    """End a claim with ``state``; false where the claim is no longer ``owner``'s, and then nothing changed.

    Args:
        connection: the caller commits.
        message_id: which.
        state: ``queued`` (due in ``due_in_s``), ``unknown`` (to be settled in ``due_in_s``; ``None``: never, it
            stays unknown), ``failed`` or ``expired``.
        owner: who claimed it.
        reason: for the timeline, ``None`` clears it.
        due_in_s: seconds from now.
    """
    after = None if due_in_s is None else func.now() + func.make_interval(0, 0, 0, 0, 0, 0, due_in_s)
    values: dict[str, Any] = {"state": state, "reason": reason, "lease_owner": None, "lease_until": None}
    if state == "queued":
        values["due_at"] = after
    elif state == "unknown":
        values["lease_until"] = after
    statement = (
        update(messages)
        .where(messages.c.id == message_id, messages.c.state.in_(("sending", "unknown")))
        .where(messages.c.lease_owner == owner)
        .values(**values, updated_at=func.now())
    )
    changed = connection.execute(statement).rowcount > 0
    if changed and state in ENDED:
        charges.give_back(connection, [message_id])
    return changed


def advance(
    connection: Connection, message_id: str, state: str, *, reason: str | None, provider_id: str | None
) -> bool:
    """Apply what a receipt says; false where the message is already as far, and then its state did not change."""
    lower = [name for name, rank in RANK.items() if rank < RANK[state]]
    statement = (
        update(messages)
        .where(messages.c.id == message_id, messages.c.state.in_(lower))
        .values(
            state=state,
            reason=reason,
            provider_id=func.coalesce(messages.c.provider_id, provider_id),
            first_sent_at=func.coalesce(messages.c.first_sent_at, func.now()),
            lease_owner=None,
            lease_until=None,
            updated_at=func.now(),
        )
    )
    changed = connection.execute(statement).rowcount > 0
    if changed and state not in ENDED:
        charges.take_again(connection, message_id)
    return changed


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


def withdraw(connection: Connection, contact_id: str, reason: str) -> list[Claimed]:
    """Take back what of a contact is not on its way yet; returns those messages."""
    withdrawn = connection.execute(_WITHDRAW, {"contact_id": contact_id, "reason": reason})
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
    row = connection.execute(select(messages).where(messages.c.id == message_id)).mappings().one_or_none()
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
            row.state == "withdrawn" and row.reason == RESTED,
        )
        for row in rows
    ]


class Others(NamedTuple):
    """What is known of the other messages to the same number."""

    provider_ids: frozenset[str]
    """Theirs: what the provider says of these is not about the message asked about."""
    going: bool
    """One that says the same is being sent at this moment: what the provider has may be that one."""


def others_to(connection: Connection, message: Claimed) -> Others:
    """The other messages to the number that ``message`` went to."""
    rows = connection.execute(_OTHERS, {"address": message.address, "body": message.body, "id": message.id}).all()
    return Others(frozenset(row.provider_id for row in rows if row.provider_id), any(row.going for row in rows))


def lock_number(connection: Connection, address: str) -> None:
    """Until this transaction ends nobody else settles a message to this number."""
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(address, _NUMBER_LOCKS))))


def replied_to(connection: Connection, customer_id: str, channel: str) -> list[str]:
    """Contacts of the customer that have left on ``channel``: what a reply on it may be an answer to.

    They are open, or a case is because nobody had answered.
    """
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
        )
    )
    return list(connection.execute(query).scalars())


def _never_left(connection: Connection, ended: CursorResult[Any]) -> list[Claimed]:
    """The messages that have just been ended in the queue; what they took of a budget is given back."""
    found = _claimed(ended.mappings())
    charges.give_back(connection, [each.id for each in found])
    return found


def _claimed(rows: Iterable[RowMapping]) -> list[Claimed]:
    return [_read(row) for row in rows]


def _read(row: RowMapping) -> Claimed:
    return Claimed(**{name: row[name] for name in Claimed.__struct_fields__})
