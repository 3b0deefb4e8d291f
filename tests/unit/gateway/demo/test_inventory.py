"""The demo's cast comes in by the API, and a refusal is told in one line."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from gateway.demo import inventory
from gateway.embedded.errors import EmbeddedError

CAST: dict[str, Any] = {
    "stores": {"ginza": {"name": "Ginza"}},
    "customers": {
        "aiko": {"name": "Aiko", "consents": {"offers": {"push": True}, "source": "form"}},
        "ben": {"name": "Ben"},
    },
    "devices": {"chiller-1": {"model": "chiller", "owner": "aiko"}},
}


class Api:
    """Remembers what it was asked, in order, and can refuse a path."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self.refuses = ""
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                assert self.headers["Authorization"] == "Bearer key"
                api.asked.append((self.command, self.path, json.loads(body) if body else None))
                status = 422 if self.path == api.refuses else 200
                content = b'{"detail": "owner: nobody of that name"}'
                if self.path.endswith("/credentials"):
                    content = b'{"username": "chiller-1", "password": "p"}'
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_PUT = do_POST = answer  # noqa: N815 - http.server's names

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def api() -> Iterator[Api]:
    made = Api()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def cast() -> dict[str, Any]:
    copied: dict[str, Any] = json.loads(json.dumps(CAST))
    return copied


def test_everything_is_brought_in_owners_and_stores_before_devices(api: Api) -> None:
    assert inventory.bring_in(cast(), api.url, "key") == {"chiller-1": {"username": "chiller-1", "password": "p"}}
    assert api.asked == [
        ("PUT", "/v1/stores/ginza", {"name": "Ginza"}),
        ("PUT", "/v1/customers/aiko", {"name": "Aiko"}),
        ("PUT", "/v1/customers/aiko/consents", {"offers": {"push": True}, "source": "form"}),
        ("PUT", "/v1/customers/ben", {"name": "Ben"}),
        ("PUT", "/v1/devices/chiller-1", {"model": "chiller", "owner": "aiko"}),
        ("POST", "/v1/devices/chiller-1/credentials", None),
    ]


def test_a_refusal_says_what_was_refused_and_why(api: Api) -> None:
    api.refuses = "/v1/devices/chiller-1"
    with pytest.raises(EmbeddedError, match=r"PUT /v1/devices/chiller-1: .*nobody of that name"):
        inventory.bring_in(cast(), api.url, "key")


def test_an_api_that_is_not_there_is_named(api: Api) -> None:
    with pytest.raises(EmbeddedError, match="the API does not answer PUT /v1/stores/ginza"):
        inventory.bring_in(cast(), "http://127.0.0.1:9", "key")


def test_the_shipped_scenario_has_a_cast() -> None:
    found = inventory.of_scenario("demo")
    assert {"stores", "customers", "devices"} <= set(found)
    owners = {device["owner"] for device in found["devices"].values() if device.get("owner")}
    assert owners <= set(found["customers"])


def test_a_scenario_that_is_not_there_is_named() -> None:
    with pytest.raises(EmbeddedError, match="kizashi-sim no-such-scenario"):
        inventory.of_scenario("no-such-scenario")


def test_who_has_agreed_to_web_push_is_given_a_browser() -> None:
    cast: dict[str, Any] = {
        "aiko": {"addresses": {}, "consents": {"maintenance": {"webpush": True}, "source": "form"}},
        "ben": {"addresses": {}, "consents": {"maintenance": {"webpush": False}, "source": "form"}},
        "chie": {"addresses": {}},
    }
    inventory.give_browsers(cast, lambda name: {"endpoint": f"http://sandbox/webpush/{name}"})
    assert [each["addresses"] for each in cast.values()] == [
        {"webpush": [{"endpoint": "http://sandbox/webpush/aiko"}]},
        {},
        {},
    ]
