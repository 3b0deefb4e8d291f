"""Deletes what is old enough, a little at a time, so that nobody else waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import Connection

from gateway.retention.plan import Cutoff
from gateway.storage import prunable
from gateway.storage.prunable import Found

BATCH: Final = 200
"""Rows of one transaction: some milliseconds."""
SHARE: Final = 0.5
"""Of the time it works; the rest it sleeps."""
BREATH_S: Final = 0.02
"""It sleeps at least so long after a batch."""


class Due(NamedTuple):
    """What would go."""

    cutoff: Cutoff
    found: Found


def look(connection: Connection, due: Sequence[Cutoff]) -> list[Due]:
    """Count what is old enough, kind by kind. Reads only."""
    return [Due(each, prunable.find(connection, each.ended.kind, each.before)) for each in due]


def delete(
    connection: Connection,
    due: Sequence[Cutoff],
    *,
    sleep: Callable[[float], object] = time.sleep,
    stopped: Callable[[], bool] = lambda: False,
    heard: Callable[[str, int], None] = lambda _kind, _rows: None,
    batch: int = BATCH,
) -> dict[str, int]:
    """Delete what is old enough; returns the rows by kind.

    Args:
        connection: nothing under way on it; commits after each batch.
        due: what, in order.
        sleep: seconds, between batches.
        stopped: asked between batches; true: leave the rest to the next time.
        heard: told of each batch, kind and rows.
        batch: rows of one transaction.
    """
    gone = dict.fromkeys((each.ended.kind for each in due), 0)
    for each in due:
        kind, newest = each.ended.kind, None
        while not stopped():
            begun = time.monotonic()
            went = prunable.prune(connection, kind, each.before, after=newest, limit=batch)
            connection.commit()
            gone[kind] += went.rows
            heard(kind, went.rows)
            if went.rows < batch:
                break
            newest = _later(newest, went.newest)
            sleep(max(BREATH_S, (time.monotonic() - begun) * (1 / SHARE - 1)))
    return gone


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return other if one is None or (other is not None and other > one) else one
