"""The app's acknowledgement and the unsubscribe link: only who received a message can use what came with it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

from gateway.api.hooks import router
from gateway.delivery.links import Links, Unsubscribe
from rules.decision import NotifyAction
from tests.integration.delivery_fixture import a_customer, a_decision, decide, execute, means_of, rows
from tests.integration.test_hooks_twilio import PUBLIC, SETTINGS

pytestmark = pytest.mark.stack

LINKS = Links(PUBLIC, "secret")
PUSH_THEN_SMS = NotifyAction("alert", ("push", "sms"), escalate_after_ms=600_000)


@pytest.fixture
async def http(engine: Engine) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.include_router(router(engine, SETTINGS, LINKS))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://inside:8080") as client:
        yield client


def a_push(engine: Engine) -> str:
    a_customer(engine)
    decide(engine, means_of(engine, SETTINGS), a_decision(notify=PUSH_THEN_SMS))
    execute(engine, "UPDATE messages SET state = 'accepted', provider = 'fcm', attempts = 1")
    [(message_id,)] = rows(engine, "SELECT id FROM messages")
    return str(message_id)


def path_of(url: str) -> str:
    return url.removeprefix(PUBLIC)


async def test_an_acknowledgement_stops_the_escalation(engine: Engine, http: httpx.AsyncClient) -> None:
    url = path_of(LINKS.push_ack(a_push(engine)))
    assert (await http.post(url, json={"event": "delivered"})).status_code == 204
    assert rows(engine, "SELECT state FROM messages") == [("delivered",)]
    assert rows(engine, "SELECT state, due_at FROM contacts") == [("acknowledged", None)]
    assert (await http.post(url, json={"event": "opened"})).status_code == 204
    assert (await http.post(url, json={"event": "delivered"})).status_code == 204
    assert rows(engine, "SELECT state FROM messages") == [("read",)]


async def test_the_token_may_come_in_the_body(engine: Engine, http: httpx.AsyncClient) -> None:
    message_id = a_push(engine)
    body = {"event": "opened", "token": LINKS.ack_token(message_id)}
    assert (await http.post(f"/hooks/push/{message_id}", json=body)).status_code == 204
    assert rows(engine, "SELECT state FROM messages") == [("read",)]


async def test_an_acknowledgement_without_the_messages_own_token_is_refused(
    engine: Engine, http: httpx.AsyncClient
) -> None:
    message_id = a_push(engine)
    for token in ("", "guess", LINKS.ack_token("m_other"), Links(PUBLIC, "other secret").ack_token(message_id)):
        answer = await http.post(f"/hooks/push/{message_id}", params={"token": token}, json={"event": "opened"})
        assert answer.status_code == 403
    assert rows(engine, "SELECT state FROM messages") == [("accepted",)]
    assert rows(engine, "SELECT state FROM contacts") == [("active",)]


async def test_an_acknowledgement_that_cannot_be_read_says_what_to_write(
    engine: Engine, http: httpx.AsyncClient
) -> None:
    url = path_of(LINKS.push_ack(a_push(engine)))
    answer = await http.post(url, json={"event": "eaten"})
    assert answer.status_code == 400
    assert "opened" in answer.json()["detail"]


async def test_looking_at_the_unsubscribe_page_changes_nothing_and_one_click_unsubscribes(
    engine: Engine, http: httpx.AsyncClient
) -> None:
    a_customer(engine)
    url = path_of(LINKS.unsubscribe(Unsubscribe("hanako", "offers", "email")))
    refused = "SELECT purpose, channel, source FROM consents WHERE NOT granted"
    page = await http.get(url)
    assert page.status_code == 200
    assert "offers by email" in page.text
    assert rows(engine, refused) == []
    for _ in range(2):
        click = await http.post(url, data={"List-Unsubscribe": "One-Click"})
        assert click.status_code == 200
    assert rows(engine, refused) == [("offers", "email", "unsubscribe link")]
    assert rows(engine, "SELECT reason FROM timeline WHERE kind = 'reply'") == [("unsubscribed",)]


async def test_an_altered_unsubscribe_link_stops_nothing(engine: Engine, http: httpx.AsyncClient) -> None:
    a_customer(engine)
    url = path_of(LINKS.unsubscribe(Unsubscribe("hanako", "offers", "email")))
    other = path_of(LINKS.unsubscribe(Unsubscribe("taro", "offers", "email")))
    mixed = f"{url.split('.')[0]}.{other.split('.')[-1]}"
    for wrong in (url[:-2], "/u/x", "/u/..", mixed):
        assert (await http.post(wrong)).status_code == 404
    assert rows(engine, "SELECT count(*) FROM consents WHERE NOT granted") == [(0,)]


async def test_what_a_page_shows_is_escaped(http: httpx.AsyncClient) -> None:
    url = path_of(LINKS.unsubscribe(Unsubscribe("hanako", "<script>alert(1)</script>", "email")))
    page = await http.get(url)
    assert "<script>" not in page.text
