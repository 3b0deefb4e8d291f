"""Rows of a past that tests make: whole chains from a decision to a receipt, so old as is asked for."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, insert, select

from gateway.storage import spending
from gateway.storage.tables import metadata

NOW = datetime.now(UTC)


def ago(days: float) -> datetime:
    """The time so many days before now."""
    return NOW - timedelta(days=days)


def ms(at: datetime) -> int:
    """As the log writes times."""
    return int(at.timestamp() * 1000)


def put(connection: Connection, table: str, **values: Any) -> None:
    """One row."""
    connection.execute(insert(metadata.tables[table]).values(**values))


def ids(connection: Connection, table: str) -> set[str]:
    """The first column of the primary key of every row."""
    made = metadata.tables[table]
    return set(connection.execute(select(next(iter(made.primary_key.columns)))).scalars())


def count(connection: Connection, table: str) -> int:
    """Its rows."""
    return int(connection.execute(select(func.count()).select_from(metadata.tables[table])).scalar_one())


def customer(connection: Connection, customer_id: str = "aiko") -> None:
    """Somebody on record."""
    put(connection, "customers", id=customer_id)


def decision(connection: Connection, name: str, days: float, **more: Any) -> None:
    """A decision, ``days`` old."""
    given = {
        "id": name, "rule_id": "warm", "rule_version": "v1", "subject": "chiller", "customer_id": "aiko",
        "transition": "firing", "alert_id": name, "severity": "major", "purpose": "maintenance", "summary": "warm",
        "at": ms(ago(days)), "seq": 1, "index": 0, "values": {}, "explanation": {}, "made_at": ago(days),
    }  # fmt: skip
    put(connection, "decisions", **(given | more))


def alert(connection: Connection, name: str, days: float, *, firing: bool = False) -> None:
    """An alert that began ``days`` ago, and ended at once unless it is ``firing``."""
    at = ms(ago(days))
    put(
        connection, "alerts", id=name, rule_id="warm", subject="chiller", customer_id="aiko", severity="major",
        purpose="maintenance", summary="warm", state="firing" if firing else "resolved", fired_at=at,
        resolved_at=None if firing else at + 1,
    )  # fmt: skip
    put(connection, "interventions", id=f"word-{name}", alert_id=name, action="snooze", by="mika", at=at)


def contact(connection: Connection, name: str, days: float, state: str = "done", **request: Any) -> None:
    """A contact because of the decision ``name``."""
    put(
        connection, "contacts", id=f"c-{name}", decision_id=name, alert_id=name, rule_id="warm", customer_id="aiko",
        state=state, request=request, context={}, created_at=ago(days),
    )  # fmt: skip


def message(connection: Connection, name: str, days: float, state: str = "delivered", **more: Any) -> None:
    """A message of the contact ``name`` with a receipt and a link."""
    given = {
        "id": f"m-{name}", "contact_id": f"c-{name}", "decision_id": name, "customer_id": "aiko", "channel": "sms",
        "step": 0, "address": "+819012345678", "purpose": "maintenance", "template": "alert", "title": "Warm",
        "body": "It is warm", "html": "<p>", "link": "http://x/c/1", "state": state, "due_at": ago(days),
        "created_at": ago(days), "updated_at": ago(days),
    }  # fmt: skip
    put(connection, "messages", **(given | more))
    put(
        connection, "receipts", message_id=f"m-{name}", provider_id="SM1", status="delivered", channel="sms",
        detail={"To": "+819012345678"}, at=ago(days),
    )  # fmt: skip
    put(connection, "links", token=f"t-{name}", message_id=f"m-{name}", target="http://y", expires_at=ago(days))


def chain(connection: Connection, name: str, days: float) -> None:
    """A decision with everything that comes of it, all at an end."""
    decision(connection, name, days)
    alert(connection, name, days)
    contact(connection, name, days)
    message(connection, name, days)


def case(connection: Connection, name: str, days: float, state: str = "resolved") -> None:
    """A case of the alert ``name`` with a comment."""
    put(
        connection, "cases", id=f"case-{name}", alert_id=name, customer_id="aiko", title="Warm", state=state,
        opened_at=ago(days), resolved_at=ago(days) if state == "resolved" else None,
    )  # fmt: skip
    put(connection, "case_comments", id=f"said-{name}", case_id=f"case-{name}", author="mika", body="hm", at=ago(days))


def entry(connection: Connection, name: str, days: float, **more: Any) -> None:
    """A timeline entry."""
    given = {"id": name, "customer_id": "aiko", "at": ago(days), "kind": "note", "summary": "something"}
    put(connection, "timeline", **(given | more))


TOKEN = "eyJhIjoiYiJ9.c2lnbmF0dXJlLW9mLW91cnM"
"""As it stands in unsubscribe and click links."""


def everything(connection: Connection, customer_id: str, canary: str) -> None:
    """A row in every table that can speak of a customer, with ``canary`` wherever text fits."""
    own = {"customer_id": customer_id}
    of = f"{canary}-1"
    known = {"id": of, "rule_id": "warm", "subject": f"{canary}-phone", "summary": canary, **own}
    number, at = f"+81{canary}", ago(1)
    put(
        connection, "customers", id=customer_id, name=canary, attributes={"tier": canary},
        addresses={"push": [canary], "sms": number, "email": f"{canary}@example.com"},
    )  # fmt: skip
    put(connection, "consents", purpose="offers", channel="push", granted=True, source=canary, **own)
    put(connection, "devices", id=f"{canary[:4]}-phone", owner=customer_id, logged=True)
    fault(connection, f"f-{customer_id}", 1, f"{canary[:4]}-phone")
    connection.exec_driver_sql(
        "UPDATE faults SET error = %s, trace = %s WHERE id = %s", (canary, canary, f"f-{customer_id}")
    )
    put(
        connection, "decisions", **known, rule_version="v1", transition="firing", alert_id=of, severity="major",
        purpose="offers", at=ms(at), seq=1, index=0, values={"v": canary}, explanation={"e": canary},
    )  # fmt: skip
    put(connection, "alerts", **known, severity="major", purpose="offers", state="firing", fired_at=ms(at))
    put(connection, "interventions", id=f"i-{of}", alert_id=of, action="snooze", by=canary, at=ms(at))
    put(
        connection, "contacts", id=f"c-{of}", decision_id=of, alert_id=of, rule_id="warm", state="active", due_at=at,
        request={"r": canary}, context={"c": canary}, steps=[{"addresses": [number]}], **own,
    )  # fmt: skip
    said = f"{canary} https://x.example/u/{TOKEN} https://x.example/c/{TOKEN}"
    put(
        connection, "messages", id=f"m-{of}", contact_id=f"c-{of}", decision_id=of, channel="sms", step=0,
        address=number, purpose="offers", template="offer", title=canary, body=said, html=said, link=said,
        state="sending", provider_id=canary, lease_until=at, due_at=at, **own,
    )  # fmt: skip
    put(
        connection, "receipts", message_id=f"m-{of}", provider_id=canary, status="sent", channel="sms",
        detail={"To": number},
    )  # fmt: skip
    put(connection, "links", token=f"{TOKEN}{canary}", message_id=f"m-{of}", target=f"http://{canary}", expires_at=at)
    put(connection, "charges", message_id=f"m-{of}", day=at.date(), units=1, charged=True, counted=True)
    put(connection, "offer_codes", code=canary, decision_id=of, rule_id="warm", order_id=canary, **own)
    put(connection, "bad_addresses", channel="email", address=canary, reason=canary, **own)
    put(
        connection, "digest_items", decision_id=of, alert_id=of, purpose="offers", summary=canary,
        request={"r": canary}, at=at, due_at=at, **own,
    )  # fmt: skip
    put(connection, "cases", id=f"case-{of}", alert_id=of, title=canary, evidence={"e": canary}, opened_at=at, **own)
    put(connection, "case_comments", id=f"say-{of}", case_id=f"case-{of}", author="mika", body=canary)
    entry(connection, f"t-{of}", 1, summary=canary, detail={"body": canary, "from": number}, **own)
    spending.add(connection, at.date(), "sms", {number: 2})


def fault(connection: Connection, name: str, days: float, subject: str = "chiller") -> None:
    """A rule's failure."""
    put(
        connection, "faults", id=name, rule_id="warm", subject=subject, partition=0, seq=1, error="boom", trace="boom",
        at=ago(days),
    )  # fmt: skip


def dumped(connection: Connection) -> str:
    """Everything in the database as text."""
    found = []
    for name in metadata.tables:
        rows = connection.exec_driver_sql(f'SELECT to_jsonb(t) FROM "{name}" AS t').scalars()
        found += [json.dumps(row, ensure_ascii=False) for row in rows]
        for column in metadata.tables[name].columns:
            if column.type.__class__.__name__ == "LargeBinary":
                blobs = connection.exec_driver_sql(f'SELECT "{column.name}" FROM "{name}"').scalars()
                found += [bytes(blob).decode("utf-8", "replace") for blob in blobs]
    return "\n".join(found)
