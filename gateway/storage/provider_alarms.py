"""Providers that need an operator: wrong credentials or sender, or a budget that is used up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import Connection, select

from gateway.storage.tables import provider_alarms

STANDS: Final = timedelta(hours=1)
"""An alarm that was not raised again for so long is over: messages of its provider are tried more often."""
BUDGET: Final = " budget"
"""How the name of a budget's alarm ends. It is raised once and stands for its day (UTC)."""


class Alarm(msgspec.Struct, frozen=True):
    """A provider, what it refuses, and when it last did (UTC)."""

    provider: str
    reason: str
    at: datetime


def standing(connection: Connection, now: datetime) -> list[Alarm]:
    """Those that are not over at ``now``, by name."""
    rows = connection.execute(select(provider_alarms).order_by(provider_alarms.c.provider))
    return [alarm for row in rows if stands(alarm := Alarm(row.provider, row.reason, row.at), now)]


def stands(alarm: Alarm, now: datetime) -> bool:
    """Whether ``alarm`` is not over at ``now``. Pure."""
    if alarm.provider.endswith(BUDGET):
        return alarm.at.astimezone(UTC).date() == now.astimezone(UTC).date()
    return now - alarm.at < STANDS
