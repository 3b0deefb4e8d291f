"""The web push channel: an encrypted message to the push service of the person's browser (RFC 8030)."""

from __future__ import annotations

import time
from functools import lru_cache
from urllib.parse import urlsplit

from notifiers import subscription
from notifiers.attempt import Answer
from notifiers.outcome import CannotTell, Outcome, Outgoing, Refused, Settlement
from notifiers.strangers import Strangers
from notifiers.subscription import Subscription, SubscriptionError
from notifiers.webpush import outcomes, payload, vapid
from notifiers.webpush.config import WebPushConfig
from notifiers.webpush.encryption import encrypt

USER_AGENT = "Kizashi-WebPush/1"
REMEMBERED = 1_000
"""Tokens, one for each push service; there are a handful, and whatever else a stranger names."""


class WebPushNotifier:
    """Sends to any push service, for the endpoint says which. Safe for several threads; ``close`` it when done."""

    channel = "webpush"
    provider = "webpush"

    def __init__(self, config: WebPushConfig) -> None:
        """Open nothing yet; the first send connects."""
        self._config = config
        key = vapid.key_of(config.private_key)

        @lru_cache(maxsize=REMEMBERED)
        def authorization(origin: str, span: int) -> str:
            return vapid.authorization(key, origin, config.subject, span * vapid.RENEWED_S)

        self._authorization = authorization
        self._strangers = Strangers(
            self.channel,
            allow_loopback=config.allow_loopback,
            deadline_s=config.deadline_s,
            connections=config.connections,
        )

    def send(self, message: Outgoing) -> Outcome:
        """Send once; see ``notifiers.outcome.Notifier``."""
        try:
            to = subscription.read(message.to)
        except SubscriptionError as error:
            return Refused(f"webpush: the address {error}", drop_address=True)
        if urlsplit(to.endpoint).scheme != "https" and not self._config.allow_loopback:
            return Refused("webpush: the endpoint must begin with https://", drop_address=True)
        body = encrypt(payload.build(message), to)
        answer = self._strangers.post(to.endpoint, body, self._headers(message, to))
        return outcomes.outcome_of(answer, message.message_id) if isinstance(answer, Answer) else answer

    def settle(self, message: Outgoing, sent_after_ms: int) -> Settlement:
        """A push service cannot be asked; only the service worker's acknowledgement settles."""
        return CannotTell()

    def close(self) -> None:
        """Close the connections."""
        self._strangers.close()

    def _headers(self, message: Outgoing, to: Subscription) -> dict[str, str]:
        span = int(time.time()) // vapid.RENEWED_S
        return {
            "Content-Type": "application/octet-stream",
            "Content-Encoding": "aes128gcm",
            "User-Agent": USER_AGENT,
            "Accept-Encoding": "identity",
            "Authorization": self._authorization(vapid.origin_of(to.endpoint), span),
            **payload.headers(message, self._config.default_ttl_s),
        }
