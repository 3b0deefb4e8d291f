"""The inbox of a customer's app, over the API."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, text

from gateway.storage import contacts, messages
from gateway.storage.contacts import Contact
from gateway.storage.messages import New
from tests.api_fixture import Calls


@pytest.fixture
async def waiting(call: Calls, engine: Engine) -> str:
    """The id of a message in aiko's inbox."""
    for customer in ("aiko", "jiro"):
        await call("PUT", f"/v1/customers/{customer}", json={"name": customer})
    contact = Contact(
        id="c1",
        decision_id="d1",
        alert_id="d1",
        rule_id="r1",
        customer_id="aiko",
        state="active",
        request={"escalate_after_ms": 1000, "device_id": "chiller-1"},
        context={"rule_version": "v1"},
    )
    message = New(
        id="m1",
        contact_id="c1",
        decision_id="d1",
        customer_id="aiko",
        channel="inbox",
        step=0,
        address="aiko",
        purpose="maintenance",
        template="alert",
        title="Chiller too warm",
        body="9.1 °C",
        html=None,
        expires_at=datetime(2999, 1, 1, tzinfo=UTC),
    )
    with engine.begin() as connection:
        contacts.add(connection, contact)
        messages.add(connection, [message])
        connection.execute(text("UPDATE messages SET state = 'delivered'"))
    return "m1"


async def test_an_app_shows_what_waits_and_says_what_was_read(call: Calls, waiting: str) -> None:
    shown = (await call("GET", "/v1/customers/aiko/inbox")).json()
    assert (shown["unread"], shown["next"]) == (1, None)
    [item] = shown["items"]
    assert item == {
        "id": waiting,
        "decision_id": "d1",
        "purpose": "maintenance",
        "title": "Chiller too warm",
        "text": "9.1 °C",
        "at": item["at"],
        "read": False,
        "read_at": None,
        "expires_at": "2999-01-01T00:00:00.000Z",
    }
    answer = await call("POST", f"/v1/customers/aiko/inbox/{waiting}/read")
    assert answer.status_code == 200, answer.text
    again = await call("POST", f"/v1/customers/aiko/inbox/{waiting}/read")
    assert again.json() == answer.json()
    assert answer.json()["read"] is True
    assert answer.json()["read_at"].endswith("Z")
    assert (await call("GET", "/v1/customers/aiko/inbox")).json()["unread"] == 0
    entries = (await call("GET", "/v1/customers/aiko/timeline")).json()["items"]
    assert [entry["summary"] for entry in entries if entry["kind"] == "receipt"] == ["Inbox message read, says the app"]


async def test_a_message_whose_text_is_not_kept_any_more_is_not_shown(
    call: Calls, engine: Engine, waiting: str
) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE messages SET title = '', body = '', address = ''"))
    shown = (await call("GET", "/v1/customers/aiko/inbox")).json()
    assert (shown["items"], shown["unread"]) == ([], 0)
    assert (await call("POST", f"/v1/customers/aiko/inbox/{waiting}/read")).status_code == 404


async def test_a_message_is_read_by_its_own_customer_alone(call: Calls, waiting: str) -> None:
    assert (await call("POST", f"/v1/customers/jiro/inbox/{waiting}/read")).status_code == 404
    assert (await call("POST", "/v1/customers/aiko/inbox/m2/read")).status_code == 404
    assert (await call("GET", "/v1/customers/nobody/inbox")).status_code == 404
    assert (await call("GET", "/v1/customers/jiro/inbox")).json() == {"items": [], "next": None, "unread": 0}
    assert (await call("GET", "/v1/customers/aiko/inbox?cursor=nonsense")).status_code == 400


async def test_what_is_not_delivered_yet_is_not_in_the_inbox(call: Calls, engine: Engine, waiting: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE messages SET state = 'queued'"))
    assert (await call("GET", "/v1/customers/aiko/inbox")).json()["items"] == []
    assert (await call("POST", f"/v1/customers/aiko/inbox/{waiting}/read")).status_code == 404


@pytest.mark.parametrize(
    ("url", "wrong"),
    [("ftp://example.com/", "must begin with https://"), ("https://user:pw@example.com/", "user name or password")],
)
async def test_a_webhook_address_that_is_none_is_refused_with_its_mend(call: Calls, url: str, wrong: str) -> None:
    answer = await call("PUT", "/v1/customers/aiko", json={"addresses": {"webhook": url}})
    assert answer.status_code == 422
    assert wrong in answer.text


async def test_a_webhook_address_is_kept(call: Calls) -> None:
    addresses = {"webhook": "https://hooks.example.com/kizashi?key=1"}
    body = {"addresses": addresses, "preferred_channels": ["webhook", "inbox"]}
    answer = await call("PUT", "/v1/customers/aiko", json=body)
    assert answer.status_code == 201, answer.text
    assert {name: value for name, value in answer.json()["addresses"].items() if value} == addresses
