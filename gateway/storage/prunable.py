"""What may be deleted once it is old enough, kind by kind: the SQL that finds it, and that deletes a batch of it.

Nothing that is open goes, however old it is: an alert that fires, a case that is open, a contact that is not at its
end, a message whose fate is not settled; nor what these need. Each statement walks an index from the oldest row on; a
test looks at the plans.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import Connection, TextClause, text


class Prunable(NamedTuple):
    """One kind of rows. Times in the SQL are ``:before`` and ``:after`` (timestamps) of the column ``time``."""

    table: str
    key: tuple[str, ...]
    """The primary key."""
    time: str
    """By which it grows old; an index leads with it."""
    condition: str = "TRUE"
    """What else must hold; ``t`` is the row."""
    epoch_ms: bool = False
    """``time`` is in milliseconds, as in the log."""
    blank: str | None = None
    """Set these columns instead of deleting the row."""


class Found(NamedTuple):
    """What would go."""

    rows: int
    oldest: datetime | None


class Batch(NamedTuple):
    """What went."""

    rows: int
    newest: datetime | None
    """Of it; the next batch begins there."""


CONSENT_ENTRY: Final = (
    "(t.id LIKE 'consents\\_%' OR t.reason IN ('opted_out', 'unsubscribed', 'complained', 'stop', 'start'))"
)
"""Timeline entries that show what a customer agreed to, and when they took it back."""

_NO_OPEN_CASE: Final = "NOT EXISTS (SELECT FROM cases AS c WHERE c.alert_id = {alert} AND c.state = 'open')"
_NOT_FIRING: Final = "NOT EXISTS (SELECT FROM alerts AS a WHERE a.id = {alert} AND a.state = 'firing')"
_ENTRY_OF_NOTHING_OPEN: Final = """
    NOT EXISTS (SELECT FROM cases AS c WHERE c.id = t.case_id AND c.state = 'open')
    AND NOT EXISTS (
        SELECT FROM decisions AS d JOIN alerts AS a ON a.id = d.alert_id
        WHERE d.id = t.decision_id AND a.state = 'firing'
    )
"""
_SETTLED: Final = """
    ({m}.state NOT IN ('held', 'queued', 'sending') AND NOT ({m}.state = 'unknown' AND {m}.lease_until IS NOT NULL)
     AND {m}.updated_at < :before)
"""
# A message may have waited so long behind a provider in trouble before the cooldown began with it.
_COOLDOWN_OVER: Final = """
    t.created_at < now() - interval '2 days'
        - make_interval(secs => coalesce((t.request->>'cooldown_ms')::float8, 0) / 1000)
"""

PRUNABLE: Final[Mapping[str, Prunable]] = {
    "timeline": Prunable(
        "timeline", ("id",), "at", f"NOT coalesce({CONSENT_ENTRY}, FALSE) AND {_ENTRY_OF_NOTHING_OPEN}"
    ),
    "consent_history": Prunable("timeline", ("id",), "at", CONSENT_ENTRY),
    "message_texts": Prunable(
        "messages",
        ("id",),
        "created_at",
        f"t.address <> '' AND {_SETTLED.format(m='t')} AND NOT EXISTS ("
        "SELECT FROM contacts AS c WHERE c.id = t.contact_id AND c.state IN ('held', 'active'))",
        blank="title = '', body = '', html = NULL, address = '', link = NULL",
    ),
    # With its messages, and with their receipts and links.
    "messages": Prunable(
        "contacts",
        ("id",),
        "created_at",
        f"t.state NOT IN ('held', 'active') AND {_COOLDOWN_OVER} AND {_NOT_FIRING.format(alert='t.alert_id')} "
        f"AND NOT EXISTS (SELECT FROM messages AS m WHERE m.contact_id = t.id AND NOT {_SETTLED.format(m='m')})",
    ),
    "decisions": Prunable(
        "decisions",
        ("id",),
        "made_at",
        f"{_NOT_FIRING.format(alert='t.alert_id')} AND {_NO_OPEN_CASE.format(alert='t.alert_id')} AND NOT EXISTS ("
        "SELECT FROM contacts AS c WHERE c.alert_id = t.alert_id AND c.state IN ('held', 'active'))",
    ),
    # With what people said of it. Never before its decisions: a device's clock may be wrong, ours is not.
    "alerts": Prunable(
        "alerts",
        ("id",),
        "fired_at",
        f"t.state = 'resolved' AND t.resolved_at < (extract(epoch FROM :before) * 1000)::bigint "
        f"AND {_NO_OPEN_CASE.format(alert='t.id')} AND NOT EXISTS (SELECT FROM decisions AS d WHERE d.alert_id = t.id)",
        epoch_ms=True,
    ),
    # With its comments. While its alert fires it may be opened again.
    "cases": Prunable(
        "cases",
        ("id",),
        "opened_at",
        f"t.state = 'resolved' AND t.resolved_at < :before AND {_NOT_FIRING.format(alert='t.alert_id')}",
    ),
    "offer_codes": Prunable("offer_codes", ("code",), "made_at"),
    "spending": Prunable("spending", ("day", "kind", "key"), "day", "t.kind = 'channel'"),
    "spending_by_number": Prunable("spending", ("day", "kind", "key"), "day", "t.kind <> 'channel'"),
    "digest_items": Prunable("digest_items", ("customer_id", "decision_id"), "due_at"),
    "bad_addresses": Prunable("bad_addresses", ("customer_id", "channel", "address"), "at"),
    "faults": Prunable("faults", ("id",), "at"),
}
"""By kind. Most are named after their setting."""


def find(connection: Connection, kind: str, before: datetime) -> Found:
    """Count what is old enough to go."""
    what = PRUNABLE[kind]
    row = connection.execute(_find(what), {"before": before}).one()
    return Found(row.rows, row.oldest)


def prune(connection: Connection, kind: str, before: datetime, *, after: datetime | None, limit: int) -> Batch:
    """Delete the oldest ``limit`` rows that may go, in the caller's transaction; what others hold is passed over.

    Args:
        connection: the caller commits.
        kind: one of ``PRUNABLE``.
        before: what is older goes.
        after: begin here, where the batch before ended; ``None``: with the oldest.
        limit: rows at most.
    """
    statement = _prune(PRUNABLE[kind], bounded=after is not None)
    row = connection.execute(statement, {"before": before, "after": after, "limit": limit}).one()
    return Batch(row.rows, row.newest)


def explained(connection: Connection, kind: str) -> str:
    """How PostgreSQL would run ``prune``."""
    now = datetime.fromisoformat("2000-01-01T00:00:00+00:00")
    statement = text("EXPLAIN " + _prune(PRUNABLE[kind], bounded=True).text)
    return "\n".join(connection.execute(statement, {"before": now, "after": now, "limit": 1}).scalars())


def _find(what: Prunable) -> TextClause:
    return text(f"SELECT count(*) AS rows, {_shown(what, 'min')} AS oldest FROM {what.table} AS t WHERE {_old(what)}")  # noqa: S608


def _prune(what: Prunable, *, bounded: bool) -> TextClause:
    key = ", ".join(what.key)
    begin = f" AND t.{what.time} >= {_bound(what, ':after')}" if bounded else ""
    chosen = (
        f"SELECT {key} FROM {what.table} AS t WHERE {_old(what)}{begin} "  # noqa: S608
        f"ORDER BY t.{what.time} LIMIT :limit FOR UPDATE SKIP LOCKED"
    )
    if what.blank is None:
        change = f"DELETE FROM {what.table} AS t WHERE ({key}) IN ({chosen}) RETURNING t.{what.time}"  # noqa: S608
    else:
        change = f"UPDATE {what.table} AS t SET {what.blank} WHERE ({key}) IN ({chosen}) RETURNING t.{what.time}, t.id"  # noqa: S608
    receipts = (
        ", told AS (UPDATE receipts SET detail = '{}' FROM t WHERE receipts.message_id = t.id)" if what.blank else ""
    )
    return text(f"WITH t AS ({change}){receipts} SELECT count(*) AS rows, {_shown(what, 'max')} AS newest FROM t")  # noqa: S608


def _old(what: Prunable) -> str:
    return f"t.{what.time} < {_bound(what, ':before')} AND {what.condition.replace(':before', _stamp(':before'))}"


def _stamp(parameter: str) -> str:
    return f"CAST({parameter} AS timestamptz)"


def _bound(what: Prunable, parameter: str) -> str:
    """``parameter`` as ``time`` is written."""
    if what.epoch_ms:
        return f"(extract(epoch FROM {_stamp(parameter)}) * 1000)::bigint"
    return f"({_stamp(parameter)} AT TIME ZONE 'UTC')::date" if what.time == "day" else _stamp(parameter)


def _shown(what: Prunable, which: str) -> str:
    """The oldest or newest ``time`` as a timestamp."""
    found = f"{which}(t.{what.time})"
    if what.epoch_ms:
        return f"to_timestamp({found} / 1000.0)"
    return f"({found}::timestamp AT TIME ZONE 'UTC')" if what.time == "day" else found
