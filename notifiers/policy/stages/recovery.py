"""Is what the message says still true?"""

from __future__ import annotations

from notifiers.policy.reason import Reason, Suppression
from notifiers.policy.request import Contact


def refuse_recovered(contact: Contact) -> Suppression | None:
    """A firing or repeated alert that ended meanwhile is not announced any more."""
    if contact.request.transition == "resolved" or contact.history.alert_active:
        return None
    return Suppression(
        None,
        Reason.RECOVERED,
        f"The alert of rule {contact.request.rule_id} was over before the message left.",
        {"transition": contact.request.transition, "alert_active": False},
    )
