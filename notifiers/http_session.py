"""The HTTP session that the providers' SDKs are given: one deadline, no hidden repeats, the raw answer kept.

Every SDK here repeats by itself when left alone (on 503, on a dropped connection, on 401). A hidden repeat is a hidden
duplicate, so this session repeats nothing and follows no redirect; the outbox is the one place for repeats.
"""

from __future__ import annotations

import email.utils
import logging
import math
import os
import socket
import ssl
import time
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError

from notifiers.attempt import Answer, Attempt, connect, current, tls_context

MAX_ANSWER_BYTES = 1_000_000
"""A provider's answer is a few hundred bytes; more than this is no answer."""

MAX_IDLE_TALK_BYTES, IDLE_TALK_S = 16_000, 0.25
"""Of a body that means nothing so much is read, for so long: enough to use the connection again where it is short."""

IDLE_LIMIT_S = 30.0
"""A connection idle for longer is not used again."""

MAX_RETRY_AFTER_S = 24 * 3600.0


class _PlainConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _connected(self)


class _TLSConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connected(self)


def _connected(connection: HTTPConnection) -> socket.socket:
    try:
        return connect(connection.host, connection.port or connection.default_port)
    except OSError as error:
        raise NewConnectionError(connection, type(error).__name__) from error


class _RestedPool(HTTPConnectionPool):
    """Does not use a connection again that was idle for long.

    The other side, or a box in between, may have dropped it without a word, and a request lost on it would be unknown.
    """

    def _get_conn(self, timeout: float | None = None) -> Any:
        connection = super()._get_conn(timeout)
        if time.monotonic() - getattr(connection, "idle_since", math.inf) > IDLE_LIMIT_S:
            connection.close()  # opens anew with the request
        return connection

    def _put_conn(self, conn: Any) -> None:
        if conn is not None:
            conn.idle_since = time.monotonic()
        super()._put_conn(conn)


class _PlainPool(_RestedPool):
    ConnectionCls = _PlainConnection


class _TLSPool(_RestedPool, HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


_POOLS = {"http": _PlainPool, "https": _TLSPool}


class DeadlineAdapter(HTTPAdapter):
    """Sends each request once, within the thread's attempt, and leaves the whole answer on that attempt."""

    def __init__(self, connections: int, ca_file: str | None = None) -> None:
        """Keep up to ``connections`` connections to a host alive."""
        self._context: ssl.SSLContext | None = None
        self._ca_file = ca_file
        super().__init__(pool_maxsize=connections, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:
        """Give the pools our connections."""
        super().init_poolmanager(connections, maxsize, block, **pool_kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> Any:
        """The same behind a proxy."""
        manager = super().proxy_manager_for(proxy, **proxy_kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Use the context whose sockets keep the deadline."""
        host, tls = super().build_connection_pool_key_attributes(request, verify, cert)
        if host["scheme"] == "https":
            if self._context is None:
                self._context = tls_context(self._ca_file)
            tls["ssl_context"] = self._context
        return host, tls

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        """Send once and read the whole answer; see ``requests`` for the parameters."""
        now = current()
        if now is not None:
            now.begin_request()
            timeout = now.remaining()
        response = super().send(request, stream=True, timeout=timeout, verify=verify, cert=cert, proxies=proxies)
        body = _skimmed(response, now) if now is not None and now.status_only else _read(response, MAX_ANSWER_BYTES)
        if now is not None:
            now.answer = Answer(response.status_code, response.headers, body)
        return response


def _skimmed(response: requests.Response, now: Attempt) -> bytes:
    """The body of an answer whose status says all; nothing of it where it is long or slow, and the connection ends."""
    now.hurry(IDLE_TALK_S)
    try:
        return _read(response, MAX_IDLE_TALK_BYTES)
    except (requests.exceptions.RequestException, OSError):
        response.close()
        response._content = b""
        return b""


def _read(response: requests.Response, at_most: int) -> bytes:
    """Read the body, at most so many bytes of it."""
    body = bytearray()
    for chunk in response.iter_content(65536):
        body += chunk
        if len(body) > at_most:
            response.close()
            raise requests.exceptions.ContentDecodingError("the answer is too long to be one")
    # requests offers no public way to hand over a body that was already read.
    response._content = bytes(body)
    return bytes(body)


def session(connections: int = 32, ca_file: str | None = None) -> requests.Session:
    """A session over ``DeadlineAdapter``; safe for several threads, for it keeps no cookies of interest."""
    return mount(requests.Session(), connections, ca_file)


def mount(onto: requests.Session, connections: int = 32, ca_file: str | None = None) -> requests.Session:
    """Make ``onto`` send through ``DeadlineAdapter`` only, following no redirect."""
    onto.adapters.clear()
    adapter = DeadlineAdapter(connections, ca_file)
    onto.mount("https://", adapter)
    onto.mount("http://", adapter)
    onto.max_redirects = 0
    # Left to itself, requests reads proxies and ~/.netrc anew for each request, and would put what it finds in the
    # latter in place of our credentials. Where a proxy is set, its exceptions by host still need that.
    onto.trust_env = bool(urllib.request.getproxies())
    onto.verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
    return onto


def retry_after_s(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Read ``Retry-After`` (RFC 9110 10.2.3): seconds, or a date; ``None`` where absent or senseless."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), MAX_RETRY_AFTER_S)
    try:
        until = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return min(max((until - (now or datetime.now(UTC))).total_seconds(), 0.0), MAX_RETRY_AFTER_S)


def _hide_path(record: logging.LogRecord) -> bool:
    """Keep what urllib3 requests out of its debug log: queries hold customers' numbers, paths hold secrets."""
    if isinstance(record.args, tuple):
        record.args = tuple("/…" if isinstance(part, str) and part.startswith("/") else part for part in record.args)
    return True


logging.getLogger("urllib3.connectionpool").addFilter(_hide_path)
