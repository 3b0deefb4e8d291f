"""The stand-in for browsers and their push services, spoken to as the gateway does, and tapped as a person does."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest

from notifiers.outcome import Accepted, Outcome, Outgoing, Refused, Retry
from notifiers.sandbox.server import Options, Sandbox, running
from notifiers.sandbox.webpush import browser, decrypt, subscription_of
from notifiers.webpush import vapid
from notifiers.webpush.config import WebPushConfig
from notifiers.webpush.notifier import WebPushNotifier
from tests.unit.notifiers.sandbox.hearing import Gateway
from tests.unit.notifiers.sandbox.test_acts import act, newest

KEY = vapid.new_key()
ACK = "https://public.example/hooks/push/m1?token=t"


@pytest.fixture
def sandbox(gateway: Gateway) -> Iterator[Sandbox]:
    key = vapid.public_of(vapid.key_of(KEY))
    with running(Options(callback_base=gateway.base, webpush_key=key)) as started:
        yield started


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{sandbox.http_port}", trust_env=False, timeout=20) as opened:
        yield opened


@pytest.fixture
def notifier() -> Iterator[WebPushNotifier]:
    made = WebPushNotifier(WebPushConfig(private_key=KEY, subject="mailto:care@example.com", allow_loopback=True))
    yield made
    made.close()


def send(notifier: WebPushNotifier, client: httpx.Client, name: str, **changes: Any) -> Outcome:
    to = client.get(f"/sandbox/webpush/{name}").text
    message = Outgoing("m1", to, "Title", "Text", data={"link": "https://shop.example/x"}, status_callback=ACK)
    return notifier.send(msgspec.structs.replace(message, **changes))


def test_any_name_is_a_browser_and_always_the_same_one(client: httpx.Client) -> None:
    base = str(client.base_url)
    found = [client.get(f"/sandbox/webpush/{name}").json() for name in ("hers", "hers", "his")]
    assert found[0] == found[1] == subscription_of(base, "hers")
    assert found[2]["keys"] != found[0]["keys"]
    assert set(found[0]) == {"endpoint", "expirationTime", "keys"}


def test_a_browser_acknowledges_by_itself_and_a_tap_is_opened(
    client: httpx.Client, notifier: WebPushNotifier, gateway: Gateway
) -> None:
    assert isinstance(send(notifier, client, "hers"), Accepted)
    shown = newest(client, "webpush")
    assert act(client, shown, "open").json() == {"told": True, "taken": True, "said": "204"}
    assert newest(client, "webpush")["state"] == "opened"
    assert ("/hooks/push/m1?token=t", {"event": "opened"}) in [
        (path, json.loads(body)) for path, _, body in gateway.posts
    ]


def test_nobody_hears_of_a_dismissal(client: httpx.Client, notifier: WebPushNotifier, gateway: Gateway) -> None:
    send(notifier, client, "hers-silent")
    assert act(client, newest(client, "webpush"), "dismiss").json()["told"] is False
    assert not gateway.posts


def test_a_customers_phone_shows_their_apps_and_their_browsers_notifications(
    client: httpx.Client, notifier: WebPushNotifier
) -> None:
    subscription = client.get("/sandbox/webpush/hers-silent").json()
    addresses = {"push": ["token-silent"], "webpush": [subscription]}
    assert client.put("/sandbox/customers/aiko", json={"name": "Aiko", "addresses": addresses}).status_code == 204
    send(notifier, client, "hers-silent")
    body = {"message": {"token": "token-silent", "notification": {"title": "By the app", "body": "x"}}}
    client.post("/v1/projects/demo/messages:send", json=body, headers={"Authorization": "Bearer x"})
    view = client.get("/sandbox/shown", params={"customer": "aiko"}).json()["view"]
    assert [(each["channel"], each["title"]) for each in view["pushes"]] == [
        ("push", "By the app"),
        ("webpush", "Title"),
    ]
    assert view["pushes"][1]["link"] == "https://shop.example/x"


def test_a_browser_that_nobody_introduced_has_a_page_of_its_own(
    client: httpx.Client, notifier: WebPushNotifier
) -> None:
    send(notifier, client, "stranger-silent")
    [listed] = client.get("/sandbox/shown").json()["customers"]
    endpoint = client.get("/sandbox/webpush/stranger-silent").json()["endpoint"]
    assert (listed["id"], listed["addresses"]["webpush"]) == (endpoint, [{"endpoint": endpoint}])


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"Authorization": ""}, 401),
        ({"TTL": ""}, 400),
        ({"TTL": "soon"}, 400),
        ({"Content-Encoding": "aesgcm"}, 400),
        ({"Urgency": "very"}, 400),
        ({"Topic": "a topic"}, 400),
        ({"Topic": "x" * 33}, 400),
    ],
)
def test_it_looks_at_what_push_services_look_at(client: httpx.Client, changes: dict[str, str], status: int) -> None:
    base = str(client.base_url)
    token = vapid.authorization(vapid.key_of(KEY), vapid.origin_of(base), "mailto:a@b.example", int(time.time()))
    headers = {"TTL": "60", "Content-Encoding": "aes128gcm", "Authorization": token, **changes}
    assert client.post("/webpush/hers", content=b"x" * 100, headers=headers).status_code == status


def test_what_the_browser_cannot_read_is_refused_where_a_real_one_would_keep_quiet(
    client: httpx.Client, notifier: WebPushNotifier
) -> None:
    mine, other = (subscription_of(str(client.base_url), name) for name in ("hers", "his"))
    crossed = msgspec.json.encode({**mine, "keys": other["keys"]}).decode()
    assert send(notifier, client, "hers", to=crossed) == Refused("webpush HTTP 400")
    assert client.get("/sandbox/messages").json() == []


def test_bad_days_and_late_receipts(client: httpx.Client, notifier: WebPushNotifier, gateway: Gateway) -> None:
    client.post("/sandbox/faults", json={"provider": "webpush", "mode": "429", "seconds": 9, "count": 1})
    assert send(notifier, client, "hers") == Retry("webpush HTTP 429", after_s=9.0)
    client.post("/sandbox/faults", json={"provider": "webpush", "receipts": "never"})
    assert isinstance(send(notifier, client, "hers"), Accepted)
    logged = client.get("/sandbox/requests", params={"provider": "webpush"}).json()
    assert [(each["outcome"], each["fault"], each["message_id"]) for each in logged] == [
        ("fault", "429", "m1"),
        ("accepted", "ok", "m1"),
    ]
    assert not gateway.posts


@pytest.mark.parametrize("body", [b"", b"x" * 20, b"x" * 21, b"x" * 200, bytes(4096)])
def test_garbage_is_meant_for_nobody(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever the bytes are taken for first
        decrypt(body, browser("hers"))
