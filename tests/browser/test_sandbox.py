"""The sandbox as a person uses it: their taps, replies and clicks reach the real gateway."""

from __future__ import annotations

import smtplib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine

from gateway.api.hooks import router
from gateway.api.run import listening_socket
from gateway.delivery.links import Unsubscribe
from gateway.delivery.rendering import Means
from gateway.delivery.run import Deliverer
from gateway.settings import Settings
from gateway.storage.database import connect
from notifiers.sandbox.server import Options, Sandbox, Server, running
from rules.decision import NotifyAction
from tests.browser.conftest import Watched, emptied
from tests.browser.seed import HOSTILE
from tests.integration.delivery_fixture import (
    ACCOUNT,
    AT_ALL_HOURS,
    AUTH_TOKEN,
    a_customer,
    a_decision,
    decide,
    eventually,
    means_of,
    rows,
)
from tests.postgres_fixture import PostgresForTests

pytestmark = [pytest.mark.browser, pytest.mark.stack]

BRAND_NEW = {"push": ["phone-7"], "sms": "+819012345678", "email": "hanako@example.com"}
PUSH, SMS, EMAIL = (NotifyAction("alert", (channel,)) for channel in ("push", "sms", "email"))


class Town(NamedTuple):
    """A gateway's delivery and webhooks over a database, and the sandbox behind both."""

    engine: Engine
    means: Means
    sandbox: Sandbox
    url: str

    def send(self, notify: NotifyAction, name: str = "1", **values: Any) -> None:
        """Have the gateway decide to tell Hanako something."""
        decide(self.engine, self.means, a_decision(name, notify=notify, **values))

    def page_of(self, customer: str = "hanako") -> str:
        return f"{self.url}/customers/{customer}"

    def http(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, trust_env=False)


@pytest.fixture(scope="module")
def built(postgres: PostgresForTests) -> Iterator[Town]:
    """One for all tests: starting it takes longer than most of them."""
    listening = listening_socket("127.0.0.1:0")
    public_url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    database_url = postgres.url(postgres.fresh())
    engine = connect(database_url, pool_size=10)
    # A program of its own, as a mail server would start it.
    settings = {"DATABASE__URL": database_url, "LOG__URL": "nats://127.0.0.1:9", "SMTP__BOUNCE_DOMAIN": "example.com"}
    command = ("env", *(f"KIZASHI_{name}={value}" for name, value in settings.items()), sys.executable)
    options = Options(
        twilio_auth_token=AUTH_TOKEN,
        twilio_account_sid=ACCOUNT,
        bounce_command=(*command, "-m", "gateway.cli", "bounces", "read"),
    )
    with running(options) as sandbox:
        url = f"http://127.0.0.1:{sandbox.http_port}"
        served = _settings(public_url, url, sandbox.smtp_port)
        means = means_of(engine, served)
        app = FastAPI()
        app.include_router(router(engine, served, means.links))
        hooks = Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
        thread = threading.Thread(target=hooks.run, args=([listening],))
        deliverer = Deliverer(engine, served)
        thread.start()
        deliverer.start()
        try:
            yield Town(engine, means, sandbox, url)
        finally:
            deliverer.stop(3.0)
            hooks.should_exit = True
            thread.join()
            engine.dispose()


def _settings(public_url: str, sandbox: str, smtp_port: int) -> Settings:
    mail = {"host": "127.0.0.1", "port": smtp_port, "starttls": False, "from": "care@example.com"}
    twilio = {"account_sid": ACCOUNT, "auth_token": AUTH_TOKEN, "from": "+15005550006", "base_url": sandbox}
    return Settings.model_validate(
        {
            "public_url": public_url,
            "fcm": {"project_id": "test", "base_url": sandbox},
            "twilio": twilio,
            "smtp": {**mail, "bounce_domain": "example.com"},
            "policy": {"quiet_hours": AT_ALL_HOURS},
            "delivery": {"threads": 3, "settle_seconds": 0.3},
        }
    )


@pytest.fixture
def town(built: Town) -> Town:
    """Nobody has heard anything yet; the sandbox knows Hanako, who agrees to everything."""
    emptied(built.engine)
    a_customer(built.engine, addresses=BRAND_NEW)
    with built.http() as http:
        http.delete("/sandbox/messages")
        http.delete("/sandbox/faults")
        known = {"name": "青木 花子", "time_zone": "Asia/Tokyo", "addresses": BRAND_NEW}
        assert http.put("/sandbox/customers/hanako", json=known).status_code == 204
    return built


def opened(browser: Browser, town: Town, **context: Any) -> Watched:
    """A page that notes errors and requests to anywhere but the sandbox."""
    page = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **context}).new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith(town.url) else faults.append(request.url))
    return Watched(page, faults)


@pytest.fixture
def watched(browser: Browser, town: Town) -> Iterator[Watched]:
    found = opened(browser, town)
    yield found
    found.page.context.close()


@pytest.fixture
def page(watched: Watched, town: Town) -> Page:
    watched.page.goto(town.page_of())
    return watched.page


def until(page: Page, condition: Callable[[], object], within: float = 30.0) -> None:
    """Return once ``condition`` holds, while the browser goes on."""
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, f"still not so after {within} s"
        page.wait_for_timeout(50)


def test_a_push_appears_without_a_reload_and_a_tap_is_the_apps_acknowledgement(town: Town, watched: Watched) -> None:
    page = watched.page
    page.goto(town.page_of())
    expect(page.get_by_text("No notifications")).to_be_visible()
    town.send(PUSH)
    note = page.locator(".lock .note")
    expect(note).to_contain_text("chiller-1")
    note.get_by_role("button", name="chiller-1").first.click()
    expect(page.get_by_role("region", name="The app")).to_contain_text("chiller-1")
    expect(page.locator("#toast")).to_contain_text("The gateway took note (204)")
    assert rows(town.engine, "SELECT state FROM messages") == [("read",)]
    assert rows(town.engine, "SELECT state FROM contacts") == [("acknowledged",)]
    page.get_by_role("button", name="Lock screen").click()
    expect(page.get_by_text("Earlier (1)")).to_be_visible()
    expect(page.locator("#screen-lock > .notes .note")).to_have_count(0)
    assert not watched.faults


def test_a_dismissed_push_is_gone_and_the_gateway_hears_nothing_of_it(town: Town, page: Page) -> None:
    town.send(PUSH)
    page.get_by_role("button", name="Dismiss").click()
    expect(page.get_by_text("Earlier (1)")).to_be_visible()
    eventually(lambda: rows(town.engine, "SELECT state FROM messages") == [("delivered",)])


def test_stop_takes_the_consent_away_and_start_gives_it_back(town: Town, watched: Watched) -> None:
    page = watched.page
    page.goto(town.page_of())
    town.send(SMS)
    refused = "SELECT purpose, channel FROM consents WHERE NOT granted ORDER BY 1"
    page.get_by_role("tab", name="Messages").click()
    expect(page.locator(".bubble")).to_have_count(1)
    page.get_by_role("button", name="STOP").click()
    expect(page.locator(".from-me")).to_contain_text("heard (200)")
    expect(page.locator(".from-twilio")).to_contain_text("unsubscribed")
    expect(page.get_by_text("Twilio itself sends no more")).to_be_visible()
    assert ("maintenance", "sms") in rows(town.engine, refused)
    page.get_by_role("button", name="START").click()
    expect(page.locator(".from-me")).to_contain_text(["heard (200)", "heard (200)"])
    expect(page.get_by_text("Twilio itself sends no more")).to_be_hidden()
    assert rows(town.engine, refused) == []
    assert not watched.faults


def test_a_free_reply_stands_on_the_timeline(town: Town, page: Page) -> None:
    town.send(SMS)
    page.locator(".lock .note").get_by_role("button").click()
    page.keyboard.type("いつ直りますか？")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")  # a second press says nothing twice
    expect(page.locator(".from-me")).to_contain_text("いつ直りますか？")
    page.keyboard.type("急いでいます")
    page.keyboard.press("Enter")
    expect(page.locator(".from-me")).to_contain_text(["いつ直りますか？", "急いでいます"])
    replies = rows(town.engine, "SELECT summary FROM timeline WHERE kind = 'reply' ORDER BY at")
    assert len(replies) == 2
    assert "いつ直りますか？" in replies[0][0]


def test_a_link_in_an_sms_opens_at_the_gateway(town: Town, page: Page) -> None:
    link = town.means.links.unsubscribe(Unsubscribe("hanako", "offers", "sms"))
    with town.http() as http:
        form = {"To": "+819012345678", "From": "+815000000000", "Body": f"配信停止はこちら：{link}。"}
        http.post(f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json", data=form, auth=(ACCOUNT, AUTH_TOKEN))
    page.get_by_role("tab", name="Messages").click()
    with page.context.expect_page() as popup:
        page.locator(".bubble").get_by_role("link", name=link).click()
    expect(popup.value.get_by_role("heading")).to_have_text("Unsubscribe")
    assert popup.value.url == link


def test_a_mail_is_read_and_unsubscribed_from_in_one_click(town: Town, watched: Watched) -> None:
    page = watched.page
    page.goto(town.page_of())
    town.send(EMAIL)
    frame = page.frame_locator("iframe[title='The mail as designed']")
    expect(frame.get_by_role("heading", name="chiller-1")).to_be_visible()
    page.get_by_role("tab", name="Plain text").click()
    expect(page.get_by_role("tabpanel", name="Plain text")).to_contain_text("chiller-1")
    page.get_by_role("tab", name="Headers").click()
    expect(page.get_by_role("tabpanel", name="Headers")).to_contain_text("List-Unsubscribe-Post")
    page.get_by_role("button", name="Unsubscribe").click()
    expect(page.locator(".chip")).to_have_text("Unsubscribed")
    refused = rows(town.engine, "SELECT purpose, channel, source FROM consents WHERE NOT granted")
    assert refused == [("maintenance", "email", "unsubscribe link")]
    assert not watched.faults


def test_a_mail_comes_back_and_the_gateway_knows_its_own(town: Town, watched: Watched) -> None:
    page = watched.page
    page.goto(town.page_of())
    town.send(EMAIL)
    page.get_by_role("button", name="Bounce").click()
    expect(page.locator("#toast")).to_contain_text("The gateway took note (taken)")
    expect(page.locator(".chip")).to_have_text("Bounced")
    assert rows(town.engine, "SELECT state FROM messages WHERE channel = 'email'") == [("failed",)]
    assert not watched.faults


def test_spam_is_a_complaint(town: Town, page: Page) -> None:
    town.send(EMAIL)
    page.get_by_role("button", name="Spam").click()
    expect(page.locator(".chip")).to_have_text("Marked as spam")
    sources = {source for (source,) in rows(town.engine, "SELECT source FROM consents WHERE NOT granted")}
    assert any(source.startswith("spam complaint (abuse") for source in sources)


def test_the_links_of_a_mail_open_the_gateways_pages(town: Town, page: Page) -> None:
    town.send(EMAIL)
    frame = page.frame_locator("iframe[title='The mail as designed']")
    with page.context.expect_page() as popup:
        frame.get_by_role("link", name="Stop these messages").click()
    expect(popup.value.get_by_role("heading")).to_have_text("Unsubscribe")
    assert popup.value.url.startswith(f"{town.means.links.public_url}/u/")


def test_a_bad_day_strikes_the_provider_until_all_is_well_again(town: Town, watched: Watched) -> None:
    page = watched.page
    page.goto(town.page_of())
    page.get_by_role("button", name="Push all well", exact=True).click()
    dialog = page.get_by_role("dialog", name="A bad day for Firebase")
    dialog.get_by_text("Unavailable").click()
    dialog.get_by_label("Lasts").select_option("15 minutes")
    dialog.get_by_role("button", name="Start the bad day").click()
    band = page.get_by_role("region", name="Bad days")
    expect(band).to_contain_text("Push: Firebase has a bad day. It is unavailable. Ends in 14:")
    expect(page.get_by_role("button", name="Push bad day")).to_be_focused()
    town.send(PUSH)
    until(page, lambda: [each.fault for each in town.sandbox.record.requests("fcm")][-1:] == ["503"])
    expect(page.get_by_text("No notifications")).to_be_visible()
    band.get_by_role("button", name="All well again").click()
    expect(band).to_be_empty()
    expect(page.locator(".lock .note")).to_contain_text("chiller-1")
    assert not watched.faults


def test_receipts_are_not_asked_of_a_mail_server(page: Page) -> None:
    page.get_by_role("button", name="Mail all well").click()
    dialog = page.get_by_role("dialog", name="A bad day for the mail server")
    expect(dialog.get_by_label("Rejects everybody")).to_be_visible()
    expect(dialog.get_by_label("Late receipts")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


ATTACKS = (
    "<script>document.title='run'</script>" + HOSTILE + "<body onload=\"parent.document.title='run'\">"
    "<img src='TRACKER/pixel'><link rel=stylesheet href='TRACKER/s.css'><iframe src='TRACKER/f'></iframe>"
    "<form action='TRACKER/' id=f><button>Go</button></form><meta http-equiv=refresh content='0;url=TRACKER/'>"
    "<base href='TRACKER/'><a href=\"javascript:parent.document.title='run'\">press</a>"
    "<p style='background:url(TRACKER/b)'>Hello</p><a target=_top href='TRACKER/top'>top</a>"
)


@pytest.fixture
def tracker() -> Iterator[tuple[str, list[str]]]:
    """A server that no mail may reach: its address, and what was asked of it."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


def _attack(town: Town, tracker: str) -> None:
    attacks = ATTACKS.replace("TRACKER", tracker)
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = HOSTILE, "attacker@example.com", "hanako@example.com"
    mail.set_content(f"{HOSTILE} javascript:alert(1) https://ok.example/")
    mail.add_alternative(f"<!doctype html><html><head></head><body>{attacks}</body></html>", subtype="html")
    with smtplib.SMTP("127.0.0.1", town.sandbox.smtp_port) as smtp:
        smtp.send_message(mail)
    with town.http() as http:
        data = {"link": "javascript:document.title='run'", "ack_url": "http://[no"}
        push = {"token": "phone-7", "notification": {"title": HOSTILE, "body": attacks}, "data": data}
        sent = http.post("/v1/projects/x/messages:send", json={"message": push}, headers={"Authorization": "Bearer x"})
        form = {"To": "+819012345678", "From": HOSTILE, "Body": f"{HOSTILE} javascript:alert(1)"}
        text = http.post(f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json", data=form, auth=(ACCOUNT, AUTH_TOKEN))
        assert (sent.status_code, text.status_code) == (200, 201)
        assert http.put("/sandbox/customers/eve", json={"name": HOSTILE, "addresses": {}}).status_code == 204


def test_hostile_content_is_shown_and_never_run(town: Town, watched: Watched, tracker: tuple[str, list[str]]) -> None:
    address, asked = tracker
    _attack(town, address)
    page = watched.page
    page.goto(town.page_of())
    expect(page.locator(".lock .note")).to_have_count(2)
    expect(page.locator(".letter h3")).to_have_text(HOSTILE)
    expect(page.get_by_role("navigation", name="Customers")).to_contain_text(HOSTILE)
    frame = page.frame_locator("iframe[title='The mail as designed']")
    expect(frame.get_by_text("Hello")).to_be_visible()
    for name in ("press", "Go", "top"):
        frame.get_by_text(name, exact=True).click()
    page.wait_for_timeout(300)
    page.get_by_role("tab", name="Plain text").click()
    expect(page.locator(".plaintext a")).to_have_count(1)
    page.get_by_role("tab", name="Messages").click()
    expect(page.locator(".bubble")).to_contain_text(HOSTILE)
    expect(page.locator(".bubble a")).to_have_count(0)
    page.get_by_role("tab", name="Lock screen").click()
    page.locator(".lock .note", has_text="Hello").get_by_role("button").first.click()
    expect(page.get_by_role("region", name="The app").locator("a")).to_have_count(0)
    page.wait_for_timeout(300)
    assert page.title() == "青木 花子 · Sandbox"
    assert page.url == town.page_of()
    assert asked == []


CONTRAST = """() => {
  const channel = (value) => value <= 10 ? value / 3294.6 : ((value / 255 + .055) / 1.055) ** 2.4;
  const parse = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => .2126 * channel(r) + .7152 * channel(g) + .0722 * channel(b);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const style = getComputedStyle(at), [r, g, b, a = 1] = parse(style.backgroundColor);
      if (a > .9) return [r, g, b];
      if (style.backgroundImage !== 'none') return [74, 67, 181];
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    const seen = element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
    if (!own || !seen || element.disabled) continue;
    const [one, other] = [light(parse(getComputedStyle(element).color)), light(behind(element))].sort((a, b) => b - a);
    const ratio = (one + .05) / (other + .05);
    if (ratio < 4.5) poor.push(`${element.className} ${element.textContent.slice(0, 30)}: ${ratio.toFixed(2)}`);
  }
  return poor;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_everything_can_be_read_and_fits(browser: Browser, town: Town, scheme: str, width: int) -> None:
    still = {"viewport": {"width": width, "height": 844}, "reduced_motion": "reduce"}
    watched = opened(browser, town, color_scheme=scheme, **still)
    page = watched.page
    for number, notify in enumerate((PUSH, SMS, EMAIL)):
        town.send(notify, str(number))
    page.goto(town.page_of())
    expect(page.locator(".lock .note")).to_have_count(2)
    expect(page.locator(".mails li")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CONTRAST) == []
    page.get_by_role("tab", name="Messages").click()
    page.get_by_role("button", name="STOP").click()
    expect(page.locator(".from-twilio")).to_be_visible()
    page.get_by_role("button", name="SMS all well").click()
    page.get_by_label("Throttling").check()
    assert page.evaluate(CONTRAST) == []
    page.get_by_role("button", name="Start the bad day").click()
    expect(page.get_by_role("region", name="Bad days")).to_contain_text("throttles (30 s)")
    assert page.evaluate(CONTRAST) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert not watched.faults
    page.context.close()


def test_the_keyboard_reaches_everything(town: Town, page: Page) -> None:
    town.send(PUSH)
    note = page.locator(".lock .note .tap")
    expect(note).to_be_visible()
    for _ in range(30):
        page.keyboard.press("Tab")
        if note.evaluate("each => each === document.activeElement"):
            break
    expect(note).to_be_focused()
    page.keyboard.press("Enter")
    back = page.get_by_role("button", name="Lock screen")
    expect(back).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_role("tab", name="Lock screen").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Messages")).to_be_focused()
    expect(page.get_by_role("tabpanel", name="Messages")).to_be_visible()


def test_one_goes_from_customer_to_customer_and_back(town: Town, watched: Watched) -> None:
    town.send(PUSH)
    with town.http() as http:
        form = {"To": "+818000000001", "From": "+815000000000", "Body": "Hello"}
        http.post(f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json", data=form, auth=(ACCOUNT, AUTH_TOKEN))
    page = watched.page
    page.goto(town.page_of())
    expect(page.locator(".lock .note")).to_be_visible()  # from now on nobody moves in the list of customers
    page.get_by_role("link", name="+818000000001").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("+818000000001")
    expect(page.get_by_text("No mail")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("青木 花子")
    page.goto(f"{town.url}/customers/nobody")
    expect(page.get_by_text("Nothing has arrived yet")).to_be_visible()
    assert not watched.faults
