"""Alerts, decisions and rules in the console, in a real browser."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import Browser, expect

from gateway.storage import decisions, keys, rule_folders, rule_sets
from rules.problem import Problem
from tests.api_fixture import BOOTSTRAP
from tests.browser.conftest import Console, Watched, log_in, open_page
from tests.browser.seed import seed
from tests.unit.gateway.decided import decided

pytestmark = pytest.mark.browser

RULES = """\
rules:
  # Milk spoils.
  - id: too-warm
    name: Too warm for milk
    when: {metric: temperature, above: 8, for: 10m}
    severity: critical
    purpose: maintenance
    then: {case: {queue: cold-chain}}
  - id: too-cold
    when: {metric: temperature, below: -5}
    purpose: maintenance
"""


def with_rules(console: Console) -> None:
    seed(console.engine)
    with console.engine.begin() as connection:
        rule_sets.put(connection, {"chillers.yaml": RULES})


def say(console: Console, path: str, body: object) -> None:
    """By the API, as the bootstrap key."""
    headers = {"Authorization": f"Bearer {BOOTSTRAP}"}
    httpx.post(f"{console.url}{path}", json=body, headers=headers, timeout=20).raise_for_status()


def test_the_rules_stand_with_how_often_they_spoke_and_lead_to_their_text(console: Console, watched: Watched) -> None:
    with_rules(console)
    page = watched.page
    log_in(page, console)
    page.goto(f"{console.url}/console/rules")
    row = page.locator("a.row.rule", has_text="Too warm for milk")
    expect(row).to_contain_text("1 firing")
    expect(row).to_contain_text("1 in 14 days")
    expect(page.locator("a.row.rule", has_text="too-cold")).to_contain_text("quiet")
    row.click()
    expect(page.get_by_role("heading", name="Too warm for milk")).to_be_visible()
    expect(page.locator("pre.source")).to_contain_text("when: {metric: temperature, above: 8, for: 10m}")
    expect(page.locator("pre.source .l").first).to_have_attribute("data-n", "3")
    expect(page.locator("pre.source")).not_to_contain_text("too-cold")
    expect(page.locator("a.row.brief")).to_contain_text("chiller-17")
    assert not watched.faults


def test_a_folder_that_was_refused_is_told_where_the_rules_stand(console: Console, watched: Watched) -> None:
    with_rules(console)
    with console.engine.begin() as connection:
        problem = Problem("chillers.yaml", 5, 41, "rules[0].when.above", "'above' must be a number", "write 8")
        rule_folders.refused(connection, "/etc/rules", [problem])
    page = watched.page
    log_in(page, console)
    page.goto(f"{console.url}/console/rules")
    expect(page.locator(".notice")).to_contain_text("What is in /etc/rules was refused")
    expect(page.locator(".notice")).to_contain_text("chillers.yaml:5:41")
    expect(page.locator("a.row.rule")).to_have_count(2)


def test_a_visit_stands_apart_and_the_overview_counts_what_the_page_lists(console: Console, watched: Watched) -> None:
    with_rules(console)
    with console.engine.begin() as connection:
        visit = decided(alert="visit", purpose="offers", severity="info", summary="phone-3 has entered Ginza")
        decisions.record(connection, visit)
    page = watched.page
    log_in(page, console)
    tile = page.locator("a.tile", has_text="Alerts firing")
    expect(tile.locator(".figure")).to_have_text("1")
    tile.click()
    expect(page.locator("a.row.alert")).to_have_count(1)
    page.get_by_role("link", name="Offers").click()
    expect(page.locator("a.row.alert")).to_have_count(1)
    expect(page.locator("a.row.alert")).to_contain_text("phone-3 has entered Ginza")
    assert not watched.faults


def test_an_alert_shows_why_and_takes_an_agents_word(console: Console, watched: Watched) -> None:
    with_rules(console)
    page = watched.page
    log_in(page, console)
    page.goto(f"{console.url}/console/alerts")
    page.get_by_text("temperature 9.4 is above 8 for 10 min").click()
    expect(page.locator(".why").first).to_contain_text("temperature above 8 saw 9.4")
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_text("Noted. It shows in a moment.")).to_be_visible()
    page.get_by_text("The whole decision, and what followed").click()
    expect(page.get_by_role("heading", name="Who was told, and why not")).to_be_visible()
    expect(page.locator(".rows.bare")).to_contain_text("Push")
    expect(page.locator(".facts")).to_contain_text(["Aiko Tanaka"])
    assert not watched.faults


def test_a_key_that_reads_may_look_but_not_speak(console: Console, watched: Watched) -> None:
    with_rules(console)
    with console.engine.begin() as connection:
        reader = keys.add(connection, "reader", "read").secret
    page = watched.page
    log_in(page, console, reader)
    page.goto(f"{console.url}/console/alerts/d1")
    expect(page.get_by_text("This key may read only.")).to_be_visible()
    expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)
    page.goto(f"{console.url}/console/rules/too-warm")
    expect(page.get_by_text("This key may read only.")).to_be_visible()
    expect(page.get_by_role("button", name="Change it here")).to_have_count(0)


def test_somebody_asks_why_a_rule_did_not_fire(console: Console, watched: Watched) -> None:
    with_rules(console)
    page = watched.page
    log_in(page, console)
    say(console, "/v1/events", [{"device_id": "chiller-17", "values": {"temperature": 5.5}}])
    page.goto(f"{console.url}/console/rules/too-warm")
    page.get_by_placeholder("Device").fill("chiller-71")
    page.get_by_role("button", name="Ask").click()
    expect(page.locator(".notice")).to_contain_text("did you mean 'chiller-17'?")
    page.get_by_placeholder("Device").fill("chiller-17")
    page.get_by_role("button", name="Ask").click()
    expect(page.locator(".verdict")).to_be_visible()
    expect(page.locator(".rows.bare")).to_contain_text("firing")
    assert not watched.faults


EARLY = """async ([device, order]) => {
  // Text is typed, and 5 ms later the connection stands and the button is pressed, in either order.
  const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
  const field = document.querySelector("input[placeholder=Device]");
  const button = [...document.querySelectorAll("button")].find((each) => each.innerText.trim().toLowerCase() === "ask");
  window.did_handshake = false;
  if (order === "connected for the second time") {
    const before = performance.now();
    window.did_handshake = true;
    while (performance.now() < before + 46);  // what that has begun ends between the text and the press
    window.did_handshake = false;
  }
  field.value = device;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  await sleep(5);
  if (order === "pressed first") button.click();
  await sleep(2);
  window.did_handshake = true;
  if (order !== "pressed first") button.click();
}"""


@pytest.mark.parametrize("order", ["pressed first", "connected first", "connected for the second time"])
def test_who_presses_a_button_while_the_page_connects_is_answered_as_they_typed(
    console: Console, watched: Watched, order: str
) -> None:
    with_rules(console)
    page = watched.page
    log_in(page, console)
    page.goto(f"{console.url}/console/rules/too-warm")
    page.wait_for_function("() => window.did_handshake === true")
    for device in ("chiller-18", "chiller-19", "chiller-20"):
        page.evaluate(EARLY, [device, order])
        expect(page.locator(".notice")).to_contain_text(f"'{device}'")
    assert not watched.faults


def test_a_change_that_is_no_rule_is_named_with_its_line(console: Console, watched: Watched) -> None:
    with_rules(console)
    page = watched.page
    log_in(page, console)
    page.goto(f"{console.url}/console/rules/too-warm")
    page.get_by_role("button", name="Change it here").click()
    text = page.locator(".code textarea")
    expect(text).to_have_value(
        RULES[RULES.index("- id: too-warm") : RULES.index("  - id: too-cold")].replace("\n  ", "\n").rstrip()
    )
    text.fill(text.input_value().replace("above: 8", "above: eight"))
    page.get_by_role("button", name="Try it").click()
    expect(page.locator(".notice")).to_contain_text("chillers.yaml:5")
    expect(page.locator(".notice")).to_contain_text("must be a number")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_fit_a_phone(browser: Browser, console: Console, scheme: str) -> None:
    with_rules(console)
    watched = open_page(browser, console, viewport={"width": 390, "height": 844}, color_scheme=scheme)
    page = watched.page
    log_in(page, console)
    for path in ("alerts", "alerts/d1", "decisions/d1", "rules", "rules/too-warm"):
        page.goto(f"{console.url}/console/{path}")
        expect(page.locator("main h1")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
    assert not watched.faults
    page.context.close()


def test_without_data_the_pages_say_what_would_stand_there(console: Console, watched: Watched) -> None:
    page = watched.page
    log_in(page, console)
    for path, said in (
        ("alerts", "Nothing fires"),
        ("alerts?state=all", "No alerts"),
        ("alerts?state=offers", "No occasions for offers"),
        ("rules", "No rules yet"),
        ("alerts/nothing", "There is no such alert"),
        ("rules/nothing", "There is no such rule"),
        ("decisions/nothing", "There is no such decision"),
    ):
        page.goto(f"{console.url}/console/{path}")
        expect(page.get_by_text(said)).to_be_visible()
    assert not watched.faults
