"""One attempt at a provider: a single deadline over all of it, and whether the request left us.

A socket's own timeout starts anew with every byte, so a provider that answers a byte a second holds a thread for ever.
The sockets here take their time from the thread's current attempt instead: whatever name lookup leaves of it,
connecting, the TLS handshake, writing and reading share it. They also note the first byte of the request that went out:
that note is the difference between "not processed, repeat it" and "unknown, ask first" (docs/explanation/outcomes.md).
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

DEADLINE_S = 10.0
"""Seconds for a whole attempt, unless a channel's configuration says otherwise."""

MIN_SHARE_S = 0.05
"""The least that one of several addresses of a host is given to answer a connection attempt, seconds."""


Permit = Callable[[str], None]
"""Given each IP address before it is connected to; raises ``OSError`` where that must not be."""


class Answer(NamedTuple):
    """A provider's whole HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Attempt:
    """One send, from the first packet to the last."""

    def __init__(self, seconds: float, permit: Permit | None = None, *, status_only: bool = False) -> None:
        """Start now.

        Args:
            seconds: the attempt ends so long from now.
            permit: asked before each connection.
            status_only: the answer's body means nothing, and whoever sends it is not waited for.
        """
        self.permit = permit
        self.status_only = status_only
        self._ends = time.monotonic() + seconds
        self.request_left = False
        """At least one byte of the request was handed to the network."""
        self.answer: Answer | None = None
        """The answer, once it was read whole."""

    def remaining(self) -> float:
        """Seconds left.

        Raises:
            TimeoutError: none is left.
        """
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("the attempt's deadline has passed")
        return left

    def hurry(self, seconds: float) -> None:
        """End ``seconds`` from now, if not before."""
        self._ends = min(self._ends, time.monotonic() + seconds)

    def begin_request(self) -> None:
        """Forget an earlier request of the same attempt (fetching an access token)."""
        self.request_left = False
        self.answer = None


_thread = threading.local()


@contextmanager
def attempt(seconds: float, permit: Permit | None = None, *, status_only: bool = False) -> Iterator[Attempt]:
    """Make an attempt the current one of this thread while the block runs; see ``Attempt``."""
    begun = Attempt(seconds, permit, status_only=status_only)
    _thread.attempt = begun
    try:
        yield begun
    finally:
        _thread.attempt = None


def current() -> Attempt | None:
    """The attempt that this thread is in, if any."""
    found: Attempt | None = getattr(_thread, "attempt", None)
    return found


def _limit(sock: socket.socket) -> None:
    """Let the next operation on ``sock`` take what is left, no more."""
    now = current()
    if now is not None:
        sock.settimeout(now.remaining())


def _note_departure() -> None:
    now = current()
    if now is not None:
        now.request_left = True


class DeadlineSocket(socket.socket):
    """A TCP socket whose every operation is bounded by the thread's attempt."""

    def recv_into(self, buffer: WriteableBuffer, nbytes: int = 0, flags: int = 0, /) -> int:
        """Read, within the deadline."""
        _limit(self)
        return super().recv_into(buffer, nbytes, flags)

    def sendall(self, data: ReadableBuffer, flags: int = 0, /) -> None:
        """Write, within the deadline."""
        _limit(self)
        _note_departure()
        super().sendall(data, flags)


class DeadlineTLSSocket(ssl.SSLSocket):
    """The same over TLS. The handshake's own bytes are no request."""

    def recv_into(self, buffer: WriteableBuffer, nbytes: int | None = None, flags: int = 0) -> int:
        """Read, within the deadline."""
        _limit(self)
        return super().recv_into(buffer, nbytes, flags)

    def send(self, data: ReadableBuffer, flags: int = 0) -> int:
        """Write, within the deadline; ``sendall`` comes through here too."""
        _limit(self)
        _note_departure()
        return super().send(data, flags)


def tls_context(ca_file: str | None = None) -> ssl.SSLContext:
    """A verifying client context whose sockets keep the deadline; ``ca_file`` replaces the system's trust.

    Raises:
        OSError: ``ca_file`` cannot be read, or holds no certificate; the text names it.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # of which SSLError is one
        why = error.strerror or "it holds no certificate in PEM form"
        raise OSError(f"ca_file {ca_file} can't be used: {why}") from error
    context.sslsocket_class = DeadlineTLSSocket
    return context


def _check(found: Sequence[tuple[Any, ...]]) -> None:
    """Let the attempt refuse the host for any one of its addresses, before a packet is sent to the first."""
    now = current()
    if now is not None and now.permit is not None:
        for *_, address in found:
            now.permit(str(address[0]))


def connect(host: str, port: int) -> socket.socket:
    """Connect to the first address of ``host`` that answers; the addresses share the time that is left.

    The name is looked up once, and what the attempt's ``permit`` was shown is what is connected to.

    Raises:
        OSError: no address answered (``TimeoutError`` and ``socket.gaierror`` are such).
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    _check(found)
    failure = OSError("the host has no address")
    for index, (family, kind, protocol, _, address) in enumerate(found):
        sock = DeadlineSocket(family, kind, protocol)
        try:
            now = current()
            left = now.remaining() if now is not None else DEADLINE_S
            sock.settimeout(max(left / (len(found) - index), MIN_SHARE_S))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.connect(address)
            sock.settimeout(now.remaining() if now is not None else DEADLINE_S)
        except OSError as error:
            sock.close()
            failure = error
        else:
            return sock
    raise failure
