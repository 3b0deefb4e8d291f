"""Cases: work for a support agent. Alerts open them (``decisions.record``), and people do by hand."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any, Final, Literal, get_args

import msgspec
from sqlalchemy import Connection, RowMapping, func, select, update
from sqlalchemy.dialects.postgresql import insert

from gateway.storage import paging, timeline
from gateway.storage.paging import Page
from gateway.storage.tables import case_comments, cases

State = Literal["open", "resolved"]
Priority = Literal["low", "normal", "high", "urgent"]
STATES: Final[tuple[State, ...]] = get_args(State)


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One matter, from its opening to its end."""

    id: str
    title: str
    queue: str = "support"
    priority: str = "normal"
    state: str = "open"
    severity: str | None = None
    assignee: str | None = None
    alert_id: str | None = None
    customer_id: str | None = None
    device_id: str | None = None
    evidence: dict[str, Any] = {}
    recovered_at: datetime | None = None
    """When the condition that opened it stopped holding; a person still closes the case."""
    opened_at: datetime | None = None
    resolved_at: datetime | None = None


class Comment(msgspec.Struct, frozen=True):
    """What somebody wrote on a case."""

    id: str
    case_id: str
    author: str
    body: str
    at: datetime


class AlreadyResolvedError(Exception):
    """The case is closed: what is asked for makes sense for open ones only."""


def open_by_hand(connection: Connection, case: Case, *, by: str) -> Case:
    """Open a case that no rule asked for; ``id`` is made here."""
    row = {
        "id": f"case_{secrets.token_hex(16)}",
        "title": case.title,
        "queue": case.queue,
        "priority": case.priority,
        "severity": case.severity,
        "customer_id": case.customer_id,
        "device_id": case.device_id,
        "evidence": case.evidence,
        "opened_at": func.clock_timestamp(),
    }
    opened = _from_row(connection.execute(insert(cases).values(row).returning(cases)).mappings().one())
    _tell(connection, opened, "opened", f"Case opened in {opened.queue} by {by}: {opened.title}", {"by": by})
    return opened


def get(connection: Connection, case_id: str) -> Case | None:
    """The case, or ``None``."""
    row = connection.execute(select(cases).where(cases.c.id == case_id)).mappings().one_or_none()
    return None if row is None else _from_row(row)


def comments(connection: Connection, case_id: str) -> list[Comment]:
    """All comments, oldest first."""
    query = (
        select(case_comments).where(case_comments.c.case_id == case_id).order_by(case_comments.c.at, case_comments.c.id)
    )
    return [
        Comment(row["id"], row["case_id"], row["author"], row["body"], row["at"])
        for row in connection.execute(query).mappings()
    ]


def page(
    connection: Connection,
    *,
    state: State | None = None,
    queue: str | None = None,
    assignee: str | None = None,
    customer_id: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Case]:
    """Cases, newest first, narrowed by what is given (``assignee=""``: nobody's).

    Raises:
        CursorError: ``cursor`` is not one that we gave.
    """
    query = select(cases)
    for column, wanted in ((cases.c.state, state), (cases.c.queue, queue), (cases.c.customer_id, customer_id)):
        if wanted is not None:
            query = query.where(column == wanted)
    if assignee is not None:
        query = query.where(cases.c.assignee == assignee if assignee else cases.c.assignee.is_(None))
    key = (cases.c.opened_at, cases.c.id)
    return paging.newest_first(connection, query, key, _from_row, cursor=cursor, limit=limit)


def counts(connection: Connection) -> dict[str, int]:
    """How many cases stand in each state."""
    counted = connection.execute(select(cases.c.state, func.count()).group_by(cases.c.state))
    return {**dict.fromkeys(STATES, 0), **dict(counted.all())}


def assign(connection: Connection, case_id: str, *, assignee: str | None, by: str) -> Case | None:
    """Give the case to ``assignee`` (``None``: back to its queue); ``None`` when there is no such case.

    Raises:
        AlreadyResolvedError: it is closed.
    """
    case = _open_case(connection, case_id)
    if case is None or case.assignee == assignee:
        return case
    connection.execute(update(cases).where(cases.c.id == case_id).values(assignee=assignee))
    summary = f"Case assigned to {assignee}" if assignee else f"Case given back to {case.queue}"
    _tell(connection, case, "assigned", summary, {"by": by, "assignee": assignee})
    return get(connection, case_id)


def comment(connection: Connection, case_id: str, *, author: str, body: str) -> Comment | None:
    """Write on the case, open or closed; ``None`` when there is no such case."""
    case = get(connection, case_id)
    if case is None:
        return None
    row = {"id": f"comment_{secrets.token_hex(16)}", "case_id": case_id, "author": author, "body": body}
    statement = insert(case_comments).values(**row, at=func.clock_timestamp()).returning(case_comments.c.at)
    at = connection.execute(statement).scalar_one()
    _tell(connection, case, "comment", f"{author} commented on the case: {_first_line(body)}", {"by": author})
    return Comment(**row, at=at)


def resolve(connection: Connection, case_id: str, *, by: str, resolution: str = "") -> Case | None:
    """Close the case, with a word on how it ended; ``None`` when there is no such case.

    Raises:
        AlreadyResolvedError: it is closed already.
    """
    case = _open_case(connection, case_id)
    if case is None:
        return None
    if resolution:
        comment(connection, case_id, author=by, body=resolution)
    closing = {"state": "resolved", "resolved_at": func.clock_timestamp()}
    connection.execute(update(cases).where(cases.c.id == case_id).values(closing))
    _tell(connection, case, "resolved", f"Case resolved by {by}: {case.title}", {"by": by, "resolution": resolution})
    return get(connection, case_id)


def _open_case(connection: Connection, case_id: str) -> Case | None:
    row = connection.execute(select(cases).where(cases.c.id == case_id).with_for_update()).mappings().one_or_none()
    if row is None:
        return None
    if row["state"] == "resolved":
        raise AlreadyResolvedError("the case is resolved already; open a new one if the matter has come back")
    return _from_row(row)


def _tell(connection: Connection, case: Case, event: str, summary: str, detail: dict[str, Any]) -> None:
    if case.customer_id is None:
        return
    # One case may be assigned or commented many times: only its opening and its end are once.
    suffix = "" if event in {"opened", "resolved"} else f":{secrets.token_hex(8)}"
    entry = timeline.Entry(
        id=f"{case.id}:{event}{suffix}",
        customer_id=case.customer_id,
        at=datetime.now(UTC),
        kind="case",
        summary=summary,
        device_id=case.device_id,
        case_id=case.id,
        detail={"event": event, "severity": case.severity, **detail},
    )
    timeline.add(connection, [entry])


def _first_line(body: str, longest: int = 120) -> str:
    line = body.strip().splitlines()[0]
    return line if len(line) <= longest else line[: longest - 1] + "…"


def _from_row(row: RowMapping) -> Case:
    return Case(**{name: row[name] for name in Case.__struct_fields__})
