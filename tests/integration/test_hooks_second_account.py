"""Callbacks of two Twilio accounts: each is believed about itself, neither about the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlencode

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

from gateway.api.hooks import router
from gateway.delivery.links import Links
from gateway.settings import Settings
from notifiers.sms.signature import HEADER, sign
from rules.decision import NotifyAction
from tests.integration.delivery_fixture import a_customer, a_decision, decide, execute, means_of, rows

pytestmark = pytest.mark.stack

PUBLIC = "https://kizashi.example"
SETTINGS = Settings.model_validate(
    {
        "public_url": PUBLIC,
        "twilio": {"account_sid": "AC1", "auth_token": "first", "from": "+15005550006"},
        "twilio_2": {"account_sid": "AC2", "auth_token": "second", "from": "+15005550007"},
        "policy": {"quiet_hours": {"maintenance": ""}},
    }
)


@pytest.fixture
async def http(engine: Engine) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.include_router(router(engine, SETTINGS, Links(PUBLIC, "secret")))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://inside:8080") as client:
        yield client


def an_sms(engine: Engine) -> str:
    a_customer(engine)
    decide(engine, means_of(engine, SETTINGS), a_decision(notify=NotifyAction("alert", ("sms",))))
    execute(engine, "UPDATE messages SET state = 'accepted', provider = 'twilio_2', provider_id = 'SM1', attempts = 1")
    [(message_id,)] = rows(engine, "SELECT id FROM messages")
    return str(message_id)


async def post(http: httpx.AsyncClient, message_id: str, token: str, **fields: str) -> int:
    path = f"/hooks/twilio/status/{message_id}"
    said = {"MessageSid": "SM1", **fields}
    headers = {HEADER: sign(token, PUBLIC + path, said.items()), "Content-Type": "application/x-www-form-urlencoded"}
    return (await http.post(path, content=urlencode(said), headers=headers)).status_code


@pytest.mark.parametrize(("token", "account"), [("first", "AC1"), ("second", "AC2")])
async def test_a_receipt_of_either_account_is_applied(
    engine: Engine, http: httpx.AsyncClient, token: str, account: str
) -> None:
    assert await post(http, an_sms(engine), token, MessageStatus="delivered", AccountSid=account) == 204
    assert rows(engine, "SELECT state FROM messages") == [("delivered",)]


@pytest.mark.parametrize(("token", "account"), [("first", "AC2"), ("second", "AC1"), ("third", "AC2")])
async def test_one_accounts_token_proves_nothing_about_the_other(
    engine: Engine, http: httpx.AsyncClient, token: str, account: str
) -> None:
    assert await post(http, an_sms(engine), token, MessageStatus="delivered", AccountSid=account) == 403
    assert rows(engine, "SELECT state FROM messages") == [("accepted",)]


async def test_an_alarm_names_the_account_that_reported_it(engine: Engine, http: httpx.AsyncClient) -> None:
    fields = {"MessageStatus": "failed", "ErrorCode": "30002", "AccountSid": "AC2"}
    assert await post(http, an_sms(engine), "second", **fields) == 204
    assert rows(engine, "SELECT provider, reason FROM provider_alarms") == [
        ("twilio_2", "twilio 30002: account suspended")
    ]
