"""Redeeming an offer code: once, by those who may, and onto the timeline."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine

from gateway.storage.offer_codes import shown
from rules.decision import NotifyAction
from tests.api_fixture import Calls
from tests.integration.delivery_fixture import a_customer, a_decision, decide, means_of, rows
from tests.integration.test_hooks_twilio import SETTINGS

ORDER = {"order_id": "A-1", "amount": 1980, "currency": "JPY", "store_id": "ginza"}


def an_offer(engine: Engine, **notify: Any) -> None:
    a_customer(engine)
    action = NotifyAction("offer", ("push", "email"), offer_code=True, **notify)
    decide(engine, means_of(engine, SETTINGS), a_decision(purpose="offers", notify=action), at=datetime.now(UTC))


def the_code(engine: Engine) -> str:
    [(code,)] = rows(engine, "SELECT code FROM offer_codes")
    return shown(code)


async def test_a_code_is_redeemed_once_and_the_second_time_says_when(call: Calls, engine: Engine) -> None:
    an_offer(engine)
    path = f"/v1/offer-codes/{the_code(engine).lower()}"
    before = await call("GET", path, role="read")
    assert (before.status_code, before.json()["redeemed_at"], before.json()["customer_id"]) == (200, None, "hanako")
    first = await call("POST", f"{path}/redeem", role="agent", json=ORDER)
    assert (first.status_code, first.json()["amount"], first.json()["order_id"]) == (200, 1980, "A-1")
    again = await call("POST", f"{path}/redeem", role="agent", json={"order_id": "A-2"})
    assert again.status_code == 409
    assert again.json()["errors"][0]["redeemed_at"] == first.json()["redeemed_at"]
    assert "A-1" in again.json()["detail"]
    [(summary, store)] = rows(engine, "SELECT summary, store_id FROM timeline WHERE kind = 'order'")
    assert (summary, store) == (f"Redeemed offer code {the_code(engine)}: order A-1, 1980 JPY", "ginza")
    assert rows(engine, "SELECT state FROM contacts") == [("acknowledged",)]


async def test_two_tills_at_the_same_moment_redeem_it_once(call: Calls, engine: Engine) -> None:
    an_offer(engine)
    path = f"/v1/offer-codes/{the_code(engine)}/redeem"
    answers = await asyncio.gather(*(call("POST", path, json={"order_id": f"A-{n}"}) for n in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409, 409]
    assert rows(engine, "SELECT count(*) FROM timeline WHERE kind = 'order'") == [(1,)]


async def test_what_is_no_code_of_ours_is_not_found(call: Calls, engine: Engine) -> None:
    for typed in ("7KM3Q-XN42X", "22222-22222", "x"):
        assert (await call("POST", f"/v1/offer-codes/{typed}/redeem", json=ORDER)).status_code == 404


async def test_an_amount_below_nothing_is_refused(call: Calls, engine: Engine) -> None:
    an_offer(engine)
    path = f"/v1/offer-codes/{the_code(engine)}/redeem"
    for wrong in ({"amount": -1}, {"amount": "NaN"}, {"currency": "yen"}, {"order_id": ""}):
        assert (await call("POST", path, json={**ORDER, **wrong})).status_code == 422
    assert rows(engine, "SELECT redeemed_at FROM offer_codes") == [(None,)]


async def test_those_held_out_get_no_code(call: Calls, engine: Engine) -> None:
    an_offer(engine, holdout_percent=100.0)
    assert rows(engine, "SELECT count(*) FROM offer_codes") == [(0,)]
    assert rows(engine, "SELECT reason FROM timeline WHERE kind = 'suppression'") == [("holdout",)]
