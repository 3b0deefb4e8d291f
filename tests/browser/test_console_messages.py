"""Messages that came to nothing: the page to find them on, and the button that sends one again."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from sqlalchemy import Engine

from gateway.settings import Settings
from gateway.storage import keys
from rules.decision import NotifyAction
from tests.browser.conftest import Console, Watched, log_in
from tests.browser.seed import HOSTILE
from tests.integration.delivery_fixture import a_customer, a_decision, decide, execute, means_of, rows

pytestmark = pytest.mark.browser

AT_ALL_HOURS = Settings.model_validate({"policy": {"quiet_hours": {"maintenance": ""}}})


def a_failed_message(engine: Engine) -> None:
    """Of a customer who may be told at any hour; the provider's words are hostile."""
    a_customer(engine)
    notify = NotifyAction("alert", ("push",))
    decide(engine, means_of(engine, AT_ALL_HOURS), a_decision(severity="critical", purpose="safety", notify=notify))
    execute(engine, "UPDATE messages SET state = 'failed', reason = :reason, attempts = 1", reason=HOSTILE)


def test_a_failed_message_is_found_and_sent_again_with_one_click(console: Console, watched: Watched) -> None:
    a_failed_message(console.engine)
    page = watched.page
    log_in(page, console)
    page.get_by_role("link", name="Messages").click()
    expect(page.get_by_role("heading", name="Messages")).to_be_visible()
    page.locator("a.row").click()
    expect(page.locator(".facts").first).to_contain_text(HOSTILE)
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_text("Push sent again by")).to_be_visible()
    expect(page.get_by_role("button", name="Send again")).to_be_hidden()
    assert rows(console.engine, "SELECT state, forgiven FROM messages") == [("queued", 1)]
    assert page.title() != "run"
    assert not watched.faults


def test_a_key_that_may_only_read_sees_no_button(console: Console, watched: Watched) -> None:
    a_failed_message(console.engine)
    with console.engine.begin() as connection:
        reader = keys.add(connection, "reader", "read").secret
    page = watched.page
    log_in(page, console, reader)
    page.goto(f"{console.url}/console/messages")
    page.locator("a.row").click()
    expect(page.get_by_text("This key may read only.")).to_be_visible()
    expect(page.get_by_role("button", name="Send again")).to_have_count(0)
