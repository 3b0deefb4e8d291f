"""What the tests about unanswered escalations tell, do and look at."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine

from gateway.delivery import evidence, steps
from gateway.delivery.pacer import Pacer
from gateway.delivery.rendering import Means
from gateway.settings import Settings
from gateway.storage import cases
from notifiers.policy import policy_settings
from rules.decision import CaseAction, Decision, NotifyAction, derived_id
from tests.integration.delivery_fixture import (
    AT_ALL_HOURS,
    a_decision,
    decide,
    execute,
    heed,
    means_of,
    now_ms,
    rows,
)

NEVER = dict.fromkeys(AT_ALL_HOURS, "never")
NIGHT = datetime(2026, 3, 3, 23, 0, tzinfo=UTC)
FIELD = CaseAction("field", "high")
MINUTE = 60_000


def notify(*channels: str, action: CaseAction | None = FIELD, **more: Any) -> NotifyAction:
    return NotifyAction("alert", channels, **{"escalate_after_ms": 15 * MINUTE, "unanswered": action, **more})


BOTH = notify("push", "sms")


def asked(engine: Engine, hours: dict[str, str] | None = None, **policy: Any) -> Means:
    found = means_of(engine, Settings(public_url="https://kizashi.example"))
    return found._replace(policy=policy_settings(hours or NEVER, **policy))


def fired(name: str = "1", **values: Any) -> Decision:
    return a_decision(name, **{"notify": BOTH, **values})


def later(first: Decision, transition: str, **values: Any) -> Decision:
    made = {"id": derived_id("d", first.id, transition), "alert_id": first.id, "transition": transition}
    return a_decision(first.subject.removeprefix("chiller-"), **{"notify": first.notify, **made, **values})


def look(engine: Engine, means: Means, at: datetime | None = None) -> None:
    """The time of every open contact has come."""
    execute(engine, "UPDATE contacts SET due_at = now() WHERE due_at IS NOT NULL")
    pacer = Pacer(engine, means, lambda: at or datetime.now(UTC), lambda: None)
    found = rows(engine, "SELECT count(*) FROM contacts WHERE due_at IS NOT NULL")[0][0]
    for _ in range(found):
        pacer.look_once()


def sent(engine: Engine, state: str = "accepted", reason: str | None = None) -> None:
    """Everything that is queued was sent and came to ``state``; a failure is reported to its contact."""
    found = rows(engine, "SELECT id, contact_id, step FROM messages WHERE state = 'queued'")
    execute(
        engine,
        "UPDATE messages SET state = :state, reason = :reason, first_sent_at = now() WHERE state = 'queued'",
        state=state,
        reason=reason,
    )
    if state == "failed":
        for _, contact_id, step in found:
            with engine.begin() as connection:
                steps.step_failed(connection, contact_id, step)


def the_case(engine: Engine) -> cases.Case:
    [(case_id,)] = rows(engine, "SELECT id FROM cases")
    with engine.connect() as connection:
        case = cases.get(connection, case_id)
    assert case is not None
    return case


def no_case(engine: Engine) -> bool:
    return rows(engine, "SELECT count(*) FROM cases") == [(0,)]


def comments(engine: Engine, author: str = "%") -> list[str]:
    query = "SELECT body FROM case_comments WHERE author LIKE :author ORDER BY at, id"
    return [body for (body,) in rows(engine, query, author=author)]


def entries(engine: Engine) -> list[str]:
    return [said for (said,) in rows(engine, "SELECT summary FROM timeline WHERE kind = 'case' ORDER BY ordinal")]


def escalated(engine: Engine, means: Means, first: Decision) -> None:
    """Both channels were used, their providers accepted, and the last one's time has just come."""
    decide(engine, means, first)
    sent(engine)
    look(engine, means)
    sent(engine)


def answered_by(engine: Engine, said: str, first: Decision) -> None:
    if said not in ("push", "reply"):
        assert heed(engine, first, said, until=now_ms() + 60 * MINUTE if said == "snooze" else None)
        return
    with engine.begin() as connection:
        if said == "push":
            [(push,)] = rows(engine, "SELECT id FROM messages WHERE channel = 'push'")
            evidence.push_ack(connection, push, "opened", datetime.now(UTC))
        else:
            [(sms,)] = rows(engine, "SELECT id FROM messages WHERE channel = 'sms'")
            execute(engine, "UPDATE messages SET provider_id = 'SM1' WHERE id = :id", id=sms)
            for each in evidence.inbound_sms(connection, "hanako", "SM9", "on my way", "+81", datetime.now(UTC)):
                evidence.acknowledge(connection, each, "The customer replied by SMS", datetime.now(UTC))
