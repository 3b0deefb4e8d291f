"""Requests of strangers, and true ones played again later: nothing changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from sqlalchemy import Engine

from gateway.storage import customers, erasures
from gateway.storage.customers import Customer
from notifiers.sms.signature import HEADER, sign
from rules.decision import NotifyAction
from tests.integration.delivery_fixture import a_customer, a_decision, decide, execute, means_of, rows
from tests.integration.test_hooks_people import LINKS, http, path_of
from tests.integration.test_hooks_twilio import PUBLIC, SETTINGS, TOKEN, an_sms, post, status

__all__ = ["http"]

pytestmark = pytest.mark.stack

INBOUND = "/hooks/twilio/inbound"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
SAID_BY_SMS = "SELECT DISTINCT granted FROM consents WHERE channel = 'sms'"
EVERYTHING = (
    "SELECT state, provider_id FROM messages",
    "SELECT state, due_at FROM contacts",
    "SELECT purpose, channel, granted, source FROM consents ORDER BY 1, 2",
    "SELECT addresses FROM customers",
    "SELECT count(*) FROM receipts",
    "SELECT count(*) FROM timeline",
    "SELECT count(*) FROM provider_alarms",
)


def on_record(engine: Engine) -> list[Any]:
    return [rows(engine, query) for query in EVERYTHING]


def stop(sid: str, body: str = "STOP", **more: str) -> dict[str, str]:
    return {"MessageSid": sid, "From": "+819012345678", "To": "+15005550006", "Body": body, "AccountSid": "AC1", **more}


async def test_a_forged_stop_unsubscribes_nobody(engine: Engine, http: httpx.AsyncClient) -> None:
    an_sms(engine)
    before = on_record(engine)
    body, good = urlencode(stop("SM2", "hello")), sign(TOKEN, PUBLIC + INBOUND, stop("SM2", "hello").items())
    answers = [
        await post(http, INBOUND, stop("SM2"), token="wrong"),
        await post(http, INBOUND, stop("SM2"), url="https://elsewhere.example" + INBOUND),
        await post(http, INBOUND, stop("SM2"), url=PUBLIC + INBOUND + "/"),
        await post(http, INBOUND, stop("SM2"), url=PUBLIC.replace("https", "http") + INBOUND),
        await post(http, INBOUND, stop("SM2", AccountSid="AC2")),
        await http.post(INBOUND, content=body, headers=FORM),
        await http.post(INBOUND, content=body, headers={**FORM, HEADER: ""}),
        await http.post(INBOUND, content=urlencode(stop("SM2")), headers={**FORM, HEADER: good}),
        await http.post(INBOUND, content=body + "&Extra=1", headers={**FORM, HEADER: good}),
        await http.post(INBOUND, content=body, headers={"Content-Type": "text/plain", HEADER: good}),
        await http.post(INBOUND + "?x=1", content=body, headers={**FORM, HEADER: good}),
    ]
    assert [answer.status_code for answer in answers] == [403] * len(answers)
    assert on_record(engine) == before


async def test_a_signature_for_one_door_opens_no_other(engine: Engine, http: httpx.AsyncClient) -> None:
    message_id = an_sms(engine)
    before = on_record(engine)
    for path, door in (
        (f"/hooks/twilio/status/{message_id}", INBOUND),
        (INBOUND, f"/hooks/twilio/status/{message_id}"),
    ):
        fields = {**status("delivered"), **stop("SM3")}
        assert (await post(http, door, fields, url=PUBLIC + path)).status_code == 403
    assert on_record(engine) == before


async def test_a_stop_or_start_played_again_later_does_not_undo_what_was_said_since(
    engine: Engine, http: httpx.AsyncClient
) -> None:
    a_customer(engine, granted={"maintenance": {"sms": True}})

    async def write(sid: str, body: str) -> list[tuple[Any, ...]]:
        assert (await post(http, INBOUND, stop(sid, body))).status_code == 200
        return rows(engine, SAID_BY_SMS + " AND purpose = 'maintenance'")

    assert await write("SM1", "STOP") == [(False,)]
    assert await write("SM2", "START") == [(True,)]
    assert await write("SM1", "STOP") == [(True,)], "the old STOP again"
    assert await write("SM3", "STOP") == [(False,)]
    assert await write("SM2", "START") == [(False,)], "the old START again"
    assert rows(engine, "SELECT count(*) FROM timeline WHERE kind = 'reply'") == [(3,)]


async def test_a_failure_played_again_does_not_drop_the_number_that_the_customer_gave_again(
    engine: Engine, http: httpx.AsyncClient
) -> None:
    message_id = an_sms(engine)
    path, gone = f"/hooks/twilio/status/{message_id}", status("undelivered", ErrorCode="30005")
    assert (await post(http, path, gone)).status_code == 204
    assert rows(engine, "SELECT addresses ? 'sms' FROM customers") == [(False,)]
    with engine.begin() as connection:
        customers.put(connection, Customer(id="hanako", name="Hanako", addresses={"sms": "+819012345678"}))
    before = on_record(engine)
    assert (await post(http, path, gone)).status_code == 204
    assert on_record(engine) == before


async def test_receipts_for_a_customer_who_was_erased_leave_nothing(engine: Engine, http: httpx.AsyncClient) -> None:
    message_id = an_sms(engine)
    with engine.begin() as connection:
        erasures.erase(connection, "hanako")
    answer = await post(http, f"/hooks/twilio/status/{message_id}", status("delivered"))
    assert answer.status_code in {204, 404}
    assert (await post(http, INBOUND, stop("SM9"))).status_code == 200
    assert rows(engine, "SELECT count(*) FROM timeline") == [(0,)]
    assert rows(engine, "SELECT count(*) FROM consents") == [(0,)]


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ({}, {"event": "opened"}),
        ({"token": ""}, {"event": "opened", "token": ""}),
        ({"token": "wrong"}, {"event": "opened", "token": "right"}),
        ({"token": "right\x00"}, {"event": "opened"}),
        ({"token": "RIGHT"}, {"event": "opened"}),
        ({"token": "righ"}, {"event": "opened"}),
    ],
)
async def test_an_acknowledgement_that_anybody_could_have_made_changes_nothing(
    engine: Engine, http: httpx.AsyncClient, query: Mapping[str, str], body: Mapping[str, str]
) -> None:
    a_customer(engine)
    notify = NotifyAction("alert", ("push", "sms"), escalate_after_ms=600_000)
    decide(engine, means_of(engine, SETTINGS), a_decision(notify=notify))
    execute(engine, "UPDATE messages SET state = 'accepted', provider = 'fcm', attempts = 1")
    [(message_id,)] = rows(engine, "SELECT id FROM messages")
    right = LINKS.ack_token(message_id)
    made_up = {"right": right, "righ": right[:-1], "RIGHT": right.swapcase(), "right\x00": right + "\x00"}
    said = [{name: made_up.get(value, value) for name, value in each.items()} for each in (query, body)]
    before = on_record(engine)
    answer = await http.post(f"/hooks/push/{message_id}", params=said[0], json=said[1])
    assert answer.status_code == 403
    assert on_record(engine) == before
    assert (await http.post(path_of(LINKS.push_ack(message_id)), json={"event": "opened"})).status_code == 204


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
async def test_another_method_changes_nothing(engine: Engine, http: httpx.AsyncClient, method: str) -> None:
    message_id = an_sms(engine)
    before = on_record(engine)
    for path in (INBOUND, f"/hooks/twilio/status/{message_id}", path_of(LINKS.push_ack(message_id))):
        assert (await http.request(method, path)).status_code == 405
    assert on_record(engine) == before
