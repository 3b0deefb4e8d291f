"""Customers, consents, timelines and erasure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, insert, text

from gateway.storage import bad_addresses, consents, offer_codes, tables, timeline
from gateway.storage.timeline import Entry
from tests.api_fixture import Calls, RememberingLog

AIKO = {
    "name": "Aiko Tanaka",
    "locale": "ja",
    "time_zone": "Asia/Tokyo",
    "addresses": {"push": ["token-1"], "sms": "+81 90-1234-5678", "email": "aiko@example.com"},
    "preferred_channels": ["push", "sms"],
    "attributes": {"tier": "gold", "since": {"year": 2021}},
}


async def test_a_customer_comes_back_with_the_number_in_its_international_form(call: Calls) -> None:
    answer = await call("PUT", "/v1/customers/aiko@shop", json=AIKO)
    assert answer.status_code == 201, answer.text
    again = await call("PUT", "/v1/customers/aiko@shop", json=answer.json())
    assert again.status_code == 200, again.text
    given = (await call("GET", "/v1/customers/aiko@shop")).json()
    assert {name: given[name] for name in AIKO if name != "addresses"} == {
        name: value for name, value in AIKO.items() if name != "addresses"
    }
    assert given["addresses"] == {"push": ["token-1"], "sms": "+819012345678", "email": "aiko@example.com"}
    assert given["created_at"].endswith("Z")


async def test_pages_follow_each_other_without_gaps_even_while_customers_are_added(call: Calls) -> None:
    for number in range(7):
        await call("PUT", f"/v1/customers/c{number}", json={"name": f"Customer {number}"})
    first = (await call("GET", "/v1/customers?limit=3")).json()
    await call("PUT", "/v1/customers/b", json={})
    rest = (await call("GET", f"/v1/customers?limit=50&cursor={first['next']}")).json()
    assert [item["id"] for item in first["items"] + rest["items"]] == [f"c{number}" for number in range(7)]
    assert rest["next"] is None


async def test_search_takes_signs_of_patterns_for_themselves(call: Calls) -> None:
    await call("PUT", "/v1/customers/a", json={"name": "100% Wool"})
    await call("PUT", "/v1/customers/b", json={"name": "Wool_en"})
    for search, found in (("%", ["a"]), ("_", ["b"]), ("wool", ["a", "b"]), ("\\", [])):
        answer = await call("GET", "/v1/customers", params={"search": search})
        assert [item["id"] for item in answer.json()["items"]] == found, search


async def test_consents_replace_what_was_said_before(call: Calls, engine: Engine) -> None:
    await call("PUT", "/v1/customers/aiko", json=AIKO)
    stated = {"maintenance": {"push": True, "sms": False}, "offers": {"email": True}, "source": "sign-up form"}
    answer = await call("PUT", "/v1/customers/aiko/consents", json=stated)
    assert answer.status_code == 200, answer.text
    assert {**answer.json(), "at": None} == {**stated, "at": None}
    with engine.begin() as connection:
        consents.withdraw(connection, "aiko", purpose="offers", channel="email", source="unsubscribe link")
    given = (await call("GET", "/v1/customers/aiko/consents")).json()
    assert given["offers"] == {"email": False}
    assert given["source"] == "unsubscribe link"
    notes = [item["summary"] for item in (await call("GET", "/v1/customers/aiko/timeline")).json()["items"]]
    assert notes == ["Consents now: maintenance by push; offers by email"]
    given["offers"] = {}
    assert (await call("PUT", "/v1/customers/aiko/consents", json=given)).status_code == 200
    assert "offers" not in (await call("GET", "/v1/customers/aiko/consents")).json()


async def test_a_dated_statement_lifts_only_what_was_taken_back_before_it(call: Calls, engine: Engine) -> None:
    await call("PUT", "/v1/customers/aiko", json=AIKO)
    with engine.begin() as connection:
        consents.withdraw(connection, "aiko", purpose="offers", channel="email", source="unsubscribe link")
    yes = {"offers": {"email": True}, "source": "crm"}
    old = await call("PUT", "/v1/customers/aiko/consents", json={**yes, "at": "2025-01-01T00:00:00Z"})
    assert old.status_code == 200, old.text
    assert (old.json()["offers"], old.json()["source"]) == ({"email": False}, "unsubscribe link")
    assert (await call("GET", "/v1/customers/aiko/timeline")).json()["items"] == []
    assert (await call("PUT", "/v1/customers/aiko/consents", json=yes)).json()["offers"] == {"email": True}
    later = await call("PUT", "/v1/customers/aiko/consents", json={**yes, "at": "2999-01-01T00:00:00Z"})
    assert later.status_code == 422
    assert "still to come" in later.json()["detail"]


async def test_consents_that_are_read_changed_and_sent_back_are_said_now(call: Calls, engine: Engine) -> None:
    await call("PUT", "/v1/customers/aiko", json=AIKO)
    with engine.begin() as connection:
        consents.withdraw(connection, "aiko", purpose="offers", channel="email", source="unsubscribe link")
    given = (await call("GET", "/v1/customers/aiko/consents")).json()
    given["offers"] = {"email": True}
    answer = await call("PUT", "/v1/customers/aiko/consents", json=given)
    assert answer.json()["offers"] == {"email": True}


async def test_consents_name_known_channels_with_yes_or_no(call: Calls) -> None:
    await call("PUT", "/v1/customers/aiko", json=AIKO)
    wrongs: tuple[dict[str, Any], ...] = (
        {"offers": {"fax": True}},
        {"offers": {"push": "maybe"}},
        {"offers": True},
        {"Offers!": {}},
    )
    for wrong in wrongs:
        assert (await call("PUT", "/v1/customers/aiko/consents", json=wrong)).status_code == 422, wrong


async def test_a_timeline_is_read_newest_first_in_pages(call: Calls, engine: Engine) -> None:
    await call("PUT", "/v1/customers/aiko", json=AIKO)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    with engine.begin() as connection:
        timeline.add(
            connection,
            [Entry(f"e{n}", "aiko", start + timedelta(minutes=n // 2), "note", f"entry {n}") for n in range(5)],
        )
    seen: list[str] = []
    cursor = ""
    while True:
        answer = (await call("GET", f"/v1/customers/aiko/timeline?limit=2{cursor}")).json()
        seen += [item["id"] for item in answer["items"]]
        if answer["next"] is None:
            break
        cursor = f"&cursor={answer['next']}"
    assert seen == ["e4", "e3", "e2", "e1", "e0"]


async def test_a_touchpoint_with_an_id_is_written_once(call: Calls) -> None:
    await call("PUT", "/v1/customers/aiko", json=AIKO)
    order = {
        "id": "o-1",
        "kind": "order",
        "at": "2026-01-01T10:00:00+09:00",
        "summary": " A filter ",
        "detail": {"n": 1},
    }
    first = await call("POST", "/v1/customers/aiko/touchpoints", json=order)
    again = await call("POST", "/v1/customers/aiko/touchpoints", json={**order, "summary": "changed"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.json()["at"] == "2026-01-01T01:00:00.000Z"
    assert first.json()["summary"] == "A filter"
    for kind in ("call", "visit", "note"):
        assert (
            await call("POST", "/v1/customers/aiko/touchpoints", json={"kind": kind, "summary": kind})
        ).status_code == 201
    assert len((await call("GET", "/v1/customers/aiko/timeline")).json()["items"]) == 4
    for wrong in (
        {"kind": "alert", "summary": "x"},
        {"kind": "note", "summary": " "},
        {"kind": "note", "summary": "x", "at": "2026-01-01"},
    ):
        assert (await call("POST", "/v1/customers/aiko/touchpoints", json=wrong)).status_code == 422, wrong


async def test_an_erased_customer_leaves_nothing_and_others_stay(
    call: Calls, engine: Engine, log: RememberingLog
) -> None:
    for customer in ("canary-7391", "other"):
        await call("PUT", f"/v1/customers/{customer}", json={**AIKO, "name": customer})
        await call("PUT", f"/v1/customers/{customer}/consents", json={"offers": {"push": True}})
        await call("PUT", f"/v1/devices/phone-of-{customer[:3]}", json={"owner": customer})
        await call("POST", f"/v1/customers/{customer}/touchpoints", json={"kind": "note", "summary": customer})
        opened = await call("POST", "/v1/cases", json={"title": customer, "customer_id": customer})
        await call("POST", f"/v1/cases/{opened.json()['id']}/comments", json={"body": customer})
        with engine.begin() as connection:
            _a_message_for(connection, customer)
    assert (await call("DELETE", "/v1/customers/canary-7391")).status_code == 204
    with engine.connect() as connection:
        for table in tables.metadata.sorted_tables:
            rows = connection.execute(text(f'SELECT row_to_json(t)::text FROM "{table.name}" t')).scalars().all()
            assert not [row for row in rows if "canary" in row], table.name
            if table.name in {"customers", "consents", "timeline", "contacts", "messages", "cases", "case_comments"}:
                assert [row for row in rows if "other" in row], table.name
    assert (await call("GET", "/v1/devices/phone-of-can")).json()["owner"] is None
    assert (await call("DELETE", "/v1/customers/canary-7391")).status_code == 404


def _a_message_for(connection: Connection, customer: str) -> None:
    shared = {"decision_id": f"d-{customer}", "customer_id": customer}
    connection.execute(
        insert(tables.contacts).values(
            id=f"contact-{customer}", alert_id="a", rule_id="r", state="done", request={}, context={}, **shared
        )
    )
    connection.execute(
        insert(tables.messages).values(
            id=f"m-{customer}", contact_id=f"contact-{customer}", channel="sms", step=0, address=customer,
            purpose="offers", template="offer", title="", body=customer, state="delivered",
            due_at=datetime.now(UTC), **shared,
        )
    )  # fmt: skip
    connection.execute(
        insert(tables.receipts).values(message_id=f"m-{customer}", provider_id="SM1", status="delivered", channel="sms")
    )
    connection.execute(
        insert(tables.links).values(
            token=f"l-{customer}",
            message_id=f"m-{customer}",
            target=f"https://shop.example/{customer}",
            expires_at=datetime.now(UTC),
        )
    )
    offer_codes.give(connection, decision_id=f"d-{customer}", customer_id=customer, rule_id="r")
    bad_addresses.mark(connection, customer, "email", f"{customer}@example.org", "bounced (5.1.1)")
    episode = {"rule_id": "r", "subject": "s", "customer_id": customer, "severity": "major", "purpose": "service"}
    connection.execute(
        insert(tables.alerts).values(id=f"a-{customer}", summary=customer, state="firing", fired_at=1, **episode)
    )
    connection.execute(
        insert(tables.decisions).values(
            id=f"d-{customer}", rule_version="1", transition="firing", alert_id=f"a-{customer}", summary=customer,
            at=1_767_225_600_000, seq=1, index=0, values={"temperature": 9}, explanation={"all": []}, **episode,
        )
    )  # fmt: skip


async def test_a_message_and_its_decision_can_be_read(call: Calls, engine: Engine) -> None:
    await call("PUT", "/v1/customers/aiko", json=AIKO)
    with engine.begin() as connection:
        _a_message_for(connection, "aiko")
    message = (await call("GET", "/v1/messages/m-aiko")).json()
    assert message["state"] == "delivered"
    assert [receipt["status"] for receipt in message["receipts"]] == ["delivered"]
    decision = (await call("GET", f"/v1/decisions/{message['decision_id']}")).json()
    assert decision["at"] == "2026-01-01T00:00:00.000Z"
    assert decision["values"] == {"temperature": 9}
    metrics = (await call("GET", "/metrics")).text
    assert 'kizashi_messages_recorded{channel="sms",state="delivered"} 1.0' in metrics
    assert 'kizashi_alerts_firing{severity="major"} 1.0' in metrics
