"""A running console over a fresh database, and a browser in front of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from sqlalchemy import Engine

from gateway.storage import keys
from gateway.storage.database import connect
from gateway.storage.tables import metadata
from tests.postgres_fixture import PostgresForTests

# How long a page takes says something about the machine; what is expected costs no more for being waited for longer.
expect.set_options(timeout=30_000)

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


class Console(NamedTuple):
    """Where it is, what it reads, and a key for it."""

    url: str
    engine: Engine
    agent_key: str


@pytest.fixture(scope="module")
def serving(postgres: PostgresForTests, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Engine]]:
    """One server for all tests: starting it takes longer than most of them."""
    database_url = postgres.url(postgres.fresh())
    engine = connect(database_url)
    data = tmp_path_factory.mktemp("console")
    command = [sys.executable, "-m", "tests.browser.console_server", database_url, str(data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            assert port, "the console did not start"
            yield f"http://127.0.0.1:{port}", engine
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
            engine.dispose()


def emptied(engine: Engine, *, but: Set[str] = frozenset({"secrets"})) -> None:
    """Leave nothing of an earlier test, of which a page may still be open and a delivery still under way."""
    with engine.begin() as connection:
        # Whoever writes meanwhile may hold what we want while we hold what they want: they try again, we could not.
        connection.exec_driver_sql("SET LOCAL deadlock_timeout = '60s'")
        # Not TRUNCATE: its locks shut out readers, and pages that are still open read several tables at a time.
        for table in reversed(metadata.sorted_tables):
            if table.name not in but:
                connection.execute(table.delete())


@pytest.fixture
def console(serving: tuple[str, Engine]) -> Console:
    """The server over empty tables, and an agent."""
    url, engine = serving
    emptied(engine)
    with engine.begin() as connection:
        return Console(url, engine, keys.add(connection, "Mika", "agent").secret)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. Not for the whole session: while Playwright runs, no asynchronous test can."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        yield chromium
        chromium.close()


class Watched(NamedTuple):
    """A page, and everything it should not have done."""

    page: Page
    faults: list[str]


def open_page(browser: Browser, console: Console, **context: Any) -> Watched:
    """A page that notes errors and requests to anywhere else."""
    page = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **context}).new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((console.url, console.url.replace("http", "ws"), "data:", "blob:"))
            else faults.append(f"request to {request.url}")
        ),
    )
    return Watched(page, faults)


@pytest.fixture
def watched(browser: Browser, console: Console) -> Iterator[Watched]:
    found = open_page(browser, console)
    yield found
    found.page.context.close()


def log_in(page: Page, console: Console, key: str | None = None) -> None:
    """Through the door."""
    page.goto(f"{console.url}/console/login")
    page.fill("#key", key or console.agent_key)
    with page.expect_navigation(wait_until="commit"):  # with the cookie: what is opened next would overtake the form
        page.click("button[type=submit]")
