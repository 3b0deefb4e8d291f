"""What an offer brings: the orders of those told beside those of the holdout group, and nothing that flatters."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from gateway.storage import offer_codes
from rules.decision import NotifyAction
from tests.api_fixture import NOW, Calls
from tests.integration.delivery_fixture import a_customer, a_decision, decide, execute, means_of, rows
from tests.integration.test_hooks_twilio import SETTINGS

AT = datetime.fromtimestamp(NOW / 1000, UTC)


def offered(engine: Engine, customer: str, holdout: float) -> None:
    """One customer who walked in at ``AT``, and was told or held out."""
    a_customer(engine, customer)
    notify = NotifyAction("offer", ("push",), holdout_percent=holdout, offer_code=True)
    made = a_decision(customer, customer_id=customer, rule_id="welcome", purpose="offers", notify=notify, at=NOW)
    decide(engine, means_of(engine, SETTINGS), made, at=AT)


async def order(call: Calls, customer: str, name: str, after: timedelta) -> None:
    body = {"id": name, "kind": "order", "summary": "A coffee", "at": (AT + after).isoformat()}
    assert (await call("POST", f"/v1/customers/{customer}/touchpoints", json=body)).status_code == 201


async def test_orders_are_counted_by_group_and_within_the_days(call: Calls, engine: Engine) -> None:
    for customer in ("a", "b", "c", "d"):
        offered(engine, customer, holdout=0.0)
    for customer in ("x", "y"):
        offered(engine, customer, holdout=100.0)
    execute(engine, "UPDATE messages SET state = 'accepted'")
    execute(engine, "UPDATE messages SET state = 'failed' WHERE customer_id = 'd'")
    execute(engine, "UPDATE contacts SET created_at = :at", at=AT)
    await order(call, "a", "1", timedelta(hours=1))
    await order(call, "a", "2", timedelta(days=2))
    await order(call, "b", "3", timedelta(days=8))
    await order(call, "c", "4", -timedelta(hours=1))
    await order(call, "x", "5", timedelta(days=1))
    [(code,)] = rows(engine, "SELECT code FROM offer_codes WHERE customer_id = 'b'")
    redeemed = await call("POST", f"/v1/offer-codes/{offer_codes.shown(code)}/redeem", json={"order_id": "B"})
    assert redeemed.status_code == 200
    found = (await call("GET", "/v1/rules/welcome/lift?since=2020-01-01T00:00:00Z", role="read")).json()
    assert found["told"] == {"customers": 3, "ordered": 1, "orders": 2, "share": 1 / 3}
    assert found["held_out"] == {"customers": 2, "ordered": 1, "orders": 1, "share": 0.5}
    assert found["lift"] == 1 / 3 - 0.5
    assert (found["codes"], found["redeemed"]) == (4, 1)
    longer = (await call("GET", "/v1/rules/welcome/lift?since=2020-01-01T00:00:00Z&days=30")).json()
    assert longer["told"]["ordered"] == 2


async def test_without_a_holdout_group_there_is_no_lift(call: Calls) -> None:
    found = (await call("GET", "/v1/rules/nobody/lift")).json()
    assert found["told"] == {"customers": 0, "ordered": 0, "orders": 0, "share": None}
    assert found["lift"] is None
