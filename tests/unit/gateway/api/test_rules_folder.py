"""``rules.dir`` as the API and the console show it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

from gateway.api.app import create_app
from gateway.rules_watch import adopt
from gateway.settings import Settings
from gateway.storage import keys
from tests.api_fixture import BOOTSTRAP, NOW, PARTITIONS, Calls, RememberingLog, running

RULE = "rules:\n  - id: warm\n    when: {metric: t, above: 8}\n    purpose: maintenance\n"
OTHER = RULE.replace("8", "9")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "rules"
    made.mkdir()
    (made / "a.yaml").write_text(RULE)
    return made


@pytest.fixture
def followed(engine: Engine, log: RememberingLog, folder: Path, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    """The application of a gateway whose rules stand in a folder."""
    monkeypatch.setenv("KIZASHI_API__BOOTSTRAP_KEY", BOOTSTRAP)
    monkeypatch.setenv("KIZASHI_LOG__PARTITIONS", str(PARTITIONS))
    monkeypatch.setenv("KIZASHI_RULES__DIR", str(folder))
    return create_app(Settings(), engine, log, console=False, clock=lambda: NOW)


@pytest.fixture
async def call(followed: FastAPI, engine: Engine, folder: Path) -> AsyncIterator[Calls]:
    adopt(engine, folder, frozenset(), saved=False)
    with engine.begin() as connection:
        secret = keys.add(connection, "an admin", "admin").secret
    async with running(followed) as client:
        yield Calls(client, {"admin": secret})


async def test_the_folder_is_in_force_until_another_set_is_put(call: Calls, engine: Engine, folder: Path) -> None:
    found = (await call("GET", "/v1/rules")).json()
    assert found["files"] == {"a.yaml": RULE}
    assert (found["folder"]["in_force"], found["folder"]["place"], found["note"]) == (True, str(folder), None)
    put = (await call("PUT", "/v1/rules", json={"files": {"b.yaml": OTHER}})).json()
    assert str(folder) in put["note"]
    assert (put["folder"]["in_force"], put["files"]) == (False, {"b.yaml": OTHER})
    adopt(engine, folder, frozenset(), saved=True)
    assert (await call("GET", "/v1/rules")).json()["folder"]["in_force"]


async def test_a_refused_folder_is_shown_with_its_line_and_is_no_reason_not_to_be_ready(
    call: Calls, engine: Engine, folder: Path
) -> None:
    (folder / "a.yaml").write_text(RULE.replace("above", "abvoe"))
    adopt(engine, folder, frozenset(), saved=True)
    found = (await call("GET", "/v1/rules")).json()
    assert [(each["file"], each["line"], each["place"]) for each in found["folder"]["problems"]] == [
        ("a.yaml", 3, "rules[0].when.abvoe")
    ]
    assert found["files"] == {"a.yaml": RULE}
    assert found["folder"]["in_force"], "what came from it last still holds"
    ready = await call("GET", "/readyz", role=None)
    assert ready.status_code == 200
    assert ready.json()["rules"].startswith("a.yaml:3:")
    (folder / "a.yaml").write_text(OTHER)
    adopt(engine, folder, frozenset(), saved=True)
    assert "rules" not in (await call("GET", "/readyz", role=None)).json()
