"""A shop's backend, as small as it gets: serves the page, and forwards what a browser subscribed to.

``python examples/web-push/shop.py`` listens on http://127.0.0.1:8000: browsers take loopback for safe, and want https
for anything else. It reads ``KIZASHI_URL`` (http://127.0.0.1:8080), ``KIZASHI_KEY`` (a key of role agent), ``CUSTOMER``
(an id) and ``APPLICATION_SERVER_KEY`` (what ``kizashi keys vapid`` prints). A real shop takes the customer from its own
log-in.
"""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

HERE = Path(__file__).parent
KIZASHI = os.environ.get("KIZASHI_URL", "http://127.0.0.1:8080")
PURPOSES = ("maintenance", "service")
"""What the words beside the button promise to tell, and nothing more."""
LARGEST = 10_000
"""Bytes of a subscription; a browser's is a few hundred."""


class Shop(SimpleHTTPRequestHandler):
    """The page's own origin."""

    def do_GET(self) -> None:
        """The page, its scripts, and our public key."""
        if self.path == "/application-server-key":
            self._say(200, os.environ["APPLICATION_SERVER_KEY"])
        else:
            super().do_GET()

    def do_POST(self) -> None:
        """A browser of the customer who is logged in has subscribed, or has renewed its subscription."""
        length = int(self.headers.get("Content-Length", 0))
        if self.path != "/push-subscriptions" or not 0 < length <= LARGEST:
            self._say(404, "nothing is taken here")
            return
        if self.headers.get_content_type() != "application/json":
            # JSON is what a page of another site can't send here in the customer's name, with a browser of its own.
            self._say(415, "a subscription is sent as application/json")
            return
        try:
            given = json.loads(self.rfile.read(length))
            keep(os.environ["CUSTOMER"], given["subscription"], given.get("replaces"))
        except HTTPError as error:
            self._say(502, f"Kizashi says {error.code}: {error.read().decode()}")
        except OSError as error:
            self._say(502, f"Kizashi does not answer: {error}")
        except (ValueError, KeyError, TypeError):
            self._say(400, "this is no subscription")
        else:
            self._say(204, "")

    def _say(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def keep(customer_id: str, subscription: dict[str, Any], replaces: str | None = None) -> None:
    """Add a browser to the customer's, and note that they agreed."""
    path = f"/v1/customers/{quote(customer_id, safe='')}"
    customer = ask("GET", path)
    old = {subscription["endpoint"], replaces}
    kept = [each for each in customer["addresses"].get("webpush", []) if each["endpoint"] not in old]
    customer["addresses"]["webpush"] = [*kept, subscription]
    ask("PUT", path, customer)
    consents = ask("GET", f"{path}/consents")
    for purpose in PURPOSES:
        consents.setdefault(purpose, {})["webpush"] = True
    ask("PUT", f"{path}/consents", {**consents, "source": "the button for notifications in the shop"})


def ask(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """One call of Kizashi's API, with the key that only the backend has."""
    headers = {"Authorization": f"Bearer {os.environ['KIZASHI_KEY']}", "Content-Type": "application/json"}
    content = None if body is None else json.dumps(body).encode()
    with urlopen(Request(KIZASHI + path, content, headers, method=method), timeout=10) as answer:  # noqa: S310 - ours
        return json.loads(answer.read() or "null")


def main() -> None:
    """Serve until Ctrl-C; the port may be given as an argument, 0 takes any free one and says which."""
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    with ThreadingHTTPServer(("127.0.0.1", port), partial(Shop, directory=str(HERE))) as server:
        print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
