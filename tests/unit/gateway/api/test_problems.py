"""Every error is a problem document that names its mend."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send

from gateway.api.bodies import BodyLimit
from tests.api_fixture import Calls


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/devices/none", 404),
        ("GET", "/v1/nowhere", 404),
        ("GET", "/nowhere", 404),
        ("PATCH", "/v1/devices", 405),
        ("GET", "/v1/customers?cursor=%21%21", 400),
        ("GET", "/v1/customers?cursor=WzFd", 400),
        ("GET", "/v1/customers?limit=0", 422),
        ("GET", "/v1/customers/%00", 422),
        ("GET", "/v1/devices/a.b", 422),
        ("GET", "/v1/cases?state=lost", 422),
        ("GET", "/v1/cases?queue=%00", 422),
        ("GET", "/v1/customers?search=%00", 422),
        ("GET", "/v1/customers/nobody/timeline", 404),
        ("GET", "/v1/customers/nobody/consents", 404),
        ("DELETE", "/v1/customers/nobody", 404),
        ("GET", "/v1/stores/none", 404),
        ("GET", "/v1/decisions/none", 404),
        ("GET", "/v1/messages/none", 404),
        ("GET", "/v1/cases/none", 404),
    ],
)
async def test_what_is_wrong_with_a_request_is_said_as_a_problem(
    call: Calls, method: str, path: str, status: int
) -> None:
    answer = await call(method, path)
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]


@pytest.mark.parametrize(
    "body",
    [b"{", b'{"a":1}{', b"\xff\xfe", b"[" * 100_000, b'{"name": "a', b"nul"],
)
async def test_a_body_that_is_no_json_is_a_400_that_says_so(call: Calls, body: bytes) -> None:
    answer = await call("PUT", "/v1/customers/a", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in {400, 422}, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ('{"name": "a\\u0000b"}', "body.name"),
        ('{"name": "\\ud800"}', "body.name"),
        ('{"attributes": {"x": NaN}}', "body.attributes"),
        ('{"attributes": {"x": 1e999}}', "body.attributes"),
        ('{"attributes": {"x": ["\\u0000"]}}', "body.attributes"),
        ('{"attributes": {"\\ud800": 1}}', "body.attributes"),
        ('{"attributes": ' + '{"a":' * 40 + "1" + "}" * 40 + "}", "body.attributes"),
        ('{"nam": "a"}', "body.nam"),
        ('{"time_zone": "Mars/Olympus"}', "body.time_zone"),
        ('{"time_zone": "../../etc/passwd"}', "body.time_zone"),
        ('{"time_zone": ""}', "body.time_zone"),
        ('{"locale": "English"}', "body.locale"),
        ('{"addresses": {"sms": "090-1234"}}', "body.addresses.sms"),
        ('{"addresses": {"email": "a@b\\nBcc: c@d"}}', "body.addresses.email"),
        ('{"preferred_channels": ["push", "push"]}', "body.preferred_channels"),
        ('{"preferred_channels": ["fax"]}', "body.preferred_channels.0"),
        ('"text"', "body"),
    ],
)
async def test_what_is_wrong_with_a_field_names_the_field(call: Calls, body: str, place: str) -> None:
    answer = await call("PUT", "/v1/customers/a", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["place"] == place
    assert place in answer.json()["detail"]


async def test_a_body_over_the_limit_is_413_whether_announced_or_not(call: Calls) -> None:
    announced = await call("POST", "/v1/events", content=b"x" * 1_000_001)
    assert announced.status_code == 413

    async def pieces() -> Any:
        for _ in range(11):
            yield b"x" * 100_000

    unannounced = await call("POST", "/v1/events", content=pieces())
    assert unannounced.status_code == 413
    assert unannounced.headers["Content-Type"] == "application/problem+json"


async def test_a_body_that_never_ends_is_408() -> None:
    async def never_reached(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError

    async def slowly() -> Message:
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"x", "more_body": True}

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    limit = BodyLimit(never_reached, max_seconds=0.1)
    await limit({"type": "http", "method": "POST", "headers": []}, slowly, send)
    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]


async def test_a_client_that_goes_away_in_its_body_is_not_answered() -> None:
    async def never_reached(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError

    async def gone() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        raise AssertionError

    await BodyLimit(never_reached)({"type": "http", "method": "POST", "headers": []}, gone, send)


async def test_a_fault_of_ours_is_500_without_its_trace(app: FastAPI, call: Calls) -> None:
    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("the secret inside")

    answer = await call("GET", "/broken")
    assert answer.status_code == 500
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "secret" not in answer.text


async def test_without_the_database_everything_says_503_and_readyz_says_why(app: FastAPI, call: Calls) -> None:
    with app.state.api.engine.connect() as connection:
        connection.exec_driver_sql("ALTER TABLE partitions RENAME TO gone")
        connection.commit()
    answer = await call("GET", "/readyz")
    assert answer.status_code == 503
    assert answer.json()["database"] != "reachable"
    assert answer.json()["log"] == "reachable"
