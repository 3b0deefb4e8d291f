"""The webhook channel: one signed POST to the customer's own endpoint, and to nowhere else."""

from __future__ import annotations

import time
import weakref
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import urlsplit

import requests

from notifiers import endpoint, http_session
from notifiers.attempt import Attempt, attempt
from notifiers.egress import NotPublicError, refuse_private, refuse_private_but_loopback
from notifiers.outcome import CannotTell, Outcome, Outgoing, Refused, Retry, Settlement, Unknown
from notifiers.slow_hosts import SlowHosts
from notifiers.webhook import outcomes, signature
from notifiers.webhook.config import WebhookConfig
from notifiers.webhook.payload import build

USER_AGENT = "Kizashi-Webhook/1"

_FAILURES = (requests.exceptions.RequestException, OSError, ValueError)
"""``ValueError``: what reading a malformed answer, or a name that IDNA refuses, ends in."""


class WebhookNotifier:
    """Calls endpoints. Safe for several threads; ``close`` it when done."""

    channel = "webhook"
    provider = "webhook"

    def __init__(self, config: WebhookConfig) -> None:
        """Open nothing yet; the first send connects."""
        self._config = config
        self._key = signature.key_of(config.secret)
        self._permit = refuse_private_but_loopback if config.allow_loopback else refuse_private
        self._session = http_session.session(config.connections, config.ca_file)
        # A proxy would look the name up for us, and connect wherever it leads.
        self._session.trust_env = False
        # Nor does one endpoint's cookie belong in another's call.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._slow = SlowHosts()
        self._finalizer = weakref.finalize(self, self._session.close)

    def send(self, message: Outgoing) -> Outcome:
        """Send once; see ``notifiers.outcome.Notifier``."""
        fault = endpoint.fault_of(message.to)
        if fault is not None:
            return Refused(f"webhook: the address {fault}", drop_address=True)
        url = urlsplit(message.to)
        if url.scheme != "https" and not self._config.allow_http:
            return Refused("webhook: the address begins with http://, which webhook.allow_http does not allow")
        left_s = self._slow.seconds_left(url.netloc, time.monotonic())
        if left_s:
            return Retry("webhook: the endpoint keeps us waiting, and is left alone for a while", after_s=left_s)
        with attempt(self._config.deadline_s, self._permit) as now:
            begun = time.monotonic()
            outcome = self._post(now, message)
            ended = time.monotonic()
        self._slow.note(url.netloc, answered=now.answer is not None, took_s=ended - begun, now=ended)
        return outcome

    def settle(self, message: Outgoing, sent_after_ms: int) -> Settlement:
        """An endpoint cannot be asked. It knows a repeat by its ``webhook-id``, so the outbox may send again."""
        return CannotTell()

    def close(self) -> None:
        """Close the connections."""
        self._finalizer()

    def _post(self, now: Attempt, message: Outgoing) -> Outcome:
        body = build(message)
        try:
            self._session.post(message.to, data=body, headers=self._headers(message, body), allow_redirects=False)
        except _FAILURES as error:
            # The answer stands, whatever requests makes of it (it looks where a redirect would lead).
            if now.answer is None:
                return _failed(now, error)
        return _answered(now, message.message_id)

    def _headers(self, message: Outgoing, body: bytes) -> dict[str, str]:
        now_s = int(time.time())
        return {
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            "Accept-Encoding": "identity",
            signature.ID: message.message_id,
            signature.TIMESTAMP: str(now_s),
            signature.SIGNATURE: signature.sign(self._key, message.message_id, now_s, body),
        }


def _answered(now: Attempt, message_id: str) -> Outcome:
    if now.answer is None:
        return Unknown("webhook: the answer was not read")
    return outcomes.outcome_of(now.answer, message_id)


def _failed(now: Attempt, error: BaseException) -> Outcome:
    if _because_of(error, NotPublicError):
        return Refused("webhook: the address leads to a machine that is not on the public internet")
    if now.request_left:
        return Unknown(f"webhook {type(error).__name__} after the request left")
    return Retry(f"webhook {type(error).__name__} before the request left")


def _because_of(error: BaseException | None, kind: type[BaseException]) -> bool:
    """Whether ``error``, or what it was raised from, is of ``kind``; requests and urllib3 wrap what a socket raises."""
    while error is not None:
        if isinstance(error, kind):
            return True
        error = error.__cause__ or error.__context__
    return False
