"""What the webhook channel needs to know."""

from __future__ import annotations

import msgspec

from notifiers.attempt import DEADLINE_S
from notifiers.webhook.signature import key_of


class WebhookConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The deployment's signing secret, and how strict it is about endpoints.

    Raises:
        ValueError: a setting cannot work; the text names it and the mend.
    """

    secret: str
    """``whsec_…``; each endpoint is given it to check our signature."""
    previous_secret: str | None = None
    """While endpoints change over to ``secret``: each call is signed with both."""
    allow_http: bool = False
    """Also call ``http://`` endpoints: anybody on the way can read what they are told."""
    allow_loopback: bool = False
    """Also call this machine. For the sandbox alone, whose endpoint is here."""
    ca_file: str | None = None
    """Trust these certificates in place of the system's."""
    deadline_s: float = DEADLINE_S
    connections: int = 32
    """Connections kept alive to one endpoint; as many as there are sending threads."""

    def __post_init__(self) -> None:
        _check("webhook.secret", self.secret)
        if self.previous_secret is not None:
            _check("webhook.previous_secret", self.previous_secret)
        if self.secret == self.previous_secret:
            raise ValueError(
                "webhook.previous_secret is webhook.secret: put the one from before there, or leave it out"
            )
        if self.deadline_s <= 0:
            raise ValueError("webhook.deadline_s must be more than 0")

    def __repr__(self) -> str:
        return f"WebhookConfig(allow_http={self.allow_http}, deadline_s={self.deadline_s})"

    __str__ = __repr__


def _check(name: str, secret: str) -> None:
    try:
        key_of(secret)
    except ValueError as error:
        raise ValueError(f"{name} {error}") from None
