"""Requests that the stand-ins make by themselves, a little later: status callbacks and a phone's acknowledgements."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit, urlunsplit

import httpx

PENDING_LIMIT = 20_000
"""More than that are dropped and counted."""

WORKERS = 8
RETRY_AFTER_S = (0.5, 1.0, 2.0, 4.0)
"""Waits before the repeats after a 5xx or a connection failure."""

_SERVER_ERROR = 500


class Call:
    """One request to make."""

    __slots__ = ("content", "headers", "tries", "url")

    def __init__(self, url: str, content: bytes, headers: dict[str, str]) -> None:
        """POST ``content`` to ``url``."""
        self.url = url
        self.content = content
        self.headers = headers
        self.tries = 0

    def copy(self) -> Call:
        """The same once more, with tries of its own."""
        return Call(self.url, self.content, self.headers)


class Outbound:
    """A few workers over a queue."""

    def __init__(self, base: str | None = None) -> None:
        """Send to ``base`` (scheme, host and port) whatever the URL's own are, where given."""
        self._base = urlsplit(base) if base else None
        self._due: asyncio.Queue[Call] = asyncio.Queue()
        self._pending = 0
        self.origins: set[str] = set()
        """``scheme://host:port`` of what messages called the gateway by."""
        self._workers: list[asyncio.Task[None]] = []
        self.dropped = 0
        self.done = 0
        self.given_up = 0

    def after(self, seconds: float, call: Call) -> None:
        """Make ``call`` in ``seconds``."""
        self.learn(call.url)
        if self._pending >= PENDING_LIMIT:
            self.dropped += 1
            return
        self._pending += 1
        asyncio.get_running_loop().call_later(seconds, self._due.put_nowait, call)

    def start(self) -> None:
        """Start the workers on the running loop."""
        self._client = httpx.AsyncClient(timeout=10.0, trust_env=False)
        self._workers = [asyncio.create_task(self._work()) for _ in range(WORKERS)]

    async def stop(self) -> None:
        """Stop; what is pending is forgotten."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        await self._client.aclose()

    async def _work(self) -> None:
        while True:
            call = await self._due.get()
            self._pending -= 1
            if await self._made(call):
                self.done += 1
            elif call.tries < len(RETRY_AFTER_S):
                call.tries += 1
                self.after(RETRY_AFTER_S[call.tries - 1], call)
            else:
                self.given_up += 1

    async def now(self, call: Call) -> int | None:
        """Make ``call`` at once, and only once: its status, or none where nobody answered."""
        self.learn(call.url)
        try:
            answer = await self._client.post(self.target(call.url), content=call.content, headers=call.headers)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError):
            # What is no URL at all is a ValueError to the standard library.
            return None
        return answer.status_code

    async def _made(self, call: Call) -> bool:
        status = await self.now(call)
        return status is not None and status < _SERVER_ERROR

    def learn(self, url: str) -> None:
        """Take note that ``url`` is one of the gateway's, so that others of its host are known for that too."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return
        self.origins.add(f"{parts.scheme}://{parts.netloc}")

    @property
    def base(self) -> str:
        """Where the gateway is reached instead; empty: where its URLs say."""
        return self._base.geturl().rstrip("/") if self._base else ""

    def target(self, url: str) -> str:
        """Where a request to ``url`` goes."""
        if self._base is None:
            return url
        parts = urlsplit(url)
        return urlunsplit((self._base.scheme, self._base.netloc, parts.path, parts.query, ""))
