"""More of the channels' one contract: answers that come late, drop by drop, or say when to come back."""

from __future__ import annotations

import contextlib
import logging
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from notifiers.operations import channel as operations
from notifiers.operations.config import OperationsConfig
from notifiers.outcome import Accepted, Outcome, Refused, Retry, Unknown
from notifiers.sandbox.faults import Fault, Mode
from notifiers.sandbox.server import Sandbox
from tests.contract.test_notifiers import (
    ADDRESS,
    DEADLINE_S,
    HURRIED_S,
    PROVIDER,
    SECRET,
    SIGNING_SECRET,
    STAND_IN_LOGGERS,
    THE_STATUS_IS_THE_ANSWER,
    WIRED,
    in_a_hurry_once_sent,
    let_go_early,
    nobody_there,
    opened,
    outgoing,
    sandbox,
    stranger,
)

__all__ = ["sandbox"]

OVER_HTTP = tuple(channel for channel in WIRED if channel != "email")
ASKS_AGAIN = {"push", "webhook"}
"""Whose 5xx say that the message was not processed."""
DROP_S = HURRIED_S / 3
"""Between two bytes: a socket's own timeout would start anew with each."""


@contextmanager
def serving(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that leaves each connection to ``talk``, in a thread of its own."""
    talking: list[threading.Thread] = []

    def one(peer: socket.socket) -> None:
        with peer, contextlib.suppress(OSError):  # the client has let go
            talk(peer)

    def serve(listening: socket.socket) -> None:
        while True:
            try:
                peer, _ = listening.accept()
            except OSError:
                return
            peer.settimeout(10)
            talking.append(threading.Thread(target=one, args=(peer,), daemon=True))
            talking[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        accepting = threading.Thread(target=serve, args=(listening,), daemon=True)
        accepting.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        accepting.join(5)
        for each in talking:
            each.join(10)
            assert not each.is_alive(), "the notifier holds on to the connection"


def drop_by_drop(text: bytes) -> Callable[[socket.socket], None]:
    """Say ``text`` a byte at a time, and begin anew when it is over, until the other side lets go."""

    def talk(peer: socket.socket) -> None:
        while True:
            for byte in text:
                peer.sendall(bytes([byte]))
                time.sleep(DROP_S)

    return talk


def retry_after(status: str, wait: str) -> bytes:
    return f"HTTP/1.1 {status}\r\nRetry-After: {wait}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}".encode()


@pytest.mark.parametrize("channel", OVER_HTTP)
@pytest.mark.parametrize("status", ["429 Slow Down", "503 Not Now"])
def test_a_moment_to_come_back_at_is_honoured_as_seconds_are(channel: str, status: str) -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    outcomes: list[Outcome] = []
    for wait in (at, "90"):
        with stranger(retry_after(status, wait)) as port, opened(channel, port, port) as notifier:
            outcomes.append(notifier.send(outgoing(channel, "later")))
    for outcome in outcomes:
        if status.startswith("503") and channel == "sms":
            assert isinstance(outcome, Unknown)  # nobody can say whether it was processed: asked, not repeated
            continue
        assert isinstance(outcome, Retry)
        assert 60 < (outcome.after_s or 0) <= 90


@pytest.mark.parametrize("channel", WIRED)
@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nX-Header: ", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_a_head_that_comes_drop_by_drop_is_let_go_at_the_deadline(channel: str, head: bytes) -> None:
    text = b"220-welcome " if channel == "email" else head
    threads = threading.active_count()
    with serving(drop_by_drop(text)) as port, let_go_early(channel, port) as notifier:
        outcome = notifier.send(outgoing(channel, "drops"))
    assert isinstance(outcome, Retry if channel == "email" else Unknown)
    assert threading.active_count() <= threads, "a thread is left behind"


@pytest.mark.parametrize(
    ("step", "expected"), [(b"EHLO", Retry), (b"MAIL", Retry), (b"RCPT", Retry), (b"DATA", Retry), (b".\r\n", Unknown)]
)
def test_a_mail_server_that_slows_down_at_any_step_is_let_go(step: bytes, expected: type[Outcome]) -> None:
    def talk(peer: socket.socket) -> None:
        peer.sendall(b"220 hello\r\n")
        with peer.makefile("rb") as heard:
            for line in heard:
                if line.upper().startswith(step):
                    drop_by_drop(b"250-")(peer)
                elif line.startswith((b"EHLO", b"MAIL", b"RCPT", b"ehlo", b"mail", b"rcpt")):
                    peer.sendall(b"250 ok\r\n")
                elif line.upper().startswith(b"DATA"):
                    peer.sendall(b"354 go\r\n")

    with contextlib.ExitStack() as stack:
        port = stack.enter_context(serving(talk))
        if expected is Unknown:
            stack.enter_context(in_a_hurry_once_sent("email"))
        deadline_s = DEADLINE_S if expected is Unknown else HURRIED_S
        notifier = stack.enter_context(opened("email", port, port, deadline_s))
        assert isinstance(notifier.send(outgoing("email", "slow-step")), expected)


def test_who_wrote_stop_is_refused_and_known_to_have_opted_out(sandbox: Sandbox) -> None:
    with opened("sms", sandbox.http_port, sandbox.smtp_port) as notifier:
        outcome = notifier.send(outgoing("sms", "stopped", "+815005550009"))
    assert isinstance(outcome, Refused)
    assert outcome.opted_out
    assert not outcome.drop_address


@pytest.mark.parametrize("channel", WIRED)
def test_no_secret_and_no_address_is_said_where_no_answer_comes(
    channel: str, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    outcomes: list[Outcome] = []
    modes: tuple[Mode, ...] = ("silent", "dribble", "drop_before")
    with opened(channel, sandbox.http_port, sandbox.smtp_port) as notifier:
        hidden = {SECRET, SIGNING_SECRET, ADDRESS[channel], ADDRESS[channel].lstrip("+"), "canary"}
        for mode in modes:
            sandbox.faults.set(Fault(PROVIDER[channel], mode, seconds=DROP_S))
            # Where the status says all, a body that comes slowly is not waited for.
            at_once = mode == "dribble" and channel in THE_STATUS_IS_THE_ANSWER
            with contextlib.nullcontext() if at_once else in_a_hurry_once_sent(channel):
                outcomes.append(notifier.send(outgoing(channel, f"mute-{mode}")))
        sandbox.faults.set(Fault(PROVIDER[channel], "ok"))
    for reply in (b"", b"\x00 canary garbage\r\n", b"HTTP/1.1 302 Away\r\nLocation: http://canary.example/\r\n\r\n"):
        with stranger(reply) as strange, opened(channel, strange, strange) as notifier:
            hidden.add(ADDRESS[channel])
            outcomes.append(notifier.send(outgoing(channel, "mute-strange")))
    with nobody_there() as port, opened(channel, port, port) as notifier:
        hidden.add(ADDRESS[channel])
        outcomes.append(notifier.send(outgoing(channel, "mute-nobody")))
    assert sum(isinstance(each, Accepted) for each in outcomes) == (channel in THE_STATUS_IS_THE_ANSWER)
    ours = [each for each in caplog.records if not each.name.startswith(STAND_IN_LOGGERS)]
    said = repr(outcomes) + repr([(each.getMessage(), vars(each)) for each in ours])
    for canary in hidden:
        assert canary not in said


class TestTheOperationsChannels:
    """Told or not told is all there is to know: what was not told is told again, so doubt means not told."""

    def tell(self, port: int) -> bool:
        urls = (f"json://user:canary-password@127.0.0.1:{port}/canary-token",)
        return operations.OperationsChannel(OperationsConfig(urls=urls)).tell("Kizashi", "x", good_news=False)

    @pytest.mark.parametrize(
        ("reply", "told"),
        [
            (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", True),
            (retry_after("429 Slow Down", "9"), False),
            (b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", False),
            (b"HTTP/1.1 503 Not Now\r\nContent-Length: 0\r\n\r\n", False),
            (b"\x00\xff garbage\r\n\r\n", False),
            (b"", False),
        ],
        ids=["success", "throttled", "refused", "failing", "malformed", "dropped"],
    )
    def test_each_answer_is_told_or_not_told_and_never_raises(
        self, reply: bytes, told: bool, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        with stranger(reply) as port:
            assert self.tell(port) is told
        assert "canary" not in repr([(each.getMessage(), vars(each)) for each in caplog.records])

    def test_a_room_that_never_ends_its_answer_is_let_go_gets_no_more_and_keeps_no_process_alive(self) -> None:
        code = (
            "import sys\n"
            "from notifiers.operations import channel\n"
            "from notifiers.operations.config import OperationsConfig\n"
            f"channel.SERVICE_SECONDS = {HURRIED_S}\n"
            "made = channel.OperationsChannel(OperationsConfig(urls=(sys.argv[1],)))\n"
            "tell = lambda: made.tell('Kizashi', 'x', good_news=False)\n"
            "print([tell(), sys.stdin.readline(), tell(), tell()])"
        )
        heard: list[bytes] = []
        it_was_heard = threading.Event()

        def talk(peer: socket.socket) -> None:
            heard.append(peer.recv(65536))
            it_was_heard.set()
            drop_by_drop(b"HTTP/1.1 200 OK\r\nX: ")(peer)

        with (
            serving(talk) as port,
            subprocess.Popen(
                [sys.executable, "-c", code, f"json://user:canary-password@127.0.0.1:{port}/canary-token"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            ) as program,
        ):
            assert it_was_heard.wait(60)
            said, complaints = program.communicate("", timeout=60)
        assert (said.strip(), complaints) == ("[False, '', False, False]", "")
        assert len(heard) == 1
