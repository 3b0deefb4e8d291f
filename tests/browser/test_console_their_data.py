"""A customer's page lets them have their data, and be forgotten."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from gateway.storage import keys
from tests.browser.conftest import Console, Watched, log_in
from tests.integration.delivery_fixture import a_customer, rows

pytestmark = pytest.mark.browser


def key_of(console: Console, role: keys.Role) -> str:
    with console.engine.begin() as connection:
        return keys.add(connection, role, role).secret


def test_an_admin_exports_and_erases(console: Console, watched: Watched) -> None:
    a_customer(console.engine)
    page = watched.page
    log_in(page, console, key_of(console, "admin"))
    page.goto(f"{console.url}/console/customers/hanako")
    with page.expect_download() as waited:
        page.get_by_role("button", name="Export").click()
    assert json.loads(Path(waited.value.path()).read_text())["customer"]["name"] == "Hanako"
    expect(page.get_by_role("button", name="Erase for good")).to_be_hidden()
    page.get_by_role("button", name="Erase…").click()
    page.get_by_role("button", name="Erase for good").click()
    expect(page.get_by_text("Type hanako to erase")).to_be_visible()
    assert rows(console.engine, "SELECT count(*) FROM customers") == [(1,)]
    page.get_by_placeholder("Id").fill("hanako")
    page.get_by_role("button", name="Erase for good").click()
    page.wait_for_url(f"{console.url}/console/customers")
    assert rows(console.engine, "SELECT count(*) FROM customers") == [(0,)]
    assert not watched.faults


def test_an_agent_exports_and_a_reader_does_neither(console: Console, watched: Watched) -> None:
    a_customer(console.engine)
    page = watched.page
    log_in(page, console)
    page.goto(f"{console.url}/console/customers/hanako")
    expect(page.get_by_role("button", name="Export")).to_be_visible()
    expect(page.get_by_role("button", name="Erase")).to_have_count(0)
    log_in(page, console, key_of(console, "read"))
    page.goto(f"{console.url}/console/customers/hanako")
    expect(page.get_by_role("heading", name="How to reach them")).to_be_visible()
    expect(page.get_by_role("button", name="Export")).to_have_count(0)
