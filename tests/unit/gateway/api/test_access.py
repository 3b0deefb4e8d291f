"""Every endpoint with every role, as the table in the documentation says."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

from gateway.api.access import ACCESS, KeyRing
from gateway.storage import keys
from gateway.storage.keys import ROLES, Role
from tests.api_fixture import BOOTSTRAP, Calls

DOCS = Path(__file__).parents[4] / "docs" / "reference" / "http-api.md"


def documented() -> dict[tuple[str, str], frozenset[str]]:
    """The rows of the documentation's table of routes and roles."""
    rows = re.findall(
        r"^\| `(GET|PUT|POST|DELETE) (/v1/\S+)` \|([^|]*)\|([^|]*)\|([^|]*)\|([^|]*)\|", DOCS.read_text(), re.MULTILINE
    )
    columns: tuple[Role, ...] = ("admin", "agent", "ingest", "read")
    return {
        (method, path): frozenset(role for role, cell in zip(columns, cells, strict=True) if cell.strip() == "yes")
        for method, path, *cells in rows
    }


def concrete(path: str) -> str:
    return re.sub(r"\{[a-z_]+\}", "x1", path)


def test_the_documentation_and_the_table_say_the_same() -> None:
    assert documented() == ACCESS


async def test_every_route_of_the_application_stands_in_the_table(call: Calls) -> None:
    paths = (await call("GET", "/v1/openapi.json")).json()["paths"]
    routes = {(method.upper(), path) for path, methods in paths.items() if path.startswith("/v1") for method in methods}
    assert routes == set(ACCESS)


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_gets_through_where_the_table_says_and_nowhere_else(call: Calls, role: Role) -> None:
    for (method, path), roles in documented().items():
        answer = await call(method, concrete(path), role=role)
        refused = answer.status_code == 403
        assert refused == (role not in roles), f"{role} {method} {path}: {answer.status_code}"
        assert answer.status_code != 401


async def test_nobody_gets_through_without_a_key_that_works(call: Calls) -> None:
    for headers in (
        {},
        {"Authorization": "Bearer kz_admin_wrong"},
        {"Authorization": "Basic YTpi"},
        {"Authorization": "Bearer "},
    ):
        for method, path in ACCESS:
            answer = await call(method, concrete(path), role=None, headers=headers)
            assert answer.status_code == 401, f"{method} {path}"
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            assert answer.headers["Content-Type"] == "application/problem+json"


async def test_unknown_addresses_under_v1_are_closed_too(call: Calls) -> None:
    assert (await call("GET", "/v1/nothing", role=None)).status_code == 401
    assert (await call("GET", "/v1", role=None)).status_code == 401


async def test_the_bootstrap_key_is_an_admin(call: Calls) -> None:
    answer = await call("GET", "/v1/devices", role=None, headers={"Authorization": f"Bearer {BOOTSTRAP}"})
    assert answer.status_code == 200


async def test_a_body_of_somebody_unknown_is_not_even_read(app: FastAPI) -> None:
    async def endless() -> object:
        raise AssertionError("the body was read")

    sent: list[dict[str, object]] = []

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/v1/events", "raw_path": b"/v1/events", "query_string": b"",
        "headers": [], "http_version": "1.1", "scheme": "http", "server": ("test", 80),
        "client": ("test", 1), "root_path": "",
    }  # fmt: skip
    await app(scope, endless, send)  # type: ignore[arg-type]
    assert sent[0]["status"] == 401


def test_a_revoked_key_stops_working_once_it_is_forgotten(engine: Engine) -> None:
    with engine.begin() as connection:
        made = keys.add(connection, "till", "ingest")
    now = 0.0
    ring = KeyRing(engine, clock=lambda: now)
    assert ring.find(made.secret) is not None
    with engine.begin() as connection:
        assert keys.revoke(connection, made.key.id)
        assert not keys.revoke(connection, made.key.id)
    now = 6.0
    assert ring.find(made.secret) is None


def test_the_database_never_sees_a_key_or_its_plain_text(engine: Engine) -> None:
    with engine.begin() as connection:
        made = keys.add(connection, "till", "ingest")
        rows = connection.exec_driver_sql("SELECT row_to_json(api_keys)::text FROM api_keys").scalars().all()
    assert made.secret.startswith("kz_ingest_")
    assert all(made.secret not in row and made.secret[-20:] not in row for row in rows)


async def test_health_needs_no_key(call: Calls) -> None:
    for path in ("/healthz", "/readyz", "/metrics", "/v1/openapi.json"):
        answer: httpx.Response = await call("GET", path, role=None)
        assert answer.status_code == 200, path
