"""Is the message still worth something?"""

from __future__ import annotations

from notifiers.policy.reason import Reason, Suppression
from notifiers.policy.request import Contact, ContactRequest
from notifiers.policy.settings import PolicySettings


def expires_at_ms(request: ContactRequest, settings: PolicySettings) -> int | None:
    """When the message becomes worthless (epoch ms), counted from the decision; ``None``: never."""
    after = request.expires_after_ms
    if after is None:
        after = settings.expires_after_ms.get(request.purpose)
    return None if after is None else request.decided_at_ms + after


def refuse_expired(contact: Contact) -> Suppression | None:
    """At its expiry a message is already too late."""
    expires_at = expires_at_ms(contact.request, contact.settings)
    if expires_at is None or contact.now_ms < expires_at:
        return None
    return Suppression(
        None,
        Reason.EXPIRED,
        "The message was not sent before it expired.",
        {"decided_at_ms": contact.request.decided_at_ms, "expires_at_ms": expires_at, "now_ms": contact.now_ms},
    )
