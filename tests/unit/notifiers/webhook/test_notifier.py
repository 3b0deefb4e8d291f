from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from notifiers.outcome import Accepted, CannotTell, Outgoing, Refused, Retry, Unknown
from notifiers.sandbox.server import Options, Sandbox, running
from notifiers.webhook.config import WebhookConfig
from notifiers.webhook.notifier import WebhookNotifier
from notifiers.webhook.payload import build

SECRET = "whsec_" + "c2VjcmV0" * 4
NOT_PUBLIC = Refused("webhook: the address leads to a machine that is not on the public internet")
CONFIG = WebhookConfig(secret=SECRET, allow_http=True, deadline_s=2)
STRANGER = "http://stranger.example/hook"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running(Options(webhook_secret=SECRET)) as started:
        yield started


@pytest.fixture
def opened() -> Iterator[Any]:
    """Builds notifiers, and closes them at the end."""
    built: list[WebhookNotifier] = []

    def build_one(**changes: Any) -> WebhookNotifier:
        built.append(WebhookNotifier(msgspec.structs.replace(CONFIG, **changes)))
        return built[-1]

    yield build_one
    for each in built:
        each.close()


def message(to: str, **changes: Any) -> Outgoing:
    return msgspec.structs.replace(
        Outgoing(
            "m1",
            to,
            "Title",
            "Text",
            data={"purpose": "maintenance", "decision_id": "d1"},
            customer_id="aiko",
            first_sent_at_ms=1_790_000_000_123,
        ),
        **changes,
    )


class Resolver:
    """Stands in for the name server: each look-up of ``stranger.example`` takes the next answer."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, host: str, port: int, *_: Any, **__: Any) -> list[tuple[Any, ...]]:
        assert host == "stranger.example"
        found = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (each, port, 0, 0))
            if ":" in each
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port))
            for each in found
        ]


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every address that anybody tries to connect to; nothing leaves this machine but to loopback."""
    tried: list[str] = []
    really = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        tried.append(address[0])
        if not address[0].startswith("127."):
            raise ConnectionRefusedError("the test lets nothing out")
        really(self, address)

    monkeypatch.setattr("notifiers.attempt.DeadlineSocket.connect", connect, raising=False)
    return tried


def test_the_body_says_who_what_and_when_and_is_the_same_at_each_try(opened: Any, sandbox: Sandbox) -> None:
    notifier = opened(allow_loopback=True)
    url = f"http://127.0.0.1:{sandbox.http_port}/webhook/body"
    assert notifier.send(message(url)) == Accepted("m1", delivered=True)
    body = sandbox.record.messages("webhook", url)[0].detail["body"]
    assert body == {
        "type": "notification.maintenance",
        "timestamp": "2026-09-21T14:13:20.123Z",
        "data": {
            "purpose": "maintenance",
            "decision_id": "d1",
            "message_id": "m1",
            "customer_id": "aiko",
            "title": "Title",
            "text": "Text",
        },
    }
    assert build(message(url)) == build(message(url))


@pytest.mark.parametrize("known", ["secret", "previous_secret"])
def test_while_a_secret_is_replaced_receivers_with_either_accept(opened: Any, known: str) -> None:
    both = {"secret": "whsec_" + "bmV3ZXJz" * 4, "previous_secret": SECRET}
    with running(Options(webhook_secret=both[known])) as receiver:
        notifier = opened(allow_loopback=True, **both)
        url = f"http://127.0.0.1:{receiver.http_port}/webhook/rotation"
        assert notifier.send(message(url)) == Accepted("m1", delivered=True)
        old_one_gone = opened(allow_loopback=True, secret=both["secret"])
        expected = Accepted("m2", delivered=True) if known == "secret" else Refused("webhook HTTP 401")
        assert old_one_gone.send(message(url, message_id="m2")) == expected


def test_a_receiver_with_another_secret_refuses_our_signature(opened: Any, sandbox: Sandbox) -> None:
    notifier = opened(allow_loopback=True, secret="whsec_" + "b3RoZXJz" * 4)
    url = f"http://127.0.0.1:{sandbox.http_port}/webhook/secret"
    assert notifier.send(message(url)) == Refused("webhook HTTP 401")


def test_cookies_of_endpoints_are_not_kept(opened: Any) -> None:
    heard: list[bytes] = []

    def serve(listening: socket.socket) -> None:
        for _ in range(2):
            peer, _address = listening.accept()
            with peer:
                request = b""
                while not request.endswith(b"}"):
                    request += peer.recv(65536)
                heard.append(request)
                peer.sendall(
                    b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                )

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,))
        thread.start()
        notifier = opened(allow_loopback=True)
        for _ in range(2):
            assert isinstance(notifier.send(message(f"http://127.0.0.1:{listening.getsockname()[1]}/")), Accepted)
        thread.join(5)
    assert len(heard) == 2
    assert all(b"cookie" not in each.lower() for each in heard)


def test_a_repeat_is_known_by_its_id(opened: Any, sandbox: Sandbox) -> None:
    notifier = opened(allow_loopback=True)
    url = f"http://127.0.0.1:{sandbox.http_port}/webhook/repeat"
    for _ in range(3):
        assert isinstance(notifier.send(message(url, message_id="m-repeat")), Accepted)
    assert len(sandbox.record.requests(message_id="m-repeat")) == 3
    assert len(sandbox.record.messages("webhook", url)) == 1
    assert notifier.settle(message(url), 0) == CannotTell()


def test_a_redirect_is_not_followed(opened: Any, sandbox: Sandbox, connected: list[str]) -> None:
    notifier = opened(allow_loopback=True)
    outcome = notifier.send(message(f"http://127.0.0.1:{sandbox.http_port}/webhook/a-redirects"))
    assert outcome == Refused("webhook HTTP 302: redirects are not followed; put the final URL")
    assert connected == ["127.0.0.1"]


@pytest.mark.parametrize(
    "host",
    [
        *(
            "127.0.0.1",
            "127.0.0.1.",
            "0177.0.0.1",
            "127.1",
            "0x7f.1",
            "2130706433",
            "0",
            "10.0.0.5",
            "192.168.1.1",
            "169.254.169.254",
        ),
        *("100.100.100.200", "[::1]", "[::ffff:169.254.169.254]", "[::ffff:127.0.0.1]", "[64:ff9b::a9fe:a9fe]"),
        *("[fd00:ec2::254]", "[fe80::1]", "[ff02::1]", "224.0.0.1", "255.255.255.255", "localhost", "localhost."),
        *("017700000001", "0177.0.0.1", "0xa9fea9fe", "2852039166", "169.254.43518", "127.0.0.1.", "[::]", "0.0.0.0"),
        *("[2002:a9fe:a9fe::1]", "[::7f00:1]", "[::ffff:7f00:1]", "[64:ff9b:1::a9fe:a9fe]", "[0:0:0:0:0:ffff:a00:1]"),
    ],
)
def test_no_connection_is_made_to_what_is_not_public(opened: Any, connected: list[str], host: str) -> None:
    assert opened().send(message(f"http://{host}/latest/meta-data/")) == NOT_PUBLIC
    assert connected == []


def test_one_private_address_among_public_ones_is_enough_for_a_no(
    opened: Any, connected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", Resolver(["8.8.8.8", "10.0.0.1"]))
    assert opened().send(message(STRANGER)) == NOT_PUBLIC
    assert connected == []


def test_a_name_is_looked_up_once_and_the_checked_address_is_the_one_connected_to(
    opened: Any, connected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Resolver(["8.8.8.8"], ["169.254.169.254"])
    monkeypatch.setattr(socket, "getaddrinfo", names)
    notifier = opened()
    assert isinstance(notifier.send(message(STRANGER)), Retry)
    assert (names.asked, connected) == (1, ["8.8.8.8"])
    # The name has changed its mind: the next try looks again, and nothing is connected to.
    assert notifier.send(message(STRANGER)) == NOT_PUBLIC
    assert (names.asked, connected) == (2, ["8.8.8.8"])


def test_even_the_sandbox_calls_nothing_private_but_this_machine(
    opened: Any, connected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", Resolver(["10.0.0.1"]))
    assert opened(allow_loopback=True).send(message(STRANGER)) == NOT_PUBLIC
    assert connected == []


def test_a_proxy_of_the_environment_is_not_asked(
    opened: Any, connected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:3128")
    monkeypatch.setattr(socket, "getaddrinfo", Resolver(["8.8.8.8"]))
    assert isinstance(opened().send(message(STRANGER)), Retry)
    assert connected == ["8.8.8.8"]


@pytest.mark.parametrize("url", [STRANGER, STRANGER.replace("http:", "HTTP:"), STRANGER.replace("http:", "hTTp:")])
def test_http_must_be_allowed(opened: Any, connected: list[str], url: str) -> None:
    outcome = opened(allow_http=False).send(message(url))
    assert isinstance(outcome, Refused)
    assert "webhook.allow_http" in outcome.reason
    assert not outcome.drop_address
    assert connected == []


def test_a_name_that_nobody_knows_may_be_known_later(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    assert isinstance(opened().send(message(STRANGER)), Retry)


@pytest.mark.parametrize(
    ("changes", "mend"),
    [
        ({"secret": "whsec_short"}, "webhook.secret must be whsec_"),
        ({"previous_secret": "whsec_short"}, "webhook.previous_secret must be whsec_"),
        ({"previous_secret": SECRET}, "webhook.previous_secret is webhook.secret"),
        ({"deadline_s": 0}, "webhook.deadline_s"),
    ],
)
def test_a_configuration_that_cannot_work_says_so(changes: dict[str, Any], mend: str) -> None:
    with pytest.raises(ValueError, match=mend):
        msgspec.convert({"secret": SECRET, **changes}, WebhookConfig)


def test_a_silent_endpoint_is_left_alone_and_its_neighbour_is_not(
    opened: Any, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notifiers.slow_hosts.SLOW_S", 0.05)
    notifier = opened(allow_loopback=True, deadline_s=0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        silent = f"http://127.0.0.1:{mute.getsockname()[1]}/hook"
        for _ in range(3):
            assert isinstance(notifier.send(message(silent)), Unknown)
        left_alone = notifier.send(message(silent))
    assert isinstance(left_alone, Retry)
    assert 0 < (left_alone.after_s or 0) <= 30
    neighbour = f"http://127.0.0.1:{sandbox.http_port}/webhook/neighbour"
    assert isinstance(notifier.send(message(neighbour, message_id="m-neighbour")), Accepted)
