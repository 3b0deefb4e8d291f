"""The inbox channel. There is no provider: the message is on record already, and is shown once it is delivered."""

from __future__ import annotations

from notifiers.inbox.config import InboxConfig
from notifiers.inbox.outcomes import outcome_of
from notifiers.outcome import NotSent, Outcome, Outgoing, Settlement


class InboxNotifier:
    """Delivers by saying so: the outbox writes *delivered*, and the customer's app sees the message from then on."""

    channel = "inbox"
    provider = "inbox"

    def __init__(self, config: InboxConfig) -> None:
        """Nothing to open."""

    def send(self, message: Outgoing) -> Outcome:
        """Send once; see ``notifiers.outcome.Notifier``."""
        return outcome_of(message)

    def settle(self, message: Outgoing, sent_after_ms: int) -> Settlement:
        """What is not on record as delivered is not in the inbox."""
        return NotSent()

    def close(self) -> None:
        """Nothing to close."""
