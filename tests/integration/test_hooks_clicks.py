"""Short links: they lead where the rule said, count a person's click once, and end with their message or customer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

from gateway.api.hooks import router
from gateway.storage import erasures
from rules.decision import NotifyAction
from tests.integration.delivery_fixture import a_customer, a_decision, decide, execute, means_of, rows
from tests.integration.test_hooks_twilio import PUBLIC, SETTINGS

pytestmark = pytest.mark.stack

BROWSER = {"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1"}
TARGET = "https://shop.example/parts/{device_id}?ref=a%20b&code={offer_code}"
SMS = NotifyAction("alert", ("sms", "email"), escalate_after_ms=600_000, link=TARGET)


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def http(engine: Engine, clock: Clock) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.include_router(router(engine, SETTINGS, means_of(engine, SETTINGS).links, clock))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://inside:8080", headers=BROWSER) as client:
        yield client


def sent(engine: Engine, notify: NotifyAction = SMS, **customer: Any) -> str:
    """A message that has left; returns the path of its link."""
    a_customer(engine, **customer)
    decide(engine, means_of(engine, SETTINGS), a_decision(notify=notify))
    execute(engine, "UPDATE messages SET state = 'accepted', provider = 'twilio', attempts = 1")
    [(link, body)] = rows(engine, "SELECT link, body FROM messages")
    assert str(link) in str(body)
    return str(link).removeprefix(PUBLIC)


async def test_a_click_leads_on_and_stops_the_escalation_once(engine: Engine, http: httpx.AsyncClient) -> None:
    path = sent(engine)
    for _ in range(3):
        answer = await http.get(path)
        assert answer.status_code == 302
        assert answer.headers["location"] == "https://shop.example/parts/chiller-1?ref=a%20b&code="
    assert rows(engine, "SELECT state FROM messages") == [("clicked",)]
    assert rows(engine, "SELECT state, due_at FROM contacts") == [("acknowledged", None)]
    assert rows(engine, "SELECT status, channel FROM receipts") == [("clicked", "sms")]
    assert rows(engine, "SELECT count(*) FROM timeline WHERE kind = 'receipt'") == [(1,)]


@pytest.mark.parametrize(
    "headers",
    [
        {"User-Agent": "WhatsApp/2.23.20.0"},
        {"User-Agent": "facebookexternalhit/1.1;line-poker/1.0"},
        {"User-Agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"},
        {"User-Agent": ""},
        {"Sec-Purpose": "prefetch;prerender"},
        {"Purpose": "prefetch"},
        {"X-Moz": "prefetch"},
        {"Sec-Fetch-Mode": "no-cors"},
    ],
)
async def test_what_only_looks_is_led_on_and_not_counted(
    engine: Engine, http: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    path = sent(engine)
    assert (await http.get(path, headers=headers)).status_code == 302
    assert (await http.head(path)).status_code == 302
    assert rows(engine, "SELECT state FROM messages") == [("accepted",)]
    assert rows(engine, "SELECT state FROM contacts") == [("active",)]


async def test_a_link_ends_thirty_days_after_its_message(engine: Engine, http: httpx.AsyncClient, clock: Clock) -> None:
    path = sent(engine, NotifyAction("alert", ("sms",), expires_after_ms=3_600_000, link=TARGET))
    clock.now += timedelta(days=30)
    assert (await http.get(path)).status_code == 302
    clock.now += timedelta(hours=2)
    answer = await http.get(path)
    assert (answer.status_code, "location" in answer.headers) == (404, False)
    assert "has ended" in answer.text


async def test_a_token_leads_nowhere_after_erasure(engine: Engine, http: httpx.AsyncClient) -> None:
    path = sent(engine)
    with engine.begin() as connection:
        assert erasures.erase(connection, "hanako")
    assert (await http.get(path)).status_code == 404
    assert rows(engine, "SELECT count(*) FROM links") == [(0,)]


async def test_nothing_in_the_request_chooses_where_it_leads(engine: Engine, http: httpx.AsyncClient) -> None:
    path = sent(engine)
    for more in ("?url=https://evil.example", "?target=//evil.example", "?code=x#https://evil.example"):
        assert (await http.get(path + more)).headers["location"].startswith("https://shop.example/parts/chiller-1?")
    for wrong in (
        path[:-1],
        path + "x",
        "/c/" + "a" * 22,
        "/c/" + "a" * 500,
        "/c/%00",
        "/c/%ff" + "a" * 21,
        "/c/..%2f..%2fu",
    ):
        assert (await http.get(wrong)).status_code == 404


async def test_each_address_has_a_link_of_its_own(engine: Engine) -> None:
    a_customer(engine, addresses={"push": ["token-one-silent", "token-two-silent"]})
    decide(engine, means_of(engine, SETTINGS), a_decision(notify=NotifyAction("offer", ("push",), link=TARGET)))
    found = rows(engine, "SELECT m.link, l.token FROM messages m JOIN links l ON l.message_id = m.id")
    assert len({link for link, _ in found}) == 2
    assert all(link == f"{PUBLIC}/c/{token}" for link, token in found)
