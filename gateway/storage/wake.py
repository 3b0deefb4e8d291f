"""Waking other processes at commit: PostgreSQL's LISTEN and NOTIFY.

A lost wake-up costs a poll interval, nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, text

from gateway.storage import unread

OUTBOX: Final = "kizashi_outbox"
"""Something is due for delivery. The payload is ``QUEUED``, or there is none."""
QUEUED: Final = "queued"
"""Messages are due, and no contact: nobody need look at those."""
TIMELINE: Final = "kizashi_timeline"
"""Timelines have new entries. The payload is the customer's id."""
INVENTORY: Final = "kizashi_inventory"
"""Devices, stores or rules wait to be written to the log. No payload."""


Call = tuple[str, str]
"""Channel and payload."""

_NOTIFY: Final = text(
    "SELECT pg_notify(channel, payload)"
    " FROM unnest(CAST(:channels AS text[]), CAST(:payloads AS text[])) AS wake(channel, payload)"
)
_WOKEN: Final = "kizashi_woken"


def notify(connection: Connection, channel: str, *payloads: str) -> None:
    """Wake the listeners of ``channel`` when this transaction commits; equal calls in it are one.

    ``payloads``: what they are told, each on its own; none: an empty one.
    """
    calls = [(channel, payload) for payload in dict.fromkeys(payloads or ("",))]
    transaction = connection.get_transaction()
    if transaction is not None and not connection.in_nested_transaction():
        # PostgreSQL folds equal notifications into one; not to send them at all also saves their round trips.
        of, made = connection.info.get(_WOKEN, (None, set[Call]()))
        if of is not transaction:
            of, made = transaction, set()
            connection.info[_WOKEN] = (of, made)
        calls = [call for call in calls if call not in made]
        made.update(calls)
    if calls:
        unread.add(connection, _send, calls)


def _send(connection: Connection, calls: Sequence[Call]) -> None:
    channels, payloads = zip(*calls, strict=True)
    connection.execute(_NOTIFY, {"channels": list(channels), "payloads": list(payloads)})
