"""The cases that alerts open, raise and recover. People do the rest (``cases``)."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from sqlalchemy import Connection, RowMapping, Text, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert

from gateway.storage import timeline
from gateway.storage.tables import cases
from rules.decision import CaseAction, Decision, derived_id
from rules.judgement import PASSED
from rules.steps import RANK
from rules.then import PRIORITIES

# Made once: putting a statement together takes longer than sending it.
_OPEN_OF: Final = (
    select(cases.c.id, cases.c.severity, cases.c.priority, cases.c.recovered_at)
    .where(
        cases.c.device_id == bindparam("device_id"),
        cases.c.state == "open",
        cases.c.evidence["rule_id"].astext == bindparam("rule_id", type_=Text()),
    )
    .limit(1)
)


def keep(connection: Connection, decision: Decision) -> list[timeline.Entry]:
    """Write what follows from ``decision`` for its case; returns what the timeline is to say of it."""
    if decision.transition == "resolved":
        return _ended(connection, decision)
    if decision.case is None or decision.inhibited_by is not None:
        return []
    standing = _open_of(connection, decision)
    if standing is None:
        return _opened(connection, decision, decision.case)
    if decision.transition == "firing" or standing["recovered_at"] is not None:
        connection.execute(update(cases).where(cases.c.id == standing["id"]).values(recovered_at=None))
        return [_entry(decision, standing["id"], f"Again, and its case is still open: {decision.summary}", "again")]
    return _raised(connection, decision, standing, decision.case)


def _opened(connection: Connection, decision: Decision, action: CaseAction) -> list[timeline.Entry]:
    """One case per rule and device at a time: trouble that comes back while it is open belongs to it."""
    case_id = derived_id("case", decision.alert_id)
    row = {
        "id": case_id,
        "alert_id": decision.alert_id,
        "customer_id": decision.customer_id,
        "device_id": decision.subject,
        "title": decision.summary,
        "queue": action.queue,
        "priority": action.priority,
        "severity": decision.severity,
        "evidence": {
            "decision_id": decision.id,
            "rule_id": decision.rule_id,
            "rule_version": decision.rule_version,
            "values": msgspec.to_builtins(decision.values),
            "explanation": msgspec.to_builtins(decision.explanation),
        },
    }
    if _added(connection, row, certain=decision.transition == "firing"):
        return [_entry(decision, case_id, f"Case opened in {action.queue}: {decision.summary}", "opened")]
    if decision.transition != "raised":
        return []
    # Somebody closed this alert's case while it fired, and now it is more serious than they knew.
    again = {"state": "open", "resolved_at": None, "severity": decision.severity, "priority": action.priority}
    connection.execute(update(cases).where(cases.c.id == case_id).values(again))
    return [_entry(decision, case_id, f"Case opened again: {decision.summary}", "reopened")]


def _added(connection: Connection, row: dict[str, Any], *, certain: bool) -> bool:
    """Write the case. ``certain``: the alert begins with it, so nobody need wait to hear that there was none."""
    adding = insert(cases).values(row).on_conflict_do_nothing()
    if certain:
        connection.execute(adding)
        return True
    return connection.execute(adding.returning(cases.c.id)).one_or_none() is not None


def _raised(
    connection: Connection, decision: Decision, standing: RowMapping, action: CaseAction
) -> list[timeline.Entry]:
    """Never down: what a person or a graver alert made of the case stays."""
    changes: dict[str, Any] = {}
    if RANK[decision.severity] > RANK.get(standing["severity"], -1):
        changes["severity"] = decision.severity
    if PRIORITIES.index(action.priority) > PRIORITIES.index(standing["priority"]):
        changes["priority"] = action.priority
    if not changes:
        return []
    connection.execute(update(cases).where(cases.c.id == standing["id"]).values(changes))
    became = " and ".join(f"{name} {value}" for name, value in changes.items())
    return [_entry(decision, standing["id"], f"Case now has {became}: {decision.summary}", "raised")]


def _ended(connection: Connection, decision: Decision) -> list[timeline.Entry]:
    """A person still closes the case: recovery is not repair, and an alert that was ended has not even recovered."""
    standing = None if decision.ended_by == PASSED else _open_of(connection, decision)
    if standing is None:
        return []
    if decision.ended_by is not None:
        return [_entry(decision, standing["id"], f"{decision.summary}; the case stays open", "ended")]
    connection.execute(update(cases).where(cases.c.id == standing["id"]).values(recovered_at=func.now()))
    summary = f"{decision.subject} has recovered; the case stays open"
    return [_entry(decision, standing["id"], summary, "recovered")]


def _open_of(connection: Connection, decision: Decision) -> RowMapping | None:
    about = {"device_id": decision.subject, "rule_id": decision.rule_id}
    return connection.execute(_OPEN_OF, about).mappings().one_or_none()


def _entry(decision: Decision, case_id: str, summary: str, what: str) -> timeline.Entry:
    return timeline.Entry(
        id=f"{decision.id}:case-{what}",
        customer_id=decision.customer_id or "",
        at=timeline.moment(decision.at),
        kind="case",
        summary=summary,
        device_id=decision.subject,
        rule_id=decision.rule_id,
        decision_id=decision.id,
        case_id=case_id,
        detail={"event": what, "severity": decision.severity},
    )
