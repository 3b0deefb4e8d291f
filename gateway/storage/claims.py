"""Claims on messages: who may send one, or settle what became of it, and until when.

Claims and leases use the database's clock alone, so that machines need not agree on the time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, func, text, update

from gateway.storage import charges
from gateway.storage.messages import CLAIMED_FIELDS, ENDED, Claimed, read_claimed
from gateway.storage.tables import messages

SENDER_LOST: Final = "sender_lost"
"""Reason of an *unknown* whose sending process died between the claim and the record."""


class Taken(NamedTuple):
    """A send that the provider accepted."""

    id: str
    provider: str
    provider_id: str
    state: str = "accepted"
    """``delivered`` where the provider is the receiver itself."""


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
RETURNING {CLAIMED_FIELDS}
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
RETURNING {CLAIMED_FIELDS}
""")  # noqa: S608 - column names of our own

_GIVE_BACK = text("""
UPDATE messages
SET state = 'queued', attempts = attempts - 1, lease_owner = NULL, lease_until = NULL, updated_at = now(),
    first_sent_at = CASE attempts WHEN 1 THEN NULL ELSE first_sent_at END
WHERE id = ANY(:ids) AND state = 'sending' AND lease_owner = :owner
RETURNING provider
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
    return read_claimed(connection.execute(_CLAIM, parameters).mappings())


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
    doubtful = read_claimed(connection.execute(_CLAIM_DOUBTFUL, parameters).mappings())
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
