"""A decision about a group of devices, all the way to the customer's message, the case and the timeline."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, text

from gateway.delivery.contacts import contact
from gateway.delivery.means import load as load_means
from gateway.delivery.rendering import Means
from gateway.settings import Settings
from gateway.storage import consents, customers, decisions
from gateway.storage.consents import Consents
from gateway.storage.customers import Customer
from rules.decision import CaseAction, Decision, NotifyAction
from tests.api_fixture import Calls
from tests.unit.gateway.decided import decided


@pytest.fixture
def made(engine: Engine) -> Decision:
    """Three freezers of one shop, told to their common owner by mail."""
    decision = decided(
        subject="store/ginza",
        severity="critical",
        case=CaseAction("cold-chain", "high"),
        notify=NotifyAction("alert", ("email",)),
        values={"group": "store/ginza", "group_name": "Ginza", "count": 3, "members": {}, "store": "Ginza"},
        summary="3 of the devices of Ginza: f1, f2, f3",
    )
    with engine.begin() as connection:
        customers.put(connection, Customer(id="aiko", name="Aiko", addresses={"email": "aiko@example.com"}))
        consents.put(connection, "aiko", Consents({"maintenance": {"email": True}}, "test"))
        means: Means = load_means(connection, Settings(sandbox=True))
        assert decisions.record(connection, decision)
        contact(connection, decision, means.templates, means.policy, datetime.now(UTC), means.links)
    return decision


async def test_the_message_calls_the_group_by_its_name(engine: Engine, made: Decision) -> None:
    with engine.begin() as connection:
        [(title, body)] = connection.execute(text("SELECT title, body FROM messages"))
    assert title == "Urgent: Ginza needs your attention"
    assert made.summary in body


async def test_api_answers_name_the_group_where_a_device_would_stand(call: Calls, made: Decision) -> None:
    assert (await call("GET", f"/v1/decisions/{made.id}")).json()["device_id"] == "store/ginza"
    [case] = (await call("GET", "/v1/cases")).json()["items"]
    assert (case["device_id"], case["queue"], case["customer_id"]) == ("store/ginza", "cold-chain", "aiko")
    timeline = (await call("GET", "/v1/customers/aiko/timeline")).json()["items"]
    assert {entry["device_id"] for entry in timeline if entry["kind"] in ("alert", "case")} == {"store/ginza"}
    answer = await call("GET", f"/v1/cases/{case['id']}")
    assert answer.status_code == 200
