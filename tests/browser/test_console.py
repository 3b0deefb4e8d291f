"""The console as people see it, in a real browser."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import msgspec
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from gateway.storage import cases, keys, timeline
from gateway.storage.timeline import Entry
from gateway.storage.unanswered_cases import EVIDENCE, InVain, Tried
from tests.api_fixture import BOOTSTRAP
from tests.browser.conftest import Console, Watched, log_in, open_page
from tests.browser.seed import HOSTILE, seed

pytestmark = pytest.mark.browser

PAGES = (
    "/console/",
    "/console/customers",
    "/console/customers/aiko",
    "/console/cases",
    "/console/messages",
    "/console/rejected",
)


def figure(page: Page, label: str) -> Locator:
    """The figure of an overview's tile."""
    return page.locator(".tile", has_text=label).locator(".figure")


def test_nobody_sees_a_page_before_logging_in_with_a_key_that_works(console: Console, watched: Watched) -> None:
    page = watched.page
    page.goto(f"{console.url}/console/cases")
    expect(page).to_have_url(f"{console.url}/console/login?next=/console/cases")
    page.fill("#key", "kz_agent_wrong")
    page.click("button[type=submit]")
    expect(page.get_by_role("alert")).to_contain_text("does not work")
    page.fill("#key", console.agent_key)
    page.click("button[type=submit]")
    expect(page).to_have_url(f"{console.url}/console/cases")
    expect(page.get_by_role("heading", name="Cases")).to_be_visible()
    page.click("[title='Log out']")
    expect(page).to_have_url(f"{console.url}/console/login")
    page.goto(f"{console.url}/console/")
    expect(page).to_have_url(f"{console.url}/console/login?next=/console/")


def test_a_revoked_key_and_a_key_for_devices_end_at_the_login(console: Console, watched: Watched) -> None:
    page = watched.page
    with console.engine.begin() as connection:
        ingest = keys.add(connection, "devices", "ingest").secret
        reader = keys.add(connection, "reader", "read")
    log_in(page, console, ingest)
    expect(page.get_by_role("alert")).to_contain_text("may not see customers")
    log_in(page, console, reader.secret)
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    with console.engine.begin() as connection:
        keys.revoke(connection, reader.key.id)
    page.wait_for_timeout(5_500)
    page.goto(f"{console.url}/console/customers")
    expect(page.get_by_label("API key")).to_be_visible()


def test_the_overview_shows_what_the_tables_say_and_follows_them(console: Console, watched: Watched) -> None:
    seed(console.engine)
    page = watched.page
    log_in(page, console, BOOTSTRAP)
    for label in ("Alerts firing", "In the outbox", "Open cases", "Rejected"):
        expect(figure(page, label)).to_have_text("1")
    expect(page.locator(".tile", has_text="Events a second")).to_contain_text("4,321 in all")
    expect(page.locator(".card", has_text="Why not told")).to_contain_text("not agreed to by the customer")
    expect(page.locator(".card", has_text="Partitions").last).to_contain_text("nobody")
    expect(page.locator(".touchpoints")).to_contain_text("temperature 9.4 is above 8 for 10 min")
    with console.engine.begin() as connection:
        cases.open_by_hand(connection, cases.Case(id="", title="Another"), by="a test")
        connection.exec_driver_sql("UPDATE messages SET state = 'delivered'")
    expect(figure(page, "Open cases")).to_have_text("2")
    expect(page.locator(".channel", has_text="Push")).to_contain_text("delivered 1")
    assert not watched.faults


def test_a_new_touchpoint_appears_on_the_open_timeline_without_a_reload(console: Console, watched: Watched) -> None:
    seed(console.engine)
    page = watched.page
    log_in(page, console)
    page.goto(f"{console.url}/console/customers/aiko")
    expect(page.locator("details.entry")).to_have_count(3)
    page.evaluate("window.notReloaded = true")
    with console.engine.begin() as connection:
        timeline.add(connection, [Entry("new", "aiko", datetime.now(UTC), "call", "Called about the noise")])
        timeline.add(
            connection, [Entry("old", "aiko", datetime(2026, 1, 1, 12, tzinfo=UTC), "order", "Ordered a filter")]
        )
    first = page.locator("details.entry").first
    expect(first).to_contain_text("Called about the noise")
    expect(page.locator("details.entry").last).to_contain_text("Ordered a filter")
    expect(page.locator("h2.day").last).to_have_text("Thursday, 1 January 2026")
    assert page.evaluate("window.notReloaded") is True
    assert not watched.faults


def test_an_alert_opens_to_the_reasons_of_its_rule(console: Console, watched: Watched) -> None:
    seed(console.engine)
    page = watched.page
    log_in(page, console)
    page.goto(f"{console.url}/console/customers/aiko")
    alert = page.locator("details.entry", has_text="rule too-warm").last
    alert.locator("summary").click()
    expect(alert.locator(".why")).to_contain_text("for 10 min")
    expect(alert.locator(".why")).to_contain_text("temperature above 8 saw 9.4")
    expect(alert.locator(".mark-yes")).to_have_count(2)
    assert not watched.faults


def test_older_touchpoints_follow_on_request_in_order(console: Console, watched: Watched) -> None:
    seed(console.engine)
    with console.engine.begin() as connection:
        start = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
        timeline.add(
            connection,
            [
                Entry(f"n{number}", "aiko", datetime.fromtimestamp(start + number, UTC), "note", f"Note {number:03}")
                for number in range(70)
            ],
        )
    page = watched.page
    log_in(page, console)
    page.goto(f"{console.url}/console/customers/aiko")
    expect(page.locator("details.entry")).to_have_count(50)
    page.get_by_role("button", name="Older").click()
    expect(page.locator("details.entry")).to_have_count(73)
    lines = page.locator("details.entry .line").all_inner_texts()
    notes = [line for line in lines if line.startswith("Note")]
    assert notes == sorted(notes, reverse=True)
    expect(page.get_by_role("button", name="Older")).to_be_hidden()


def test_an_agent_takes_a_case_writes_on_it_and_closes_it(console: Console, watched: Watched) -> None:
    seed(console.engine)
    page = watched.page
    log_in(page, console)
    page.goto(f"{console.url}/console/cases")
    page.get_by_text("temperature 9.4 is above 8 for 10 min").click()
    expect(page.locator(".why")).to_contain_text("temperature above 8")
    page.get_by_role("button", name="Take it").click()
    expect(page.locator(".facts").first).to_contain_text("Mika")
    page.get_by_placeholder("Write what happened").fill("Called back")
    page.get_by_role("button", name="Comment").click()
    expect(page.locator(".comment")).to_contain_text("Called back")
    page.get_by_placeholder("Write what happened").fill("New door seal")
    page.get_by_role("button", name="Resolve").click()
    expect(page.locator(".top .chip").first).to_have_text("resolved")
    expect(page.get_by_role("button", name="Resolve")).to_be_hidden()
    page.goto(f"{console.url}/console/cases?state=resolved")
    expect(page.locator("a.row.case")).to_have_count(1)
    with console.engine.connect() as connection:
        (case,) = cases.page(connection).items
        assert (case.state, case.assignee) == ("resolved", "Mika")
        assert [written.body for written in cases.comments(connection, case.id)] == ["Called back", "New door seal"]
    assert not watched.faults


def test_a_case_of_an_alarm_that_reached_nobody_says_what_was_tried(console: Console, watched: Watched) -> None:
    at = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    tried = [
        Tried("sms", at, "failed", "unreachable", "failed: unreachable"),
        Tried("email", None, "not_used", None, "no"),
    ]
    told = {EVIDENCE: msgspec.to_builtins(InVain("…", at, 2, tried)), "rule_id": "too-warm"}
    with console.engine.begin() as connection:
        by_rule = cases.open_by_hand(connection, cases.Case(id="", title="A", evidence=told), by="a test")
        own = {EVIDENCE: "said on the telephone"}
        by_hand = cases.open_by_hand(connection, cases.Case(id="", title="B", evidence=own), by="a test")
    page = watched.page
    log_in(page, console)
    page.goto(f"{console.url}/console/cases/{by_rule.id}")
    card = page.locator("section.card", has_text="Nobody was reached")
    expect(card.locator("dt")).to_have_text(["SMS", "Email"])
    expect(card.locator("dd")).to_have_text(["1 Mar 09:30: failed: unreachable", "not used: no"])
    expect(card).to_contain_text("In vain 2 times")
    page.goto(f"{console.url}/console/cases/{by_hand.id}")
    expect(page.locator("section.card", has_text="Where it comes from")).to_contain_text("said on the telephone")
    assert not watched.faults


def at_a_case(console: Console, page: Page) -> tuple[cases.Case, Locator]:
    """A new case, whose page is open, and the field to write in."""
    with console.engine.begin() as connection:
        case = cases.open_by_hand(connection, cases.Case(id="", title="A"), by="a test")
    log_in(page, console)
    page.goto(f"{console.url}/console/cases/{case.id}")
    return case, page.get_by_placeholder("Write what happened")


def test_two_presses_in_a_row_write_one_comment_and_what_is_typed_next_stays(
    console: Console, watched: Watched
) -> None:
    page = watched.page
    case, text = at_a_case(console, page)
    text.fill("Called back")
    with console.engine.begin() as connection:
        # The database is slow to take it.
        connection.exec_driver_sql("LOCK TABLE case_comments IN EXCLUSIVE MODE")
        page.get_by_role("button", name="Comment").dblclick()
        expect(text).to_have_value("")
        text.fill("Nobody")
    expect(page.locator(".comment")).to_have_text(re.compile("Called back"))
    expect(text).to_have_value("Nobody")
    with console.engine.connect() as connection:
        assert [written.body for written in cases.comments(connection, case.id)] == ["Called back"]
    assert not watched.faults


def test_what_could_not_be_written_stands_in_the_field_again(console: Console, watched: Watched) -> None:
    page = watched.page
    case, text = at_a_case(console, page)
    text.fill("New door seal")
    with console.engine.begin() as connection:
        # Somebody else resolves it, and is a moment earlier.
        cases.resolve(connection, case.id, by="Ken")
        page.get_by_role("button", name="Resolve").click()
        expect(text).to_have_value("")
    expect(page.get_by_text("The case is resolved already.")).to_be_visible()
    expect(text).to_have_value("New door seal")
    assert not watched.faults


def test_a_press_and_the_focus_outlive_a_refresh_of_the_list(console: Console, watched: Watched) -> None:
    with console.engine.begin() as connection:
        case = cases.open_by_hand(connection, cases.Case(id="", title="First"), by="a test")
    page = watched.page
    log_in(page, console)
    page.goto(f"{console.url}/console/cases")
    first = page.locator("a.row.case", has_text="First")
    first.focus()
    with console.engine.begin() as connection:
        cases.open_by_hand(connection, cases.Case(id="", title="Second"), by="a test")
    expect(page.locator("a.row.case")).to_have_count(2)
    expect(first).to_be_focused()
    first.hover()
    page.mouse.down()
    with console.engine.begin() as connection:
        cases.assign(connection, case.id, assignee="Ken", by="a test")
    expect(first).to_contain_text("Ken")
    page.mouse.up()
    expect(page).to_have_url(f"{console.url}/console/cases/{case.id}")
    assert not watched.faults


def test_links_forms_and_new_lines_need_no_connection(console: Console, watched: Watched) -> None:
    seed(console.engine)
    with console.engine.connect() as connection:
        case = cases.page(connection).items[0].id
    page = watched.page
    log_in(page, console)

    def unconnected(path: str) -> None:
        page.goto(f"{console.url}/console/{path}")
        page.wait_for_function("() => window.did_handshake === true")
        page.evaluate("window.did_handshake = false")

    unconnected(f"cases/{case}")
    text = page.get_by_placeholder("Write what happened")
    text.press_sequentially("One")
    text.press("Enter")
    text.press_sequentially("two")
    expect(text).to_have_value("One\ntwo")
    page.get_by_role("link", name="Customers").press("Enter")
    expect(page).to_have_url(f"{console.url}/console/customers")
    unconnected("customers")
    page.get_by_label("Search customers").fill("tanaka")
    page.get_by_label("Search customers").press("Enter")
    expect(page.locator("a.row.customer")).to_have_count(1)
    assert not watched.faults


def test_a_key_that_reads_finds_no_buttons_on_a_case(console: Console, watched: Watched) -> None:
    seed(console.engine)
    with console.engine.begin() as connection:
        reader = keys.add(connection, "reader", "read").secret
    page = watched.page
    log_in(page, console, reader)
    page.goto(f"{console.url}/console/cases")
    page.locator("a.row.case").click()
    expect(page.get_by_text("This key may read only.")).to_be_visible()
    expect(page.get_by_role("button", name="Resolve")).to_have_count(0)


def test_customers_are_found_and_hostile_text_stays_text(console: Console, watched: Watched) -> None:
    seed(console.engine)
    page = watched.page
    log_in(page, console)
    page.goto(f"{console.url}/console/customers")
    expect(page.locator("a.row.customer")).to_have_count(2)
    page.get_by_label("Search customers").fill("tanaka")
    page.get_by_label("Search customers").press("Enter")
    expect(page.locator("a.row.customer")).to_have_count(1)
    page.goto(f"{console.url}/console/customers/eve")
    expect(page.get_by_role("heading", name=HOSTILE)).to_be_visible()
    page.locator("details.entry summary").click()
    expect(page.locator("details.entry .facts")).to_contain_text(HOSTILE)
    page.goto(f"{console.url}/console/?q={HOSTILE}")
    expect(page.locator(".touchpoints")).to_contain_text(HOSTILE)
    assert page.locator("img").count() == 0
    assert not watched.faults


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_a_phone_in_width_and_takes_the_systems_colours(
    browser: Browser, console: Console, scheme: str
) -> None:
    seed(console.engine)
    watched = open_page(browser, console, viewport={"width": 390, "height": 844}, color_scheme=scheme)
    page = watched.page
    log_in(page, console)
    with console.engine.connect() as connection:
        case = cases.page(connection).items[0].id
    for path in (*PAGES, f"/console/cases/{case}"):
        page.goto(f"{console.url}{path}")
        expect(page.locator("main h1")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
        assert page.locator("html").get_attribute("data-theme") == scheme
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == ("rgb(246, 246, 249)" if scheme == "light" else "rgb(14, 15, 20)"), path
    assert not watched.faults
    page.context.close()


def test_the_chosen_theme_is_remembered(console: Console, watched: Watched) -> None:
    page = watched.page
    log_in(page, console)
    button = page.get_by_title("Light, dark or as the system")
    button.click()
    button.click()
    page.goto(f"{console.url}/console/cases")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_without_data_every_page_says_what_would_stand_there(console: Console, watched: Watched) -> None:
    page = watched.page
    log_in(page, console)
    for path, said in (
        ("/console/", "Nothing has happened yet"),
        ("/console/customers", "No customers yet"),
        ("/console/cases", "No open cases"),
        ("/console/customers/nobody", "There is no such customer"),
        ("/console/cases/nothing", "There is no such case"),
    ):
        page.goto(f"{console.url}{path}")
        expect(page.get_by_text(said)).to_be_visible()
    assert not watched.faults
