"""What a send may come to. Four outcomes, not two: see docs/explanation/outcomes.md."""

from __future__ import annotations

from typing import Protocol

import msgspec


class Accepted(msgspec.Struct, frozen=True):
    """The provider took it. Not the same as delivered."""

    provider_id: str
    delivered: bool = False
    """The receiver itself took it: nothing more is to come between it and the person's own system."""


class Retry(msgspec.Struct, frozen=True):
    """Not processed, may be repeated. ``after_s``: the provider's own wish (Retry-After), seconds."""

    reason: str
    after_s: float | None = None
    alarm: bool = False
    """Our configuration is at fault: an operator must look (credentials, sender)."""


class Refused(msgspec.Struct, frozen=True):
    """For good: a repeat would be refused again."""

    reason: str
    drop_address: bool = False
    opted_out: bool = False
    alarm: bool = False


class Unknown(msgspec.Struct, frozen=True):
    """The request left and no answer came back. Never blindly repeated."""

    reason: str


Outcome = Accepted | Retry | Refused | Unknown


class NotSent(msgspec.Struct, frozen=True):
    """The provider was asked and does not have it: sending is safe."""


class CannotTell(msgspec.Struct, frozen=True):
    """This provider cannot be asked."""


Settlement = Accepted | NotSent | CannotTell


class Outgoing(msgspec.Struct, frozen=True):
    """One rendered message to one address."""

    message_id: str
    to: str
    """Push token, E.164 number, mailbox or URL."""
    title: str
    """Push title and email subject; unused by SMS."""
    text: str
    html: str | None = None
    ttl_s: int | None = None
    """Seconds until it is worthless; carried to the provider (FCM ttl, Twilio ValidityPeriod)."""
    collapse_key: str | None = None
    data: dict[str, str] = {}
    status_callback: str | None = None
    """URL for delivery receipts (Twilio) or the app's acknowledgement (push)."""
    unsubscribe_url: str | None = None
    return_path: str | None = None
    """Email: the envelope sender, to which a bounce goes; ``None``: the sender's own mailbox."""
    customer_id: str | None = None
    taken: frozenset[str] = frozenset()
    """Provider ids of other messages to the same address: ``settle`` passes them over."""
    first_sent_at_ms: int | None = None
    """When it was first claimed for sending, epoch ms; the same at each try."""


class Notifier(Protocol):
    """The one shape of a channel."""

    channel: str
    provider: str

    def send(self, message: Outgoing) -> Outcome:
        """Send once. Blocks up to about 10 s. Raises nothing for what the provider or the network does."""
        ...

    def settle(self, message: Outgoing, sent_after_ms: int) -> Settlement:
        """Ask the provider whether ``message`` reached it at or after ``sent_after_ms`` (epoch ms)."""
        ...
