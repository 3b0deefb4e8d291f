"""Answers made to hold us up: the status counts, and what comes after it is not waited for."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from notifiers.attempt import Answer
from notifiers.outcome import Unknown
from notifiers.strangers import Strangers

DEADLINE_S = 2.0
LONG_S = 5 * DEADLINE_S


@contextmanager
def answering(talk: Callable[[socket.socket], None]) -> Iterator[tuple[str, list[int]]]:
    """A server that reads a request and then says what ``talk`` does; the requests on each connection are counted."""
    requests: list[int] = []

    def serve(listening: socket.socket) -> None:
        while True:
            try:
                peer, _ = listening.accept()
            except OSError:
                return
            requests.append(0)
            with peer:
                try:
                    while heard(peer):
                        requests[-1] += 1
                        talk(peer)
                except OSError:
                    continue  # we were hung up on, as we deserve

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/hook", requests
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def heard(peer: socket.socket) -> bool:
    """One whole request; false where the caller has hung up."""
    request = b""
    while not request.endswith(b"{}"):
        piece = peer.recv(65536)
        if not piece:
            return False
        request += piece
    return True


@pytest.fixture
def strangers() -> Iterator[Strangers]:
    made = Strangers("webhook", allow_loopback=True, deadline_s=DEADLINE_S)
    yield made
    made.close()


def posted(strangers: Strangers, url: str) -> tuple[object, float]:
    begun = time.monotonic()
    outcome = strangers.post(url, b"{}", {"Accept-Encoding": "identity"})
    return (outcome.status if isinstance(outcome, Answer) else outcome), time.monotonic() - begun


def endless(peer: socket.socket) -> None:
    peer.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        peer.sendall(b"2000\r\n" + b"x" * 0x2000 + b"\r\n")


def dribbling(peer: socket.socket) -> None:
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(1_000):
        peer.sendall(b"x")
        time.sleep(0.02)


def never_ending(peer: socket.socket) -> None:
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")
    peer.settimeout(LONG_S)
    peer.recv(1)


def bomb(peer: socket.socket) -> None:
    body = gzip.compress(b"\0" * 10_000_000)
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def cut_off(peer: socket.socket) -> None:
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nx")
    peer.shutdown(socket.SHUT_RDWR)


def nonsense(peer: socket.socket) -> None:
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nhaha")


@pytest.mark.parametrize("talk", [endless, dribbling, never_ending, bomb, cut_off, nonsense])
def test_the_status_counts_and_nobody_is_listened_to_for_long(
    strangers: Strangers, talk: Callable[[socket.socket], None]
) -> None:
    with answering(talk) as (url, _):
        for _ in range(2):
            status, took_s = posted(strangers, url)
            assert status == 200
            assert took_s < DEADLINE_S, "the deadline was not needed"


@pytest.mark.parametrize("talk", [endless, dribbling, never_ending, cut_off])
def test_a_connection_on_which_something_is_left_to_read_is_not_used_again(
    strangers: Strangers, talk: Callable[[socket.socket], None]
) -> None:
    with answering(talk) as (url, requests):
        assert [posted(strangers, url)[0] for _ in range(2)] == [200] * 2
    assert requests == [1, 1]


def test_a_short_answer_leaves_the_connection_for_the_next_call(strangers: Strangers) -> None:
    def short(peer: socket.socket) -> None:
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    with answering(short) as (url, requests):
        assert [posted(strangers, url)[0] for _ in range(3)] == [200] * 3
    assert requests == [3]


def slow_headers(peer: socket.socket) -> None:
    for byte in b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 10_000:
        peer.sendall(bytes([byte]))
        time.sleep(0.02)


def endless_headers(peer: socket.socket) -> None:
    peer.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        peer.sendall(b"X-More: x\r\n" * 1_000)


def endless_interim(peer: socket.socket) -> None:
    while True:
        peer.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.001)


@pytest.mark.parametrize("talk", [slow_headers, endless_headers, endless_interim])
def test_without_a_whole_head_it_is_unknown_and_ends_with_the_deadline(
    strangers: Strangers, talk: Callable[[socket.socket], None]
) -> None:
    with answering(talk) as (url, _):
        outcome, took_s = posted(strangers, url)
    assert isinstance(outcome, Unknown)
    assert took_s < LONG_S
