"""What the stand-ins remember: the messages that reached people, and every request that reached a provider.

The request log is the tests' oracle: it is written by the provider's side, never by the code under test. Both are
bounded; the log may also go to a file of JSON lines, whole and in order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import msgspec

from notifiers.sandbox.faults import Mode, Provider, now_ms

KEPT_MESSAGES = 5_000
KEPT_REQUESTS = 100_000


class Received(msgspec.Struct):
    """One message as its receiver sees it."""

    n: int
    """Running number; also the request's number in the log."""
    at: int
    """Epoch ms."""
    channel: str
    to: str
    message_id: str
    provider_id: str
    title: str
    text: str
    html: str | None = None
    state: str = "accepted"
    detail: dict[str, Any] = {}


class Said(msgspec.Struct):
    """What a person wrote to one of our numbers, and what came back at once."""

    n: int
    at: int
    """Epoch ms."""
    number: str
    """The person's."""
    to: str
    text: str
    status: int | None
    """What the gateway's webhook answered; none: nothing."""
    answer: str = ""
    """What Twilio answers by itself to STOP, START and HELP."""


class Logged(msgspec.Struct, frozen=True):
    """One request to a provider."""

    n: int
    at: int
    """Epoch ms."""
    provider: Provider
    message_id: str
    to: str
    outcome: str
    """``accepted`` (the provider has it, even if its answer was lost), ``refused CODE``, or ``fault``: not taken."""
    fault: Mode = "ok"
    provider_id: str = ""


class Unread(NamedTuple):
    """A message that is parsed only when somebody looks."""

    at: int
    channel: str
    to: str
    read: Callable[[], Received]


class Record:
    """Messages and requests. Written by one thread; ``messages`` and ``requests`` may be asked from another."""

    def __init__(self, file: Path | None = None) -> None:
        """Keep in memory, and append requests to ``file``.

        Raises:
            OSError: the file cannot be opened.
        """
        self._messages: deque[Received | Unread] = deque(maxlen=KEPT_MESSAGES)
        self._requests: deque[Logged] = deque(maxlen=KEPT_REQUESTS)
        self._file: BinaryIO | None = file.open("ab", buffering=0) if file else None
        self._next = 1
        self._said: deque[Said] = deque(maxlen=KEPT_MESSAGES)
        self.opted_out: set[str] = set()
        """Numbers to which Twilio itself sends no more, since they wrote STOP."""
        self.version = now_ms()
        """Grows with every change that a page could show; begins where no sandbox before has been."""

    def request(
        self, provider: Provider, message_id: str, to: str, outcome: str, *, fault: Mode = "ok", provider_id: str = ""
    ) -> int:
        """Log a request; returns its number."""
        logged = Logged(self._next, now_ms(), provider, message_id, to, outcome, fault, provider_id)
        self._next += 1
        self._requests.append(logged)
        if self._file is not None:
            self._file.write(msgspec.json.encode(logged) + b"\n")
        return logged.n

    def message(self, received: Received | Unread) -> None:
        """Keep a message."""
        self._messages.append(received)
        self.version += 1

    def find(self, n: int, to: str) -> Received | None:
        """The message of that number to that address."""
        for each in reversed(self._messages):
            received = each.read() if isinstance(each, Unread) and each.to == to else each
            if isinstance(received, Received) and (received.n, received.to) == (n, to):
                return received
        return None

    def change(self, received: Received, state: str) -> None:
        """Note what its receiver did with a message."""
        received.state = state
        self.version += 1

    def say(self, number: str, to: str, text: str, status: int | None, answer: str) -> Said:
        """Keep what a person wrote."""
        said = Said(self._next, now_ms(), number, to, text, status, answer)
        self._next += 1
        self._said.append(said)
        self.version += 1
        return said

    def said(self, numbers: Collection[str]) -> list[Said]:
        """What the owners of ``numbers`` wrote, oldest first."""
        return [each for each in self._said if each.number in numbers]

    def newest(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Channel and address to how many messages it has and when the newest came (epoch ms), newest first."""
        found: dict[tuple[str, str], tuple[int, int]] = {}
        for each in reversed(self._messages):
            count, at = found.get((each.channel, each.to), (0, each.at))
            found[each.channel, each.to] = (count + 1, at)
        return found

    def messages(self, channel: str = "", to: str = "", limit: int = KEPT_MESSAGES) -> list[Received]:
        """The messages, newest first."""
        found = [
            each
            for each in reversed(tuple(self._messages))
            if (not channel or each.channel == channel) and (not to or each.to == to)
        ]
        return [each.read() if isinstance(each, Unread) else each for each in found[:limit]]

    def requests(self, provider: str = "", message_id: str = "", after: int = 0) -> list[Logged]:
        """The requests with a number above ``after``, oldest first."""
        return [
            each
            for each in tuple(self._requests)
            if each.n > after
            and (not provider or each.provider == provider)
            and (not message_id or each.message_id == message_id)
        ]

    def counts(self) -> dict[str, int]:
        """How many messages each channel holds."""
        found: dict[str, int] = {"push": 0, "sms": 0, "email": 0, "webhook": 0, "webpush": 0}
        for each in self._messages:
            found[each.channel] += 1
        return found

    def clear(self) -> None:
        """Forget the messages, and what people wrote; the request log stays."""
        self._messages.clear()
        self._said.clear()
        self.opted_out.clear()
        self.version += 1

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
