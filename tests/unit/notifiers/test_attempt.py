from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from notifiers import http_session
from notifiers.attempt import Attempt, attempt, current
from notifiers.http_session import MAX_ANSWER_BYTES, retry_after_s
from tests.certificates import self_signed

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@contextmanager
def serving(answer: Callable[[socket.socket], None], context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A server that reads one request per connection and leaves the rest to ``answer``."""

    def serve(listening: socket.socket) -> None:
        while True:
            try:
                peer, _ = listening.accept()
                peer.settimeout(5)
                with context.wrap_socket(peer, server_side=True) if context else peer as talking:
                    heard = b""
                    while not heard.endswith(b"\r\n\r\nx"):
                        heard += talking.recv(65536)
                    answer(talking)
            except OSError:
                if listening.fileno() < 0:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,), daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def dribble(peer: socket.socket) -> None:
    for byte in OK:
        peer.sendall(bytes([byte]))
        time.sleep(0.1)


@contextmanager
def session(ca_file: str | None = None) -> Iterator[requests.Session]:
    with http_session.session(ca_file=ca_file) as opened:
        yield opened


def test_an_answer_that_comes_whole_is_kept_with_the_attempt() -> None:
    with serving(lambda peer: peer.sendall(OK)) as port, session() as opened, attempt(5) as now:
        assert opened.post(f"http://127.0.0.1:{port}/", data=b"x").text == "ok"
        assert now.answer is not None
        assert (now.answer.status, now.answer.body) == (200, b"ok")
        assert now.request_left


def test_headers_that_dribble_in_are_cut_off_by_the_deadline() -> None:
    with serving(dribble) as port, session() as opened, attempt(0.4) as now:
        with pytest.raises(requests.exceptions.RequestException):
            opened.post(f"http://127.0.0.1:{port}/", data=b"x")
        assert now.request_left
        assert now.answer is None
        with pytest.raises(TimeoutError):
            now.remaining()


def test_the_deadline_holds_over_tls_too(tmp_path: Path) -> None:
    certificate, context = secured(tmp_path)
    with serving(dribble, context) as port, session(str(certificate)) as opened:
        with attempt(0.4) as now, pytest.raises(requests.exceptions.RequestException):
            opened.post(f"https://localhost:{port}/", data=b"x")
        assert now.request_left
        assert now.answer is None


def test_over_tls_an_answer_is_read_and_the_handshake_is_no_request(tmp_path: Path) -> None:
    certificate, context = secured(tmp_path)
    with serving(lambda peer: peer.sendall(OK), context) as port:
        with session(str(certificate)) as opened, attempt(5) as now:
            opened.post(f"https://localhost:{port}/", data=b"x")
            assert now.answer is not None
        with session() as distrustful, attempt(5) as now, pytest.raises(requests.exceptions.SSLError):
            distrustful.post(f"https://localhost:{port}/", data=b"x")
        assert not now.request_left


def secured(folder: Path) -> tuple[Path, ssl.SSLContext]:
    certificate, private = self_signed(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, private)
    return certificate, context


def test_nothing_left_when_nobody_listens() -> None:
    with socket.socket() as reserved, session() as opened, attempt(5) as now:
        reserved.bind(("127.0.0.1", 0))  # and stays ours: nobody begins to listen there
        with pytest.raises(requests.exceptions.ConnectionError):
            opened.post(f"http://127.0.0.1:{reserved.getsockname()[1]}/", data=b"x")
        assert not now.request_left


def test_a_redirect_is_not_followed_and_its_answer_is_kept() -> None:
    away = b"HTTP/1.1 307 Away\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"
    with serving(lambda peer: peer.sendall(away)) as port, session() as opened, attempt(5) as now:
        with pytest.raises(requests.exceptions.TooManyRedirects):
            opened.post(f"http://127.0.0.1:{port}/", data=b"x")
        assert now.answer is not None
        assert now.answer.status == 307


def test_an_endless_answer_is_let_go() -> None:
    def flood(peer: socket.socket) -> None:
        peer.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        for _ in range(MAX_ANSWER_BYTES // 50_000):
            peer.sendall(b"x" * 65_536)

    with serving(flood) as port, session() as opened, attempt(5) as now:
        with pytest.raises(requests.exceptions.ContentDecodingError):
            opened.post(f"http://127.0.0.1:{port}/", data=b"x")
        assert now.answer is None


def test_a_connection_that_rested_for_long_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    ports: list[int] = []

    def answer_twice(peer: socket.socket) -> None:
        ports.append(peer.getpeername()[1])
        peer.sendall(OK)
        while peer.recv(65536):
            ports.append(peer.getpeername()[1])
            peer.sendall(OK)

    with serving(answer_twice) as port, session() as opened, attempt(5):
        opened.get(f"http://127.0.0.1:{port}/x", data=b"x")
        opened.get(f"http://127.0.0.1:{port}/x")
        monkeypatch.setattr(http_session, "IDLE_LIMIT_S", -1.0)
        opened.get(f"http://127.0.0.1:{port}/x", data=b"x")
    assert ports[0] == ports[1] != ports[2]


def test_an_attempt_belongs_to_its_thread() -> None:
    seen: list[Attempt | None] = []
    with attempt(5) as mine:
        thread = threading.Thread(target=lambda: seen.append(current()))
        thread.start()
        thread.join()
        assert current() is mine
    assert seen == [None]
    assert current() is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("9" * 400, 86_400.0),
        ("Sun, 22 Nov 2026 10:00:30 GMT", 30.0),
        ("Sun, 22 Nov 2026 09:00:00 GMT", 0.0),
        ("", None),
        ("-5", None),
        ("soon", None),
        ("٣", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, expected: float | None) -> None:
    now = datetime(2026, 11, 22, 10, 0, 0, tzinfo=UTC)
    assert retry_after_s({"Retry-After": text}, now) == expected


def test_no_retry_after_is_none() -> None:
    assert retry_after_s({}) is None
