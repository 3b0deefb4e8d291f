"""What the web push channel needs to know."""

from __future__ import annotations

import msgspec

from notifiers.attempt import DEADLINE_S
from notifiers.webpush.vapid import fault_of_subject, key_of


class WebPushConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Who we are to the push services.

    Raises:
        ValueError: a setting cannot work; the text names it and the mend.
    """

    private_key: str
    """PEM or base64url; browsers subscribe to its public half, so another key reaches none of them any more."""
    subject: str
    """``mailto:`` or ``https:``: how a push service's operator reaches us."""
    allow_loopback: bool = False
    """Also call this machine, without TLS. For the sandbox alone, whose push service is here."""
    default_ttl_s: int = 24 * 3600
    """For messages that name none: how long a push service keeps one for a browser that is not running."""
    deadline_s: float = DEADLINE_S
    connections: int = 32
    """Connections kept alive to one push service; as many as there are sending threads."""

    def __post_init__(self) -> None:
        try:
            key_of(self.private_key)
        except ValueError as error:
            raise ValueError(f"webpush.private_key {error}") from None
        fault = fault_of_subject(self.subject)
        if fault is not None:
            raise ValueError(f"webpush.subject {fault}")
        if self.deadline_s <= 0:
            raise ValueError("webpush.deadline_s must be more than 0")

    def __repr__(self) -> str:
        return f"WebPushConfig(subject={self.subject!r}, deadline_s={self.deadline_s})"

    __str__ = __repr__
