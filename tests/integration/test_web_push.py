"""Web push from the decision to the browser and back: encrypted, acknowledged, and forgotten once a browser is gone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import msgspec
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

from gateway.api.hooks import router
from gateway.delivery import providers
from gateway.delivery.links import Links
from gateway.delivery.trial_sends import TrialSends
from gateway.settings import Settings
from notifiers.outcome import Accepted
from notifiers.sandbox.webpush import subscription_of
from notifiers.templates import Templates, example, preview
from notifiers.webpush import vapid
from rules.decision import NotifyAction
from tests.integration.delivery_fixture import (
    StandIns,
    a_customer,
    a_decision,
    decide,
    delivering,
    delivery_settings,
    eventually,
    execute,
    means_of,
    rows,
    start_stand_ins,
    states,
)
from tests.integration.test_hooks_twilio import PUBLIC, SETTINGS

pytestmark = pytest.mark.stack

KEY = vapid.new_key()
GRANTED = {"maintenance": {"push": True, "sms": True, "webpush": True}}
SHOP = {"Origin": "https://shop.example.com"}
LINKS = Links(PUBLIC, "secret")


@pytest.fixture(scope="module")
def browsers_process() -> Iterator[StandIns]:
    yield from start_stand_ins("--webpush-key", vapid.public_of(vapid.key_of(KEY)))


@pytest.fixture
def stand_ins(browsers_process: StandIns) -> StandIns:
    for provider in ("fcm", "webpush"):
        browsers_process.fault(provider, "ok")
    return browsers_process


@pytest.fixture
async def http(engine: Engine) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.include_router(router(engine, SETTINGS, LINKS))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://inside:8080") as client:
        yield client


def settings_of(stand_ins: StandIns, *, sandbox: bool = True, key: str = KEY) -> Settings:
    plain = delivery_settings(stand_ins).model_dump(by_alias=True)
    webpush = {"private_key": key, "subject": "mailto:care@example.com", "allow_loopback": True}
    return Settings.model_validate({**plain, "sandbox": sandbox, "webpush": webpush})


def browser(stand_ins: StandIns, name: str) -> dict[str, Any]:
    """As the API keeps it."""
    return {key: value for key, value in subscription_of(stand_ins.url, name).items() if value is not None}


def told_by(engine: Engine, settings: Settings, name: str, *channels: str, **values: Any) -> None:
    decide(engine, means_of(engine, settings), a_decision(name, notify=NotifyAction("alert", channels, **values)))


def test_each_browser_of_a_customer_shows_what_was_decided(engine: Engine, stand_ins: StandIns) -> None:
    settings = settings_of(stand_ins)
    a_customer(
        engine, addresses={"webpush": [browser(stand_ins, f"{at}-silent") for at in ("home", "work")]}, granted=GRANTED
    )
    told_by(engine, settings, "told", "webpush")
    with delivering(engine, settings):
        eventually(lambda: rows(engine, "SELECT DISTINCT state FROM messages") == [("accepted",)])
    sent = rows(engine, "SELECT id, title FROM messages")
    assert len(sent) == 2
    for message_id, title in sent:
        [request] = stand_ins.requests(provider="webpush", message_id=message_id)
        [shown] = stand_ins.messages(channel="webpush", to=request["to"])
        assert (shown["title"], shown["message_id"]) == (title, message_id)
        assert f"/hooks/push/{message_id}?token=" in shown["detail"]["data"]["ack_url"]


def test_a_browser_that_is_gone_is_forgotten_and_the_others_and_the_next_channel_are_used(
    engine: Engine, stand_ins: StandIns
) -> None:
    settings = settings_of(stand_ins)
    stays = browser(stand_ins, "stays-silent")
    addresses = {"webpush": [browser(stand_ins, "was-gone"), {**stays, "expirationTime": 1.5}], "push": ["a-silent"]}
    a_customer(engine, addresses=addresses, granted=GRANTED)
    told_by(engine, settings, "gone", "webpush", "push")
    with delivering(engine, settings):
        eventually(lambda: sorted(rows(engine, "SELECT state FROM messages")) == [("accepted",), ("failed",)])
    kept = {"webpush": [{**stays, "expirationTime": 1.5}], "push": ["a-silent"]}
    assert rows(engine, "SELECT addresses FROM customers") == [(kept,)]
    [(note,)] = rows(engine, "SELECT summary FROM timeline WHERE reason = 'address_dropped'")
    assert note.startswith(f"Web push address {stand_ins.url}/… removed: webpush HTTP 410")


def test_the_last_browser_gone_is_the_next_channels_turn(engine: Engine, stand_ins: StandIns) -> None:
    settings = settings_of(stand_ins)
    addresses = {"webpush": [browser(stand_ins, "last-gone")], "push": ["b-silent"]}
    a_customer(engine, addresses=addresses, granted=GRANTED)
    told_by(engine, settings, "last", "webpush", "push")
    with delivering(engine, settings):
        eventually(lambda: states(engine) == {"webpush": "failed", "push": "accepted"})
    assert rows(engine, "SELECT addresses FROM customers") == [({"push": ["b-silent"]},)]


def test_a_wrong_key_costs_nobody_their_address_and_is_an_alarm(engine: Engine, stand_ins: StandIns) -> None:
    settings = settings_of(stand_ins, key=vapid.new_key())
    addresses = {"webpush": [browser(stand_ins, "other-key")], "push": ["c-silent"]}
    a_customer(engine, addresses=addresses, granted=GRANTED)
    told_by(engine, settings, "key", "webpush", "push")
    with delivering(engine, settings):
        eventually(lambda: states(engine) == {"webpush": "failed", "push": "accepted"})
    assert rows(engine, "SELECT addresses FROM customers") == [(addresses,)]


def test_a_lost_answer_stays_unknown_until_the_browser_speaks(engine: Engine, stand_ins: StandIns) -> None:
    settings = settings_of(stand_ins)
    a_customer(engine, addresses={"webpush": [browser(stand_ins, "lost-silent")]}, granted=GRANTED)
    stand_ins.fault("webpush", "drop_after", count=1)
    told_by(engine, settings, "lost", "webpush")
    with delivering(engine, settings):
        eventually(lambda: states(engine) == {"webpush": "unknown"})
    [(message_id,)] = rows(engine, "SELECT id FROM messages")
    assert len(stand_ins.requests(provider="webpush", message_id=message_id)) == 1


def test_an_address_that_is_no_subscription_is_left_out_with_its_reason(engine: Engine, stand_ins: StandIns) -> None:
    settings = settings_of(stand_ins)
    wrong = {"endpoint": f"{stand_ins.url}/webpush/x", "keys": {"p256dh": "AAAA", "auth": "AAAA"}}
    a_customer(engine, addresses={"webpush": [wrong], "push": ["d-silent"]}, granted=GRANTED)
    told_by(engine, settings, "wrong", "webpush", "push")
    with delivering(engine, settings):
        eventually(lambda: states(engine) == {"push": "accepted"})
    [(reason, said)] = rows(engine, "SELECT reason, summary FROM timeline WHERE kind = 'suppression'")
    assert reason == "bad_address"
    assert f"web push address {stand_ins.url}/… has keys.auth of 3 bytes" in said


def a_web_push(engine: Engine) -> str:
    subscription = subscription_of("https://push.example.com", "hers")
    a_customer(engine, addresses={"webpush": [subscription], "sms": "+819012345678"}, granted=GRANTED)
    notify = NotifyAction("alert", ("webpush", "sms"), escalate_after_ms=600_000)
    decide(engine, means_of(engine, SETTINGS), a_decision(notify=notify))
    execute(engine, "UPDATE messages SET state = 'accepted', provider = 'webpush', attempts = 1")
    [(message_id,)] = rows(engine, "SELECT id FROM messages")
    return str(message_id)


async def test_the_service_worker_acknowledges_from_the_shops_origin_and_the_escalation_stops(
    engine: Engine, http: httpx.AsyncClient
) -> None:
    url = LINKS.push_ack(a_web_push(engine)).removeprefix(PUBLIC)
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    allowed = await http.options(url, headers={**SHOP, **asked})
    assert allowed.status_code == 204
    assert allowed.headers["Access-Control-Allow-Origin"] == "*"
    assert allowed.headers["Access-Control-Allow-Methods"] == "POST"
    assert allowed.headers["Access-Control-Allow-Headers"] == "Content-Type"
    assert "Access-Control-Allow-Credentials" not in allowed.headers
    for event, state in (("delivered", "delivered"), ("opened", "read")):
        answer = await http.post(url, json={"event": event}, headers=SHOP)
        assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (204, "*")
        assert rows(engine, "SELECT state FROM messages") == [(state,)]
    assert rows(engine, "SELECT state, due_at FROM contacts") == [("acknowledged", None)]
    said = rows(engine, "SELECT summary FROM timeline WHERE kind = 'receipt' ORDER BY ordinal")
    assert said == [("Web push delivered, says the browser",), ("Web push opened, says the browser",)]


async def test_a_page_sees_why_its_acknowledgement_was_refused(engine: Engine, http: httpx.AsyncClient) -> None:
    message_id = a_web_push(engine)
    for path, status in ((f"/hooks/push/{message_id}?token=guess", 403), ("/hooks/push/x?token=", 403)):
        answer = await http.post(path, json={"event": "opened"}, headers=SHOP)
        assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (status, "*")
    assert rows(engine, "SELECT state FROM messages") == [("accepted",)]


async def test_no_other_hook_speaks_to_foreign_pages(engine: Engine, http: httpx.AsyncClient) -> None:
    for path in ("/hooks/twilio/status/m1", "/hooks/twilio/inbound", "/u/token", "/c/token"):
        asked = await http.options(path, headers={**SHOP, "Access-Control-Request-Method": "POST"})
        assert asked.status_code == 405
        answer = await http.post(path, headers=SHOP)
        assert not any(name.startswith("access-control") for name in answer.headers)


def test_a_text_sent_to_oneself_is_shown_by_the_browser_as_a_test(stand_ins: StandIns) -> None:
    name, settings = "tries-it", settings_of(stand_ins)
    shown = preview(Templates.load(), "alert", "webpush", "en", example("example", "en"))
    to = msgspec.json.encode(browser(stand_ins, name)).decode()
    assert isinstance(TrialSends(lambda: providers.build(settings)).send(shown, to), Accepted)
    seen = [each for each in stand_ins.messages(channel="webpush") if each["to"].endswith(name)]
    assert [each["title"] for each in seen] == [f"[Test] {shown.title}"]
