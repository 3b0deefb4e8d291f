"""Not again so soon."""

from __future__ import annotations

from notifiers.policy.reason import Reason, Suppression
from notifiers.policy.request import Contact


def refuse_within_cooldown(contact: Contact) -> Suppression | None:
    """No second contact by one rule to one customer within the rule's cooldown.

    An all-clear is owed to whoever was told, and does not count as a second contact.
    """
    cooldown, last = contact.request.cooldown_ms, contact.history.last_contact_at_ms
    if contact.request.transition == "resolved" or cooldown is None or last is None:
        return None
    free_at = last + cooldown
    if contact.now_ms >= free_at:
        return None
    return Suppression(
        None,
        Reason.COOLDOWN,
        f"Rule {contact.request.rule_id} contacted this customer within its cooldown.",
        {"last_contact_at_ms": last, "cooldown_ms": cooldown, "free_at_ms": free_at, "now_ms": contact.now_ms},
    )
