"""The door of the console, without a browser."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine
from starlette.middleware.sessions import SessionMiddleware

from gateway.api.access import Caller, KeyRing
from gateway.console.login import Guesses, router
from gateway.console.session import RECHECK_SECONDS, SessionGate, may, may_enter, recall, safe_return
from gateway.storage import keys
from gateway.storage.keys import ROLES
from tests.api_fixture import BOOTSTRAP, engine

__all__ = ["engine"]


def door(ring: KeyRing, guesses: Guesses, clock: Callable[[], float] = time.monotonic) -> FastAPI:
    """The login and one page behind the gate."""
    app = FastAPI()
    app.include_router(router(ring, guesses))

    @app.get("/console/page")
    def page() -> str:
        return "the page"

    app.add_middleware(SessionGate, ring=ring, clock=clock)
    app.add_middleware(SessionMiddleware, secret_key="s", session_cookie="c")
    return app


class Clock:
    """A clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def client(engine: Engine, clock: Clock) -> AsyncIterator[httpx.AsyncClient]:
    app = door(KeyRing(engine, BOOTSTRAP), Guesses(each=3, clock=clock))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as made:
        yield made


async def enter(client: httpx.AsyncClient, key: str, wanted: str = "/console/page") -> httpx.Response:
    return await client.post("/console/login", data={"key": key, "next": wanted})


async def test_the_right_key_opens_the_page_that_was_asked_for(client: httpx.AsyncClient) -> None:
    turned_away = await client.get("/console/page?a=b")
    assert turned_away.status_code == 303
    assert turned_away.headers["Location"] == "/console/login?next=/console/page%3Fa%3Db"
    entered = await enter(client, BOOTSTRAP)
    assert (entered.status_code, entered.headers["Location"]) == (303, "/console/page")
    answer = await client.get("/console/page")
    assert answer.status_code == 200
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    await client.post("/console/logout")
    assert (await client.get("/console/page")).status_code == 303


async def test_too_many_wrong_keys_close_the_door_even_to_the_right_one_for_a_minute(
    client: httpx.AsyncClient, clock: Clock
) -> None:
    for _ in range(3):
        assert (await enter(client, "kz_admin_guess")).status_code == 401
    assert (await enter(client, BOOTSTRAP)).status_code == 429
    clock.now = 61.0
    assert (await enter(client, BOOTSTRAP)).status_code == 303


async def test_a_forged_or_foreign_cookie_opens_nothing(client: httpx.AsyncClient) -> None:
    client.cookies.set("c", "eyJjYWxsZXIiOlsiYSIsImIiLCJhZG1pbiJdfQ==.aaaa.bbbb")
    assert (await client.get("/console/page")).status_code == 303


async def test_a_session_ends_with_its_bootstrap_key(engine: Engine, clock: Clock) -> None:
    first = door(KeyRing(engine, "one"), Guesses(clock=clock))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(first), base_url="http://test") as client:
        await enter(client, "one")
        assert (await client.get("/console/page")).status_code == 200
        cookies = dict(client.cookies)
    second = door(KeyRing(engine, "two"), Guesses(clock=clock))
    transport = httpx.ASGITransport(second)
    async with httpx.AsyncClient(transport=transport, base_url="http://test", cookies=cookies) as client:
        assert (await client.get("/console/page")).status_code == 303


async def test_a_session_ends_soon_after_its_key_is_revoked_however_slow_the_database_was(
    engine: Engine, clock: Clock
) -> None:
    class SlowRing(KeyRing):
        def still_valid(self, caller: Caller) -> bool:
            found = super().still_valid(caller)
            clock.now += 3.0
            return found

    with engine.begin() as connection:
        reader = keys.add(connection, "reader", "read")
    app = door(SlowRing(engine, BOOTSTRAP), Guesses(), clock)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        await enter(client, reader.secret)
        assert (await client.get("/console/page")).status_code == 200
        with engine.begin() as connection:
            keys.revoke(connection, reader.key.id)
        clock.now = RECHECK_SECONDS
        assert (await client.get("/console/page")).status_code == 303


async def test_the_key_never_comes_back_in_a_page(client: httpx.AsyncClient, engine: Engine) -> None:
    with engine.begin() as connection:
        ingest = keys.add(connection, "till", "ingest").secret
    answer = await enter(client, ingest)
    assert answer.status_code == 403
    assert ingest not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example",
        "https://evil.example/console/",
        "/console/..//evil.example",
        "/console/\\evil",
        "/console/a\r\nSet-Cookie: x=y",
        "/v1/customers",
        "/console/login?next=/console/login",
        "javascript:alert(1)",
        "",
    ],
)
def test_the_login_leads_only_to_pages_of_ours(path: str) -> None:
    assert safe_return(path) == "/console/"
    assert safe_return("/console/customers/aiko?q=1") == "/console/customers/aiko?q=1"


def test_every_role_but_the_devices_own_may_enter_and_only_agents_may_act() -> None:
    callers = {role: Caller("k", "n", role) for role in ROLES}
    assert [role for role in ROLES if may_enter(callers[role])] == ["admin", "agent", "read"]
    acting = [role for role in ROLES if may(callers[role], "POST", "/v1/cases/{case_id}/resolve")]
    assert acting == ["admin", "agent"]


@pytest.mark.parametrize("kept", [None, "x", [], ["a", "b"], ["a", "b", "root"], ["a", "b", "ingest"], [1, 2, "admin"]])
def test_a_session_that_is_none_is_nobody(kept: object) -> None:
    assert recall({"caller": kept}) is None


def test_guesses_are_counted_by_address_and_all_together() -> None:
    guesses = Guesses(each=2, together=3, clock=lambda: 0.0)
    for address in ("a", "a", "b"):
        assert not guesses.exhausted("c")
        guesses.wrong(address)
    assert guesses.exhausted("a")
    assert guesses.exhausted("c")
