"""Over TLS the certificate must be the named host's, though the connection goes to an address that was checked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from notifiers.outcome import Accepted, Outcome, Outgoing, Retry
from notifiers.webhook.config import WebhookConfig
from notifiers.webhook.notifier import WebhookNotifier
from tests.unit.notifiers.test_attempt import secured


class Endpoint(NamedTuple):
    port: int
    certificate: Path
    taken: list[str]


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[Endpoint]:
    """One whose certificate is for ``localhost``."""
    certificate, context = secured(tmp_path)
    taken: list[str] = []

    class Takes(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            taken.append(self.headers["webhook-id"])
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            """A client that does not trust us hangs up: nothing to say."""

    with Server(("127.0.0.1", 0), Takes) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield Endpoint(server.server_port, certificate, taken)
        server.shutdown()
        thread.join()


def sent(url: str, ca_file: Path | None) -> Outcome:
    config = WebhookConfig(
        secret="whsec_" + "c2VjcmV0" * 4, allow_loopback=True, ca_file=str(ca_file) if ca_file else None, deadline_s=5
    )
    notifier = WebhookNotifier(config)
    try:
        return notifier.send(Outgoing("m1", url, "Title", "Text"))
    finally:
        notifier.close()


def test_an_endpoint_that_proves_its_name_is_told(endpoint: Endpoint) -> None:
    outcome = sent(f"https://localhost:{endpoint.port}/hook", endpoint.certificate)
    assert outcome == Accepted("m1", delivered=True)
    assert endpoint.taken == ["m1"]


def test_one_with_a_certificate_of_its_own_making_is_told_nothing(endpoint: Endpoint) -> None:
    assert isinstance(sent(f"https://localhost:{endpoint.port}/hook", None), Retry)
    assert endpoint.taken == []


def test_one_with_somebody_elses_certificate_is_told_nothing(endpoint: Endpoint) -> None:
    assert isinstance(sent(f"https://127.0.0.1:{endpoint.port}/hook", endpoint.certificate), Retry)
    assert endpoint.taken == []
