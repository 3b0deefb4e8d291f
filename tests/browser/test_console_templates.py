"""Templates in the console, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from gateway.storage import keys
from tests.api_fixture import BOOTSTRAP
from tests.browser.conftest import Console, Watched, log_in, open_page
from tests.browser.seed import seed

pytestmark = pytest.mark.browser


def test_all_channels_of_a_template_stand_side_by_side_in_each_language(console: Console, watched: Watched) -> None:
    page = watched.page
    log_in(page, console)
    page.goto(f"{console.url}/console/templates")
    page.locator("a.row", has_text="alert").click()
    expect(page.locator(".card.push .bubble")).to_contain_text("Chiller 7 needs attention")
    expect(page.locator(".card.sms .aside")).to_contain_text("1 segment")
    expect(page.locator(".card.push .aside")).to_contain_text("of 4,096 bytes")
    expect(page.frame_locator("iframe.mail").locator("h1")).to_have_text("Chiller 7 needs your attention")
    page.get_by_role("link", name="ja", exact=True).click()
    expect(page.locator(".card.sms .bubble")).to_contain_text("【Kizashi】冷蔵ショーケース7の異常を検知")
    page.get_by_role("link", name="long", exact=True).click()
    expect(page.locator(".card.push .bubble")).to_contain_text("業務用大型冷蔵ショーケース")
    assert not watched.faults


def test_the_mail_stands_in_a_frame_that_can_run_nothing(console: Console, watched: Watched) -> None:
    page = watched.page
    log_in(page, console)
    page.goto(f"{console.url}/console/templates/offer")
    frame = page.locator("iframe.mail")
    expect(frame).to_have_attribute("sandbox", "")
    assert frame.evaluate("one => one.contentDocument") is None, "it is of another origin than the console"
    assert not watched.faults


def test_a_decision_that_was_made_is_told_as_it_was(console: Console, watched: Watched) -> None:
    seed(console.engine)
    page = watched.page
    log_in(page, console)
    page.goto(f"{console.url}/console/templates/alert")
    page.get_by_placeholder("A decision's id, for a real event").fill("d1")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".card.push .bubble")).to_contain_text("emperature 9.4 is above 8 for 10 min")
    page.goto(f"{console.url}/console/templates/alert?decision=nothing")
    expect(page.locator(".card.push .notice")).to_contain_text("There is no decision with the id 'nothing'")


def test_only_an_admin_may_send_a_test_and_is_told_what_became_of_it(console: Console, watched: Watched) -> None:
    with console.engine.begin() as connection:
        reader = keys.add(connection, "reader", "read").secret
    page = watched.page
    log_in(page, console, reader)
    page.goto(f"{console.url}/console/templates/alert")
    expect(page.locator(".card.push")).to_be_visible()
    expect(page.get_by_text("Send a test to yourself")).to_have_count(0)
    page.context.clear_cookies()
    log_in(page, console, BOOTSTRAP)
    page.goto(f"{console.url}/console/templates/alert")
    page.get_by_placeholder("Address").fill("a b")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator(".notice.below")).to_contain_text("is not a push token")
    page.get_by_placeholder("Address").fill("a-token")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator(".notice.below")).to_contain_text("Refused: channel_not_configured")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_fit_a_phone(browser: Browser, console: Console, scheme: str) -> None:
    watched = open_page(browser, console, viewport={"width": 390, "height": 844}, color_scheme=scheme)
    page = watched.page
    log_in(page, console, BOOTSTRAP)
    for path in ("templates", "templates/alert?language=ja&example=long", "templates/nothing"):
        page.goto(f"{console.url}/console/{path}")
        expect(page.locator("main.content")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
    assert not watched.faults
    page.context.close()
