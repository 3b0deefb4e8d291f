"""Decisions and what stands beside them at once: the alert, the case, and their timeline entries.

Every id comes from the decision, so that making it again after a crash changes nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects.postgresql import insert

from gateway.storage import timeline
from gateway.storage.tables import alerts, cases, decisions, faults
from rules.decision import Decision, Fault, Note, derived_id

# Made once: putting a statement together takes longer than sending it.
_RECORD = insert(decisions).on_conflict_do_nothing(index_elements=["id"]).returning(decisions.c.id)
_OPEN_ALERT = insert(alerts).on_conflict_do_nothing(index_elements=["id"])


def record(connection: Connection, decision: Decision) -> bool:
    """Write ``decision`` with its alert, case and timeline entries; the caller commits.

    Returns:
        False where it was already written: then nothing that follows from it may be made again.
    """
    row = {
        "id": decision.id,
        "rule_id": decision.rule_id,
        "rule_version": decision.rule_version,
        "subject": decision.subject,
        "customer_id": decision.customer_id,
        "store_id": decision.store_id,
        "transition": decision.transition,
        "alert_id": decision.alert_id,
        "severity": decision.severity,
        "purpose": decision.purpose,
        "summary": decision.summary,
        "at": decision.at,
        "seq": decision.position.seq,
        "index": decision.position.index,
        "values": msgspec.to_builtins(decision.values),
        "explanation": msgspec.to_builtins(decision.explanation),
    }
    written = connection.execute(_RECORD, row).one_or_none()
    if written is None:
        return False
    _keep_alert(connection, decision)
    entries = [_alert_entry(decision)] if decision.transition != "repeat" else []
    entries += _keep_case(connection, decision)
    # A device without an owner has alerts and cases, but no timeline to stand on.
    timeline.add(connection, [entry for entry in entries if entry.customer_id])
    return True


def record_note(connection: Connection, note: Note) -> None:
    """Write something of note onto its customer's timeline."""
    timeline.add(
        connection,
        [
            timeline.Entry(
                id=note.id,
                customer_id=note.customer_id,
                at=moment(note.at),
                kind=note.kind,
                direction="in",
                summary=note.summary,
                device_id=note.device_id,
                detail=msgspec.to_builtins(note.detail),
            )
        ],
    )


def record_fault(connection: Connection, partition: int, fault: Fault) -> None:
    """Set a rule's failure on an event aside, with its trace; the same again is counted (once more after a replay)."""
    where = {"partition": partition, "seq": fault.position.seq}
    row = {
        "id": derived_id("f", fault.rule_id, fault.subject, fault.error),
        "rule_id": fault.rule_id,
        "subject": fault.subject,
        "error": fault.error,
        "trace": fault.trace,
        **where,
    }
    again = {"count": faults.c.count + 1, "at": func.now(), **where}
    connection.execute(insert(faults).values(row).on_conflict_do_update(index_elements=["id"], set_=again))


def moment(at: int) -> datetime:
    """Milliseconds since the epoch as an aware UTC datetime."""
    return datetime.fromtimestamp(at / 1000, UTC)


def _keep_alert(connection: Connection, decision: Decision) -> None:
    if decision.transition == "firing":
        row = {
            "id": decision.alert_id,
            "rule_id": decision.rule_id,
            "subject": decision.subject,
            "customer_id": decision.customer_id,
            "severity": decision.severity,
            "purpose": decision.purpose,
            "summary": decision.summary,
            "state": "firing",
            "fired_at": decision.at,
        }
        connection.execute(_OPEN_ALERT, row)
    elif decision.transition == "resolved":
        connection.execute(
            update(alerts)
            .where(alerts.c.id == decision.alert_id, alerts.c.state == "firing")
            .values(state="resolved", resolved_at=decision.at)
        )


def _alert_entry(decision: Decision) -> timeline.Entry:
    return timeline.Entry(
        id=f"{decision.id}:alert",
        customer_id=decision.customer_id or "",
        at=moment(decision.at),
        kind="alert",
        summary=decision.summary,
        device_id=decision.subject,
        store_id=decision.store_id,
        rule_id=decision.rule_id,
        decision_id=decision.id,
        detail={
            "transition": decision.transition,
            "severity": decision.severity,
            "purpose": decision.purpose,
            "alert_id": decision.alert_id,
            "rule_version": decision.rule_version,
            "values": msgspec.to_builtins(decision.values),
        },
    )


def _keep_case(connection: Connection, decision: Decision) -> list[timeline.Entry]:
    if decision.transition == "firing" and decision.case is not None:
        return _open_case(connection, decision)
    if decision.transition == "resolved":
        return _note_recovery(connection, decision)
    return []


def _open_case(connection: Connection, decision: Decision) -> list[timeline.Entry]:
    """One case per rule and device at a time: trouble that comes back while it is open belongs to it."""
    standing = _open_case_of(connection, decision)
    if standing is not None:
        connection.execute(update(cases).where(cases.c.id == standing).values(recovered_at=None))
        return [_case_entry(decision, standing, f"Again, and its case is still open: {decision.summary}", "again")]
    assert decision.case is not None
    case_id = derived_id("case", decision.alert_id)
    row = {
        "id": case_id,
        "alert_id": decision.alert_id,
        "customer_id": decision.customer_id,
        "device_id": decision.subject,
        "title": decision.summary,
        "queue": decision.case.queue,
        "priority": decision.case.priority,
        "severity": decision.severity,
        "evidence": {
            "decision_id": decision.id,
            "rule_id": decision.rule_id,
            "rule_version": decision.rule_version,
            "values": msgspec.to_builtins(decision.values),
            "explanation": msgspec.to_builtins(decision.explanation),
        },
    }
    connection.execute(insert(cases).values(row).on_conflict_do_nothing())
    summary = f"Case opened in {decision.case.queue}: {decision.summary}"
    return [_case_entry(decision, case_id, summary, "opened")]


def _open_case_of(connection: Connection, decision: Decision) -> str | None:
    query = select(cases.c.id).where(
        cases.c.device_id == decision.subject,
        cases.c.state == "open",
        cases.c.evidence["rule_id"].astext == decision.rule_id,
    )
    return connection.execute(query.limit(1)).scalar_one_or_none()


def _note_recovery(connection: Connection, decision: Decision) -> list[timeline.Entry]:
    """The condition no longer holds. A person still closes the case: recovery is not repair."""
    case_id = _open_case_of(connection, decision)
    if case_id is None:
        return []
    connection.execute(update(cases).where(cases.c.id == case_id).values(recovered_at=func.now()))
    return [_case_entry(decision, case_id, f"{decision.subject} has recovered; the case stays open", "recovered")]


def _case_entry(decision: Decision, case_id: str, summary: str, what: str) -> timeline.Entry:
    return timeline.Entry(
        id=f"{decision.id}:case-{what}",
        customer_id=decision.customer_id or "",
        at=moment(decision.at),
        kind="case",
        summary=summary,
        device_id=decision.subject,
        rule_id=decision.rule_id,
        decision_id=decision.id,
        case_id=case_id,
        detail={"event": what, "severity": decision.severity},
    )
