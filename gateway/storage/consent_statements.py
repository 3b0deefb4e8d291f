"""A statement of what a customer agreed to: written down, and told on their timeline where it changes something."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import Connection

from gateway.storage import consents, timeline
from gateway.storage.consents import Consents
from notifiers.channel_names import within

CLOCKS_DIFFER: Final = timedelta(minutes=5)


class Stated(NamedTuple):
    """What has become of a statement."""

    holds: Consents
    refused: list[tuple[str, str]]
    """Purpose and channel of each yes that does not hold: the customer took it back themselves, and later."""


def is_to_come(stated: Consents, now: datetime) -> bool:
    """Whether it was said in the future, of which nobody can know; a few minutes are another clock's."""
    return stated.at is not None and stated.at > now + CLOCKS_DIFFER


def record(
    connection: Connection,
    customer_id: str,
    stated: Consents,
    *,
    by: str,
    now: datetime,
    undated_is_new: bool = True,
) -> Stated:
    """Put ``stated`` in place of what the customer said before, as ``consents.put`` does.

    ``by``: who wrote it down. ``now``: UTC, the entry's time.
    """
    before = consents.get(connection, customer_id)
    consents.put(connection, customer_id, stated, undated_is_new=undated_is_new)
    holds = consents.get(connection, customer_id)
    if holds.granted != before.granted:
        timeline.add(connection, [_entry(customer_id, holds, stated, by, now)])
    return Stated(holds, consents.refused(stated, holds))


def _entry(customer_id: str, holds: Consents, stated: Consents, by: str, now: datetime) -> timeline.Entry:
    agreed = [
        f"{purpose} by {', '.join(within(channel) for channel, yes in sorted(channels.items()) if yes)}"
        for purpose, channels in sorted(holds.granted.items())
        if any(channels.values())
    ]
    said_at = {} if stated.at is None else {"said_at": stated.at.isoformat()}
    return timeline.Entry(
        id=f"consents_{secrets.token_hex(16)}",
        customer_id=customer_id,
        at=now,
        kind="note",
        direction="in",
        summary=f"Consents now: {'; '.join(agreed) or 'none'}",
        detail={"granted": holds.granted, "source": stated.source, "by": by, **said_at},
    )
