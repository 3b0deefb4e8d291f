"""A few customers with something to see."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Engine, insert

from gateway.storage import consents, customers, decisions, devices, tables, timeline
from gateway.storage.consents import Consents
from gateway.storage.customers import Customer
from gateway.storage.devices import Device
from gateway.storage.timeline import Entry
from rules.decision import CaseAction, Decision, Position

HOSTILE = "<img src=x onerror=\"document.title='run'\">"
EXPLANATION = {
    "operator": "for",
    "since": 1_767_225_600_000,
    "duration_ms": 600_000,
    "result": True,
    "of": [{"operator": "above", "metric": "temperature", "value": 9.4, "limit": 8, "result": True}],
}


def seed(engine: Engine) -> None:
    """Aiko with an alert, its case and a suppression; somebody with a hostile name; a partition; messages."""
    now = datetime.now(UTC)
    with engine.begin() as connection:
        for customer_id, name in (("aiko", "Aiko Tanaka"), ("eve", HOSTILE)):
            addresses = {"push": ["token"], "email": "a@example.com"}
            customers.put(connection, Customer(id=customer_id, name=name, time_zone="Asia/Tokyo", addresses=addresses))
        consents.put(connection, "aiko", Consents({"maintenance": {"push": True}}, "sign-up form"))
        devices.put(connection, Device(id="chiller-17", model="chiller-3000", owner="aiko"))
        decisions.record(connection, _decision(int(now.timestamp() * 1000)))
        no = "SMS was not sent: Aiko did not agree to maintenance by SMS."
        timeline.add(
            connection,
            [
                Entry("s1", "aiko", now, "suppression", no, channel="sms", reason="no_consent"),
                Entry("x1", "eve", now, "note", HOSTILE, reason=HOSTILE, detail={HOSTILE: HOSTILE}),
            ],
        )
        connection.execute(insert(tables.partitions).values(partition=0, seq=7, events=4321, shared=b"", clock=0))
        shared = {"decision_id": "d1", "customer_id": "aiko"}
        connection.execute(
            insert(tables.contacts).values(
                id="c1", alert_id="d1", rule_id="too-warm", state="active", request={}, context={}, **shared
            )
        )
        connection.execute(
            insert(tables.messages).values(
                id="m1", contact_id="c1", channel="push", step=0, address="token", purpose="maintenance",
                template="alert",
                title="Too warm", body="Too warm", state="queued", due_at=now, **shared,
            )
        )  # fmt: skip


def _decision(at: int) -> Decision:
    return Decision(
        id="d1",
        rule_id="too-warm",
        rule_version="3f9a",
        subject="chiller-17",
        at=at,
        transition="firing",
        alert_id="d1",
        severity="critical",
        purpose="maintenance",
        position=Position(1, 0),
        customer_id="aiko",
        store_id=None,
        summary="temperature 9.4 is above 8 for 10 min",
        values={"temperature": 9.4},
        explanation=EXPLANATION,
        case=CaseAction("cold-chain", "high"),
    )
