"""The example shop in a real browser: its page subscribes, its service worker shows and acknowledges what we send.

No push service is asked: Chromium's subscribing is answered with a browser of the sandbox, and what the sandbox has
received and decrypted is handed to the service worker by the DevTools protocol.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
import pytest
import uvicorn
from playwright.sync_api import Browser, CDPSession, Page, Worker, expect
from sqlalchemy import Engine

from gateway.api.app import create_app
from gateway.api.hooks import router
from gateway.api.run import listening_socket
from gateway.delivery.rendering import Means
from gateway.delivery.run import Deliverer
from gateway.settings import Settings
from gateway.storage import keys
from gateway.storage.database import connect
from notifiers.sandbox.record import Received
from notifiers.sandbox.server import Options, Sandbox, Server, running
from notifiers.sandbox.webpush import subscription_of
from notifiers.webpush import vapid
from rules.decision import NotifyAction
from tests.api_fixture import RememberingLog
from tests.browser.conftest import emptied
from tests.integration.delivery_fixture import AT_ALL_HOURS, a_customer, a_decision, decide, means_of, rows
from tests.postgres_fixture import PostgresForTests

pytestmark = [pytest.mark.browser, pytest.mark.stack]

SHOP = Path(__file__).parents[2] / "examples" / "web-push" / "shop.py"
KEY = vapid.new_key()
PUBLIC_KEY = vapid.public_of(vapid.key_of(KEY))
CUSTOMER = "hanako"
WITHIN_S = 30.0

STANDING = """() => {
  // How many notifications the worker has put up until now.
  if (self.standing === undefined) {
    self.standing = 0;
    const show = self.registration.showNotification.bind(self.registration);
    self.registration.showNotification = async (...given) => { await show(...given); self.standing += 1; };
  }
  return self.standing;
}"""

SUBSCRIBING = """
const subscription = SUBSCRIPTION;
PushManager.prototype.subscribe = async (options) => {
  window.subscribedWith = options;
  return { ...subscription, toJSON: () => subscription };
};
"""


class Street(NamedTuple):
    """A gateway, the sandbox behind it, and a shop that has both in its care."""

    engine: Engine
    means: Means
    sandbox: Sandbox
    shop: str

    @property
    def subscription(self) -> dict[str, Any]:
        """The sandbox's browser that stands in for Chromium's own subscription."""
        return subscription_of(f"http://127.0.0.1:{self.sandbox.http_port}", "chromium-silent")

    def send(self, name: str, **values: Any) -> Received:
        """Have the gateway tell Hanako something; what the browser was sent."""
        told = NotifyAction("alert", ("webpush", "sms"), escalate_after_ms=600_000, **values)
        decide(self.engine, self.means, a_decision(name, notify=told))
        wait_for(lambda: self.sandbox.record.messages("webpush"))
        return self.sandbox.record.messages("webpush")[0]


@pytest.fixture(scope="module")
def built(postgres: PostgresForTests) -> Iterator[Street]:
    listening = listening_socket("127.0.0.1:0")
    public_url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    engine = connect(postgres.url(postgres.fresh()), pool_size=10)
    with running(Options(webpush_key=PUBLIC_KEY)) as sandbox:
        settings = Settings.model_validate(
            {
                "public_url": public_url,
                "sandbox": True,
                "webpush": {"private_key": KEY, "subject": "mailto:care@example.com", "allow_loopback": True},
                "policy": {"quiet_hours": AT_ALL_HOURS},
                "delivery": {"threads": 3},
            }
        )
        means = means_of(engine, settings)
        hooks = [router(engine, settings, means.links)]
        app = create_app(settings, engine, RememberingLog(), hooks=hooks, console=False)
        server = Server(uvicorn.Config(app, log_config=None, access_log=False))
        thread = threading.Thread(target=server.run, args=([listening],))
        deliverer = Deliverer(engine, settings)
        thread.start()
        deliverer.start()
        try:
            with engine.begin() as connection:
                secret = keys.add(connection, "the shop's backend", "agent").secret
            yield from shop(public_url, secret, Street(engine, means, sandbox, ""))
        finally:
            deliverer.stop(3.0)
            server.should_exit = True
            thread.join()
            engine.dispose()


def shop(public_url: str, secret: str, street: Street) -> Iterator[Street]:
    """The example's own program, as a reader would start it."""
    told = {
        "KIZASHI_URL": public_url,
        "KIZASHI_KEY": secret,
        "CUSTOMER": CUSTOMER,
        "APPLICATION_SERVER_KEY": PUBLIC_KEY,
    }
    command = [sys.executable, str(SHOP), "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, **told}
    ) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            assert address, "the shop did not start"
            yield street._replace(shop=address)
        finally:
            process.terminate()


@pytest.fixture
def street(built: Street) -> Street:
    emptied(built.engine, but={"secrets", "api_keys"})
    a_customer(built.engine, CUSTOMER, addresses={"sms": "+819012345678"}, granted={"maintenance": {"sms": True}})
    built.sandbox.record.clear()
    return built


class Visit(NamedTuple):
    """A page of the shop, and what the DevTools protocol knows of its service worker."""

    page: Page
    devtools: CDPSession
    faults: list[str]
    registrations: list[str]

    def deliver(self, data: str) -> None:
        """What the browser does with what its push service sends; done once the notification stands.

        Nobody may look for it before: a Chromium that is asked for its notifications forgets the one that is just being
        put up.
        """
        wait_for(lambda: self.registrations, self.page)
        before = self.worker.evaluate(STANDING)
        origin = self.page.evaluate("location.origin")
        push = {"origin": origin, "registrationId": self.registrations[-1], "data": data}
        self.devtools.send("ServiceWorker.deliverPushMessage", push)
        wait_for(lambda: self.worker.evaluate(STANDING) > before, self.page)

    @property
    def worker(self) -> Worker:
        """Playwright hears of it a moment after the page does."""
        wait_for(lambda: self.page.context.service_workers, self.page)
        return self.page.context.service_workers[-1]

    def shown(self) -> list[dict[str, Any]]:
        """The notifications on the screen."""
        script = """async () => (await (await navigator.serviceWorker.ready).getNotifications())
            .map(({ title, body, tag, data }) => ({ title, body, tag, data }))"""
        found: list[dict[str, Any]] = self.page.evaluate(script)
        return found


@pytest.fixture
def visit(browser: Browser, street: Street) -> Iterator[Visit]:
    with visiting(browser, street, street.subscription) as visit:
        yield visit


@contextlib.contextmanager
def visiting(browser: Browser, street: Street, subscription: dict[str, Any]) -> Iterator[Visit]:
    """Somebody who has allowed notifications before: the page subscribes by itself as soon as it stands."""
    context = browser.new_context(permissions=["notifications"])
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    registrations: list[str] = []
    devtools = context.new_cdp_session(page)
    devtools.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda told: registrations.extend(each["registrationId"] for each in told["registrations"]),
    )
    devtools.send("ServiceWorker.enable")
    page.add_init_script(SUBSCRIBING.replace("SUBSCRIPTION", json.dumps(subscription)))
    page.goto(street.shop)
    yield Visit(page, devtools, faults, registrations)
    context.close()


def wait_for(condition: Callable[[], object], page: Page | None = None) -> None:
    """Return once ``condition`` holds, while the browser goes on."""
    end = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < end, f"still not so after {WITHIN_S} s"
        if page is None:
            time.sleep(0.05)
        else:
            page.wait_for_timeout(50)


def allow(visit: Visit) -> None:
    button = visit.page.get_by_role("button", name="Tell me")
    if button.is_enabled():
        button.click()
    expect(visit.page.get_by_role("status")).to_have_text("You will hear from us here.")


def sent(received: Received) -> str:
    """The very JSON that the browser has decrypted."""
    detail = received.detail
    return json.dumps({"title": received.title, "body": received.text, "tag": detail["tag"], "data": detail["data"]})


def state_of(street: Street) -> list[tuple[Any, ...]]:
    return rows(street.engine, "SELECT state FROM messages WHERE channel = 'webpush'")


def browsers(street: Street) -> list[str]:
    [(addresses,)] = rows(street.engine, "SELECT addresses FROM customers")
    return [each["endpoint"] for each in addresses.get("webpush", [])]


def test_the_button_brings_the_browser_to_the_customers_record_with_their_consent(street: Street, visit: Visit) -> None:
    allow(visit)
    assert visit.page.evaluate("window.subscribedWith") == {"userVisibleOnly": True, "applicationServerKey": PUBLIC_KEY}
    assert browsers(street) == [street.subscription["endpoint"]]
    [(addresses,)] = rows(street.engine, "SELECT addresses FROM customers")
    assert addresses["sms"] == "+819012345678"
    agreed = rows(street.engine, "SELECT purpose, channel FROM consents WHERE granted ORDER BY 1, 2")
    assert agreed == [("maintenance", "sms"), ("maintenance", "webpush"), ("service", "webpush")]
    visit.page.reload()
    expect(visit.page.get_by_role("status")).to_have_text("You will hear from us here.")
    assert browsers(street) == [street.subscription["endpoint"]]
    assert not visit.faults


def test_the_service_worker_shows_what_was_decided_and_its_word_stops_the_escalation(
    street: Street, visit: Visit
) -> None:
    allow(visit)
    received = street.send("shown")
    wait_for(lambda: state_of(street) == [("accepted",)], visit.page)
    visit.deliver(sent(received))
    wait_for(lambda: state_of(street) == [("delivered",)], visit.page)
    [shown] = visit.shown()
    assert (shown["title"], shown["body"], shown["tag"]) == (received.title, received.text, received.message_id)
    assert rows(street.engine, "SELECT state FROM contacts") == [("acknowledged",)]
    receipts = rows(street.engine, "SELECT summary FROM timeline WHERE kind = 'receipt'")
    assert receipts == [("Web push delivered, says the browser",)]
    assert not visit.faults


def test_a_tap_is_opened_and_leads_on(street: Street, visit: Visit) -> None:
    allow(visit)
    received = street.send("tapped", link="https://shop.example.com/machines/{device_id}")
    visit.deliver(sent(received))
    wait_for(lambda: state_of(street) == [("delivered",)], visit.page)
    # A browser opens windows for a real tap only, and nobody is there to tap.
    opened = visit.worker.evaluate(
        """async () => {
            const opened = [];
            self.clients.openWindow = async (url) => { opened.push(url); };
            const [shown] = await self.registration.getNotifications();
            await open(shown);
            return [opened, (await self.registration.getNotifications()).length];
        }"""
    )
    assert opened == [[received.detail["data"]["link"]], 0]
    wait_for(lambda: state_of(street) == [("read",)], visit.page)
    assert not visit.faults


def test_a_repeat_takes_the_place_of_what_is_shown(street: Street, visit: Visit) -> None:
    allow(visit)
    received = street.send("repeated")
    for _ in range(2):
        visit.deliver(sent(received))
    wait_for(lambda: state_of(street) == [("delivered",)], visit.page)
    assert len(visit.shown()) == 1


@pytest.mark.parametrize("data", ["", "no JSON", '{"title": ""}', "[]"])
def test_what_cannot_be_read_is_shown_as_news_and_acknowledges_nothing(visit: Visit, data: str) -> None:
    allow(visit)
    visit.deliver(data)
    [shown] = visit.shown()
    assert (shown["title"], shown["data"]) == ("News for you", {})
    assert not visit.faults


@pytest.mark.parametrize("link", ["javascript:alert(1)", "file:///etc/passwd", "", "/relative"])
def test_a_message_leads_nowhere_but_to_the_web(visit: Visit, street: Street, link: str) -> None:
    allow(visit)
    visit.deliver(json.dumps({"title": "x", "data": {"link": link}}))
    assert visit.worker.evaluate("link => pageOf(link)", link) == f"{street.shop}/"


def test_an_acknowledgement_that_found_nobody_is_tried_again(street: Street, visit: Visit) -> None:
    allow(visit)
    received = street.send("again")
    tried = visit.worker.evaluate(
        """async (data) => {
            const really = self.fetch;
            let tried = 0;
            self.fetch = async (...call) => {
                tried += 1;
                if (tried === 1) throw new TypeError("no network");
                return tried === 2 ? new Response(null, { status: 503 }) : really(...call);
            };
            await acknowledge(data, "delivered");
            self.fetch = really;
            return tried;
        }""",
        received.detail["data"],
    )
    assert tried == 3
    assert state_of(street) == [("delivered",)]


def test_another_subscription_takes_the_place_of_the_lost_one(street: Street, visit: Visit) -> None:
    allow(visit)
    after = subscription_of(f"http://127.0.0.1:{street.sandbox.http_port}", "another-silent")
    change = "async ([before, after]) => renew(before, after)"
    visit.worker.evaluate(change, [{"endpoint": street.subscription["endpoint"]}, after])
    assert browsers(street) == [after["endpoint"]]


def test_a_page_that_may_not_notify_says_so(browser: Browser, street: Street) -> None:
    context = browser.new_context(permissions=[])
    page = context.new_page()
    page.add_init_script("Notification.requestPermission = async () => 'denied'")
    page.goto(street.shop)
    page.get_by_role("button", name="Tell me").click()
    expect(page.get_by_role("status")).to_have_text("Notifications are blocked for this page.")
    assert browsers(street) == []
    context.close()


def test_what_kizashi_refuses_is_told_on_the_page(browser: Browser, street: Street) -> None:
    with visiting(browser, street, {"endpoint": "ftp://x", "keys": {}}) as visit:
        expect(visit.page.get_by_role("status")).to_contain_text("Kizashi says 422")
        expect(visit.page.get_by_role("button", name="Tell me")).to_be_enabled()
        assert browsers(street) == []


def test_in_the_sandbox_a_browsers_notification_is_on_the_customers_phone_and_can_be_tapped(
    street: Street, visit: Visit, browser: Browser
) -> None:
    allow(visit)
    received = street.send("sandboxed")
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{street.sandbox.http_port}/customers/{quote(received.to, safe='')}")
    note = page.locator(".lock .note")
    expect(note).to_contain_text("by the browser")
    note.get_by_role("button", name=received.title).first.click()
    expect(page.locator("#toast")).to_contain_text("Tapped: the browser acknowledged it as opened")
    expect(page.get_by_role("region", name="The app")).to_contain_text("The shop's page is open")
    assert state_of(street) == [("read",)]
    page.close()


@pytest.mark.parametrize(
    ("path", "kind", "body", "status"),
    [
        ("/push-subscriptions", "text/plain", "{}", 415),
        ("/push-subscriptions", "application/json", "{}", 400),
        ("/push-subscriptions", "application/json", "[]", 400),
        ("/push-subscriptions", "application/json", "no JSON", 400),
        ("/push-subscriptions", "application/json", "x" * 20_000, 404),
        ("/elsewhere", "application/json", "{}", 404),
    ],
)
def test_the_shop_takes_subscriptions_from_its_own_pages_only(
    street: Street, path: str, kind: str, body: str, status: int
) -> None:
    answer = httpx.post(street.shop + path, content=body, headers={"Content-Type": kind}, trust_env=False)
    assert answer.status_code == status
    assert browsers(street) == []
