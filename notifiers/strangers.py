"""Calls of machines that a stranger has named: a customer's own endpoint, the push service of their browser.

Whoever names the URL must gain nothing by it: no way into our network (``notifiers.egress``), no redirect, no cookie,
no proxy that would look the name up for us, and no thread held for longer than the deadline, nor again and again. The
status of an answer is all that counts: whoever answers at length, or a byte at a time, is not listened to.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import urlsplit

import requests

from notifiers import http_session
from notifiers.attempt import DEADLINE_S, Answer, Attempt, attempt
from notifiers.egress import NotPublicError, refuse_private, refuse_private_but_loopback
from notifiers.outcome import Refused, Retry, Unknown
from notifiers.slow_hosts import SlowHosts

_FAILURES = (requests.exceptions.RequestException, OSError, ValueError)
"""``ValueError``: what reading a malformed answer, or a name that IDNA refuses, ends in."""


class Strangers:
    """Posts to whatever URL it is given. Safe for several threads; ``close`` it when done."""

    def __init__(
        self,
        channel: str,
        *,
        allow_loopback: bool = False,
        deadline_s: float = DEADLINE_S,
        connections: int = 32,
        ca_file: str | None = None,
    ) -> None:
        """Open nothing yet; the first call connects.

        Args:
            channel: begins each reason.
            allow_loopback: also call this machine.
            deadline_s: for a whole call, seconds.
            connections: kept alive to one machine.
            ca_file: trusted in place of the system's certificates.
        """
        self._channel = channel
        self._permit = refuse_private_but_loopback if allow_loopback else refuse_private
        self._deadline_s = deadline_s
        self._session = http_session.session(connections, ca_file)
        # A proxy would look the name up for us, and connect wherever it leads.
        self._session.trust_env = False
        # Nor does one endpoint's cookie belong in another's call.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._slow = SlowHosts()
        self._finalizer = weakref.finalize(self, self._session.close)

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer | Refused | Retry | Unknown:
        """Post once, to a URL in which ``endpoint.fault_of`` finds nothing: the answer, or what came instead."""
        host = urlsplit(url).netloc
        left_s = self._slow.seconds_left(host, time.monotonic())
        if left_s:
            reason = f"{self._channel}: the endpoint keeps us waiting, and is left alone for a while"
            return Retry(reason, after_s=left_s)
        with attempt(self._deadline_s, self._permit, status_only=True) as now:
            begun = time.monotonic()
            outcome = self._post(now, url, body, headers)
            ended = time.monotonic()
        self._slow.note(host, answered=now.answer is not None, took_s=ended - begun, now=ended)
        return outcome

    def close(self) -> None:
        """Close the connections."""
        self._finalizer()

    def _post(
        self, now: Attempt, url: str, body: bytes, headers: Mapping[str, str]
    ) -> Answer | Refused | Retry | Unknown:
        try:
            self._session.post(url, data=body, headers=headers, allow_redirects=False)
        except _FAILURES as error:
            # The answer stands, whatever requests makes of it (it looks where a redirect would lead).
            if now.answer is None:
                return self._failed(now, error)
        return now.answer or Unknown(f"{self._channel}: the answer was not read")

    def _failed(self, now: Attempt, error: BaseException) -> Refused | Retry | Unknown:
        if _because_of(error, NotPublicError):
            return Refused(f"{self._channel}: the address leads to a machine that is not on the public internet")
        if now.request_left:
            return Unknown(f"{self._channel} {type(error).__name__} after the request left")
        return Retry(f"{self._channel} {type(error).__name__} before the request left")


def _because_of(error: BaseException | None, kind: type[BaseException]) -> bool:
    """Whether ``error``, or what it was raised from, is of ``kind``; requests and urllib3 wrap what a socket raises."""
    while error is not None:
        if isinstance(error, kind):
            return True
        error = error.__cause__ or error.__context__
    return False
