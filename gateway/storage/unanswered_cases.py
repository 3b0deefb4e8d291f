"""The case of an alert that nobody could be told of, or that nobody has answered. People do the rest (``cases``).

Called by whoever ends a contact, in the transaction that ends it and that holds the alert (``alerts.hold``): an alert
has one case, however often its customer is told in vain.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, RowMapping, and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from gateway.storage import timeline
from gateway.storage.tables import alerts, case_comments, cases, decisions
from rules.decision import CaseAction, derived_id
from rules.then import PRIORITIES

EVIDENCE: Final = "nobody_reached"
"""Under this name it stands in a case's evidence."""
AUTHOR: Final = "Kizashi"
"""Of what we write on a case ourselves."""


class Tried(msgspec.Struct, frozen=True):
    """One message that was made, or one channel that was not used."""

    channel: str | None
    """``None``: there was none to try."""
    at: datetime | None
    """When it left, else when it was made; ``None`` where there is no message."""
    state: str
    """The message's, or ``not_used``."""
    reason: str | None
    said: str
    """How it ended, in plain words."""


class InVain(msgspec.Struct, frozen=True):
    """What a case's evidence says of it."""

    summary: str
    at: datetime
    times: int
    """How often somebody was to be told in vain; the rest is the last time's."""
    tried: list[Tried]


class Unreached(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody whom an alert did not reach."""

    action: CaseAction
    decision_id: str
    alert_id: str
    rule_id: str
    rule_version: str
    device_id: str
    customer_id: str | None
    """``None``: nobody who is on record owns the device."""
    severity: str
    summary: str
    """What the decision said."""
    decided_at: datetime
    account: str
    """What was tried and how it ended, in plain words."""
    tried: list[Tried]
    """The same by message and channel."""


def keep(connection: Connection, unreached: Unreached, now: datetime) -> str:
    """Open the case, or tell the one that there is; returns its id. The caller sees to it that it is done once."""
    standing = _standing(connection, unreached)
    return _open(connection, unreached, now) if standing is None else _add(connection, standing, unreached, now)


def read(case_evidence: Mapping[str, Any]) -> InVain | None:
    """What stands in a case's evidence; ``None`` where nothing does, or something that a person put there."""
    try:
        return msgspec.convert(case_evidence.get(EVIDENCE), InVain | None)
    except msgspec.ValidationError:
        return None


def answered(connection: Connection, case_id: str, cause: str, said: str, now: datetime) -> None:
    """Write on the case that somebody has answered after all; it stays for a person. ``cause`` makes the id."""
    if connection.execute(select(cases.c.id).where(cases.c.id == case_id)).first() is not None:
        _comment(connection, case_id, cause, f"The customer has answered after all: {said}", now)


def _standing(connection: Connection, unreached: Unreached) -> RowMapping | None:
    """The case to tell: open before closed; the alert's own, then the rule's on the device, then a person's."""
    fired_at = select(alerts.c.fired_at).where(alerts.c.id == unreached.alert_id).scalar_subquery()
    own = cases.c.alert_id == unreached.alert_id
    same_rule = cases.c.evidence["rule_id"].astext == unreached.rule_id
    meanwhile = and_(cases.c.alert_id.is_(None), cases.c.opened_at >= func.to_timestamp(fired_at / 1000.0))
    on_device = and_(cases.c.device_id == unreached.device_id, cases.c.state == "open", or_(same_rule, meanwhile))
    query = (
        select(cases)
        .where(or_(own, on_device))
        .order_by((cases.c.state == "open").desc(), own.desc().nulls_last(), same_rule.desc().nulls_last(), cases.c.id)
        .limit(1)
        .with_for_update()
    )
    return connection.execute(query).mappings().one_or_none()


def _add(connection: Connection, standing: RowMapping, unreached: Unreached, now: datetime) -> str:
    case_id: str = standing["id"]
    changes = _changes(standing, unreached, now)
    connection.execute(update(cases).where(cases.c.id == case_id).values(changes))
    said, event = f"Nobody was reached; the case {_standing_words(standing, changes)}", "unanswered"
    if "state" in changes:
        said, event = f"Case opened again: nobody was reached: {unreached.summary}", "reopened"
    if read(standing["evidence"]) is None or event == "reopened":
        _comment(connection, case_id, unreached.decision_id, f"Nobody was reached. {unreached.account}", now)
    _tell(connection, unreached, case_id, said, event, now)
    return case_id


def _open(connection: Connection, unreached: Unreached, now: datetime) -> str:
    case_id = derived_id("case", unreached.alert_id)
    made = connection.execute(
        select(decisions.c["values"], decisions.c.explanation).where(decisions.c.id == unreached.decision_id)
    ).one_or_none()
    row = {
        "id": case_id,
        "alert_id": unreached.alert_id,
        "customer_id": unreached.customer_id,
        "device_id": unreached.device_id,
        "title": f"Nobody was reached: {unreached.summary}",
        "queue": unreached.action.queue,
        "priority": unreached.action.priority,
        "severity": unreached.severity,
        "evidence": {
            "decision_id": unreached.decision_id,
            "rule_id": unreached.rule_id,
            "rule_version": unreached.rule_version,
            "values": {} if made is None else made[0],
            "explanation": {} if made is None else made[1],
            EVIDENCE: _evidence(unreached, now, 1),
        },
    }
    connection.execute(insert(cases).values(row).on_conflict_do_nothing())
    said = f"Case opened in {unreached.action.queue}: nobody was reached: {unreached.summary}"
    _tell(connection, unreached, case_id, said, "opened", now)
    return case_id


def _changes(standing: RowMapping, unreached: Unreached, now: datetime) -> dict[str, Any]:
    """Never down: what a person or a graver alert made of the case stays."""
    before = read(standing["evidence"])
    times = before.times + 1 if before else 1
    found: dict[str, Any] = {"evidence": {**standing["evidence"], EVIDENCE: _evidence(unreached, now, times)}}
    if PRIORITIES.index(unreached.action.priority) > PRIORITIES.index(standing["priority"]):
        found["priority"] = unreached.action.priority
    if standing["recovered_at"] is not None:
        found["recovered_at"] = None
    # Who closed it afterwards has seen to what was to be told.
    if standing["state"] != "open" and standing["resolved_at"] <= unreached.decided_at:
        found |= {"state": "open", "resolved_at": None}
    return found


def _standing_words(standing: RowMapping, changes: dict[str, Any]) -> str:
    if standing["state"] != "open":
        return "was closed meanwhile, and stays so"
    return f"now has {changes['priority']} priority" if "priority" in changes else "says what was tried"


def _evidence(unreached: Unreached, now: datetime, times: int) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(InVain(unreached.account, now, times, unreached.tried))
    return found


def _comment(connection: Connection, case_id: str, cause: str, body: str, now: datetime) -> None:
    row = {"id": derived_id("comment", case_id, cause), "case_id": case_id, "author": AUTHOR, "body": body, "at": now}
    connection.execute(insert(case_comments).values(row).on_conflict_do_nothing())


def _tell(connection: Connection, unreached: Unreached, case_id: str, said: str, event: str, now: datetime) -> None:
    if unreached.customer_id is None:
        return
    entry = timeline.Entry(
        id=derived_id("t", unreached.decision_id, unreached.customer_id, "unanswered"),
        customer_id=unreached.customer_id,
        at=now,
        kind="case",
        summary=said,
        device_id=unreached.device_id,
        rule_id=unreached.rule_id,
        decision_id=unreached.decision_id,
        case_id=case_id,
        reason=EVIDENCE,
        detail={
            "event": event,
            "severity": unreached.severity,
            "account": unreached.account,
            "tried": msgspec.to_builtins(unreached.tried),
        },
    )
    timeline.add(connection, [entry])
