"""The webhook channel: one signed POST to the customer's own endpoint, and to nowhere else."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

from notifiers import endpoint
from notifiers.attempt import Answer
from notifiers.outcome import CannotTell, Outcome, Outgoing, Refused, Settlement
from notifiers.strangers import Strangers
from notifiers.webhook import outcomes, signature
from notifiers.webhook.config import WebhookConfig
from notifiers.webhook.payload import build

USER_AGENT = "Kizashi-Webhook/1"


class WebhookNotifier:
    """Calls endpoints. Safe for several threads; ``close`` it when done."""

    channel = "webhook"
    provider = "webhook"

    def __init__(self, config: WebhookConfig) -> None:
        """Open nothing yet; the first send connects."""
        self._config = config
        secrets = [config.secret, *([config.previous_secret] if config.previous_secret else [])]
        self._keys = [signature.key_of(secret) for secret in secrets]
        self._strangers = Strangers(
            self.channel,
            allow_loopback=config.allow_loopback,
            deadline_s=config.deadline_s,
            connections=config.connections,
            ca_file=config.ca_file,
        )

    def send(self, message: Outgoing) -> Outcome:
        """Send once; see ``notifiers.outcome.Notifier``."""
        fault = endpoint.fault_of(message.to)
        if fault is not None:
            return Refused(f"webhook: the address {fault}", drop_address=True)
        if urlsplit(message.to).scheme != "https" and not self._config.allow_http:
            return Refused("webhook: the address begins with http://, which webhook.allow_http does not allow")
        body = build(message)
        answer = self._strangers.post(message.to, body, self._headers(message, body))
        return outcomes.outcome_of(answer, message.message_id) if isinstance(answer, Answer) else answer

    def settle(self, message: Outgoing, sent_after_ms: int) -> Settlement:
        """An endpoint cannot be asked. It knows a repeat by its ``webhook-id``, so the outbox may send again."""
        return CannotTell()

    def close(self) -> None:
        """Close the connections."""
        self._strangers.close()

    def _headers(self, message: Outgoing, body: bytes) -> dict[str, str]:
        now_s = int(time.time())
        return {
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            "Accept-Encoding": "identity",
            signature.ID: message.message_id,
            signature.TIMESTAMP: str(now_s),
            signature.SIGNATURE: signature.signed(self._keys, message.message_id, now_s, body),
        }
