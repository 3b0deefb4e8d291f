"""Waking other processes at commit: PostgreSQL's LISTEN and NOTIFY.

A lost wake-up costs a poll interval, nothing else.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

OUTBOX: Final = "kizashi_outbox"
"""Something is due for delivery. No payload."""
TIMELINE: Final = "kizashi_timeline"
"""Timelines have new entries. The payload is the customer's id."""
INVENTORY: Final = "kizashi_inventory"
"""Devices, stores or rules wait to be written to the log. No payload."""


def notify(connection: Connection, channel: str, payload: str = "") -> None:
    """Wake the listeners of ``channel`` when this transaction commits; equal calls in it are one."""
    connection.execute(text("SELECT pg_notify(:channel, :payload)"), {"channel": channel, "payload": payload})
