"""Decisions and what stands beside them at once: the alert, the case, and their timeline entries.

Every id comes from the decision, so that making it again after a crash changes nothing.
"""

from __future__ import annotations

from typing import Final

import msgspec
from sqlalchemy import Connection, Text, bindparam, case, select
from sqlalchemy.dialects.postgresql import insert

from gateway.storage import alert_cases, alerts, timeline
from gateway.storage.erasures import OWNERS_GROUP, is_erased
from gateway.storage.tables import decisions
from rules.decision import Decision, Note

# Made once: putting a statement together takes longer than sending it.
# The worker may not have heard yet that a customer was erased: what it decides names nobody.
_OWNER: Final = bindparam("owner", type_=Text())
_RECORD: Final = (
    insert(decisions)
    .values(customer_id=case((is_erased(_OWNER), None), else_=_OWNER))
    .on_conflict_do_nothing(index_elements=["id"])
    .returning(decisions.c.customer_id)
)
_IS_ERASED: Final = select(is_erased(_OWNER))


def record(connection: Connection, decision: Decision) -> Decision | None:
    """Write ``decision`` with its alert, case and timeline entries; the caller commits.

    Returns:
        What was written: ``decision``, without its customer where that one was erased. ``None`` where it was already
        written, or is about an erased customer's devices as a group: then nothing that follows from it may be made.
    """
    if decision.subject.startswith(OWNERS_GROUP) and _erased(connection, decision.subject.removeprefix(OWNERS_GROUP)):
        return None
    row = {
        "id": decision.id,
        "rule_id": decision.rule_id,
        "rule_version": decision.rule_version,
        "subject": decision.subject,
        "owner": decision.customer_id,
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
        return None
    if written.customer_id != decision.customer_id:
        decision = msgspec.structs.replace(decision, customer_id=None)
    entries = [*alerts.keep(connection, decision), *alert_cases.keep(connection, decision)]
    # A device without an owner has alerts and cases, but no timeline to stand on.
    timeline.add(connection, [entry for entry in entries if entry.customer_id])
    return decision


def record_note(connection: Connection, note: Note) -> None:
    """Write something of note onto its customer's timeline, unless that one was erased."""
    if _erased(connection, note.customer_id):
        return
    timeline.add(
        connection,
        [
            timeline.Entry(
                id=note.id,
                customer_id=note.customer_id,
                at=timeline.moment(note.at),
                kind=note.kind,
                direction="in",
                summary=note.summary,
                device_id=note.device_id,
                detail=msgspec.to_builtins(note.detail),
            )
        ],
    )


def _erased(connection: Connection, customer_id: str) -> bool:
    erased: bool = connection.execute(_IS_ERASED, {"owner": customer_id}).scalar_one()
    return erased
