"""Templates over HTTP: what there is, previews, tests to an address of one's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

from gateway.api.app import create_app
from gateway.delivery.trial_sends import AT_MOST, EACH_S
from gateway.storage import customers, decisions, devices, keys
from rules.decision import Decision, Position
from tests.api_fixture import NOW, Calls, RememberingLog, running
from tests.integration.delivery_fixture import StandIns, delivery_settings, start_stand_ins

DECISION = Decision(
    id="d1",
    rule_id="too-warm",
    rule_version="v",
    subject="chiller-17",
    at=NOW,
    transition="firing",
    alert_id="d1",
    severity="critical",
    purpose="maintenance",
    position=Position(1, 0),
    customer_id="c1",
    store_id=None,
    summary="temperature 9.4 is above 8 for 10 min",
    values={"temperature": 9.4},
    explanation={},
)


@pytest.fixture(scope="module")
def stand_ins() -> Iterator[StandIns]:
    yield from start_stand_ins()


@pytest.fixture
def app(engine: Engine, log: RememberingLog, stand_ins: StandIns) -> FastAPI:
    return create_app(delivery_settings(stand_ins), engine, log, console=False, clock=lambda: NOW)


@pytest.fixture
async def call(app: FastAPI, engine: Engine) -> AsyncIterator[Calls]:
    with engine.begin() as connection:
        secrets: dict[Any, str] = {role: keys.add(connection, role, role).secret for role in ("admin", "agent", "read")}
    async with running(app) as client:
        yield Calls(client, secrets)


def with_decision(engine: Engine) -> None:
    with engine.begin() as connection:
        customers.put(connection, customers.Customer(id="c1", name="佐藤花子", locale="ja-JP", time_zone="Asia/Tokyo"))
        device = devices.Device(id="chiller-17", model="x200", owner="c1", attributes={"name": "冷蔵庫17"})
        devices.put(connection, device)
        decisions.record(connection, DECISION)


async def previewed(call: Calls, name: str = "alert", **body: object) -> dict[str, Any]:
    answer = await call("POST", f"/v1/templates/{name}/preview", role="read", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_all_templates_are_listed_with_what_they_speak(call: Calls) -> None:
    found = (await call("GET", "/v1/templates", role="read")).json()
    assert [each["name"] for each in found["items"]] == ["alert", "digest", "offer", "resolved"]
    assert {"channel": "sms", "languages": ["en", "ja"]} in found["items"][0]["texts"]
    assert (found["problems"], found["warnings"]) == ([], [])


async def test_a_preview_measures_an_sms(call: Calls) -> None:
    found = await previewed(call, channel="sms", language="ja-JP")
    assert found["locale"] == "ja"
    assert (found["sms"]["encoding"], found["sms"]["segments"]) == ("ucs-2", 1)
    assert found["sms"]["units"] == len(found["text"])
    assert "冷" in found["sms"]["forcing"]


async def test_a_preview_measures_a_push_as_its_payload(call: Calls) -> None:
    found = await previewed(call, channel="push")
    assert 0 < len(found["title"] + found["text"]) < found["push"]["bytes"] < found["push"]["limit"] == 4096


async def test_a_preview_for_a_browser_says_whose_text_it_is_and_how_much_fits(call: Calls) -> None:
    found = await previewed(call, channel="webpush")
    assert found["text_of"] == "push"
    assert 0 < len(found["title"] + found["text"]) < found["push"]["bytes"] < found["push"]["limit"] == 3993


async def test_an_email_comes_with_both_of_its_halves(call: Calls) -> None:
    found = await previewed(call, channel="email", example="long")
    assert "Walk-in refrigerated display cabinet" in found["text"]
    assert found["html"].startswith("<!doctype html>")


async def test_a_decision_is_told_to_the_customer_whom_it_concerns(call: Calls, engine: Engine) -> None:
    with_decision(engine)
    found = await previewed(call, channel="email", decision_id="d1")
    assert found["locale"] == "ja"
    assert "佐藤花子 様" in found["text"]
    assert "冷蔵庫17" in found["title"]
    assert "温度：9.4 °C" in found["text"]
    assert "/u/" not in found["text"].replace("https://example.com/u/", ""), "no link that really unsubscribes"


async def test_the_cost_is_that_of_the_customers_country(
    engine: Engine, log: RememberingLog, stand_ins: StandIns
) -> None:
    with engine.begin() as connection:
        customers.put(connection, customers.Customer(id="gb", locale="en", addresses={"sms": "+447400123456"}))
        secret = keys.add(connection, "r", "read").secret
    settings = delivery_settings(stand_ins)
    settings.policy.sms_cost = {"JP": 0.08, "GB": 0.04, "*": 0.05}
    async with running(create_app(settings, engine, log, console=False, clock=lambda: NOW)) as client:
        call = Calls(client, {"read": secret})
        assert (await previewed(call, channel="sms"))["sms"]["cost"] == 0.05
        assert (await previewed(call, channel="sms", customer_id="gb"))["sms"]["cost"] == 0.04


@pytest.mark.parametrize(
    ("name", "body", "status", "said"),
    [
        ("alrt", {"channel": "push"}, 404, "there is no template 'alrt'"),
        ("alert", {"channel": "fax"}, 422, "no fax text"),
        ("alert", {"channel": "push", "decision_id": "no"}, 404, "no decision with the id 'no'"),
        ("alert", {"channel": "push", "customer_id": "no"}, 404, "no customer with the id 'no'"),
        ("alert", {"channel": "push", "language": "../x"}, 422, "not a language tag"),
    ],
)
async def test_what_cannot_be_previewed_is_said(
    call: Calls, name: str, body: dict[str, str], status: int, said: str
) -> None:
    answer = await call("POST", f"/v1/templates/{name}/preview", json=body)
    assert answer.status_code == status
    assert said in answer.json()["detail"]


async def test_a_test_goes_to_the_address_given_marked_and_without_a_contact(
    call: Calls, engine: Engine, stand_ins: StandIns
) -> None:
    body = {"channel": "sms", "to": "+81 90 1234 5678"}
    answer = await call("POST", "/v1/templates/alert/send-test", json=body)
    assert answer.json() == {"sent": True, "outcome": "accepted by the provider", "to": "+81 90 1234 5678"}
    (sms,) = stand_ins.messages(to="+819012345678")
    assert sms["text"].startswith("[Test] Kizashi: Chiller 7 needs attention.")
    with engine.connect() as connection:
        for table in ("contacts", "messages", "timeline"):
            assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one() == 0


async def test_nobody_but_an_admin_sends_tests(call: Calls) -> None:
    body = {"channel": "sms", "to": "+819012345678"}
    for role in ("agent", "read"):
        assert (await call("POST", "/v1/templates/alert/send-test", role=role, json=body)).status_code == 403


@pytest.mark.parametrize(
    ("channel", "to"),
    [("sms", "090-1234"), ("sms", "me@example.com"), ("email", "+8190"), ("email", "a@b\r\nBcc: c@d"), ("push", "a b")],
)
async def test_what_is_no_address_is_refused(call: Calls, channel: str, to: str) -> None:
    answer = await call("POST", "/v1/templates/alert/send-test", json={"channel": channel, "to": to})
    assert answer.status_code == 422


async def test_only_a_few_tests_go_out_a_minute_whichever_process_is_asked(
    call: Calls, engine: Engine, log: RememberingLog, stand_ins: StandIns
) -> None:
    body = {"channel": "email", "to": "many@example.com"}
    another = create_app(delivery_settings(stand_ins), engine, log, console=False, clock=lambda: NOW)
    async with running(another) as client:
        asked = [call, Calls(client, call.secrets)]
        answers = [await asked[n % 2]("POST", "/v1/templates/offer/send-test", json=body) for n in range(AT_MOST + 2)]
    assert [answer.status_code for answer in answers] == [200] * AT_MOST + [429] * 2
    assert 0 < int(answers[-1].headers["Retry-After"]) <= EACH_S
    assert len(stand_ins.messages(to="many@example.com")) == AT_MOST
