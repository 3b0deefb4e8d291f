"""Writing alerts: one row for each episode, kept in step with the decisions about it and with what people say of it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import Connection, Update, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert

from gateway.storage import timeline
from gateway.storage.tables import alerts, interventions
from gateway.storage.unread import UNHEARD
from rules.decision import Decision, Intervention
from rules.judgement import PASSED

# Made once: putting a statement together takes longer than sending it.
_OPEN = insert(alerts).on_conflict_do_nothing(index_elements=["id"])
_HEED = insert(interventions).on_conflict_do_nothing(index_elements=["id"]).returning(interventions.c.id)


@lru_cache(maxsize=16)
def _changing(names: frozenset[str]) -> Update:
    """One statement for each kind of transition."""
    changing = update(alerts).prefix_with(UNHEARD)
    changing = changing.where(alerts.c.id == bindparam("changed"), alerts.c.state == "firing")
    return changing.values({name: bindparam(name) for name in names})


def keep(connection: Connection, decision: Decision) -> list[timeline.Entry]:
    """Bring the alert's row up to ``decision``; returns what the timeline is to say of it."""
    if decision.transition == "firing":
        connection.execute(_OPEN, _row(decision))
    else:
        changes = _changes(decision)
        connection.execute(_changing(frozenset(changes)), {"changed": decision.alert_id, **changes})
    if decision.transition == "repeat" or decision.ended_by == PASSED:
        return []
    return [_entry(decision)]


def heed(connection: Connection, said: Intervention) -> bool:
    """Write what a person said of an alert onto its row and its customer's timeline; onto its row what speaks for it.

    Returns:
        False where it was already written, or the alert is over or erased: then nothing follows from it.
    """
    standing = select(alerts.c.summary).where(alerts.c.id == said.alert_id, alerts.c.state == "firing")
    summary = connection.execute(standing.with_for_update()).scalar_one_or_none()
    if summary is None:
        return False
    row = {name: getattr(said, name) for name in ("id", "alert_id", "action", "by", "at", "until")}
    if connection.execute(_HEED, row).one_or_none() is None:
        return False
    connection.execute(update(alerts).where(alerts.c.id == said.alert_id).values(_heeded(said)))
    # That another alert speaks for it is told there where it keeps something back.
    if said.customer_id is not None and said.action in ("acknowledge", "snooze"):
        timeline.add(connection, [_entry_of_word(said, summary)])
    return True


def inhibitor(connection: Connection, alert_id: str) -> str | None:
    """The rule whose alert speaks for the one that fires; ``None``: it speaks for itself, or is over."""
    query = select(alerts.c.inhibited_by).where(alerts.c.id == alert_id, alerts.c.state == "firing")
    return connection.execute(query).scalar_one_or_none()


def hold(connection: Connection, alert_id: str) -> bool:
    """Keep the alert as it is until this transaction ends; false where another one is at it. Waits for nobody.

    Whoever has locked a contact must not wait for the alert: the worker takes them in the other order.
    """
    query = select(alerts.c.id).where(alerts.c.id == alert_id)
    free = query.with_for_update(key_share=True, skip_locked=True)
    return connection.execute(free).first() is not None or connection.execute(query).first() is None


def _row(decision: Decision) -> dict[str, Any]:
    return {
        "id": decision.alert_id,
        "rule_id": decision.rule_id,
        "subject": decision.subject,
        "customer_id": decision.customer_id,
        "severity": decision.severity,
        "purpose": decision.purpose,
        "summary": decision.summary,
        "state": "firing",
        "fired_at": decision.at,
        "inhibited_by": decision.inhibited_by,
    }


def _changes(decision: Decision) -> dict[str, Any]:
    match decision.transition:
        case "resolved":
            return {"state": "resolved", "resolved_at": decision.at, "ended_by": decision.ended_by}
        case "raised":
            risen = {"severity": decision.severity, "summary": decision.summary, "raised_at": decision.at}
            return {**risen, "inhibited_by": decision.inhibited_by}
        case "lowered":
            return {"severity": decision.severity}
        case _:
            # What was snoozed is said again when that is over.
            return {"inhibited_by": decision.inhibited_by, "snoozed_until": None}


def _heeded(said: Intervention) -> dict[str, Any]:
    match said.action:
        case "acknowledge":
            return {"acknowledged_at": said.at, "acknowledged_by": said.by, "snoozed_until": None}
        case "snooze":
            return {"snoozed_until": said.until}
        case "inhibit":
            return {"inhibited_by": said.by}
        case "release":
            return {"inhibited_by": None}


def _entry(decision: Decision) -> timeline.Entry:
    return timeline.Entry(
        id=f"{decision.id}:alert",
        customer_id=decision.customer_id or "",
        at=timeline.moment(decision.at),
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
            **({"inhibited_by": decision.inhibited_by} if decision.inhibited_by else {}),
            **({"ended_by": decision.ended_by} if decision.ended_by else {}),
        },
    )


def _entry_of_word(said: Intervention, summary: str) -> timeline.Entry:
    words = f"Acknowledged by {said.by}"
    if said.until is not None:
        words = f"Snoozed until {timeline.moment(said.until):%Y-%m-%d %H:%M} UTC by {said.by}"
    return timeline.Entry(
        id=said.id,
        customer_id=said.customer_id or "",
        at=timeline.moment(said.at),
        kind="alert",
        summary=f"{words}: {summary}",
        device_id=said.subject,
        rule_id=said.rule_id,
        detail={
            "transition": "acknowledged" if said.action == "acknowledge" else "snoozed",
            "alert_id": said.alert_id,
            "by": said.by,
            **({"until": said.until} if said.until is not None else {}),
        },
    )
