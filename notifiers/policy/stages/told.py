"""An all-clear is only for those who heard the alarm."""

from __future__ import annotations

from notifiers.policy.reason import Reason, Suppression
from notifiers.policy.request import Contact


def refuse_untold(contact: Contact) -> Suppression | None:
    """Who was not told that something is wrong is not told that it is right again."""
    if contact.request.transition != "resolved" or contact.history.was_told:
        return None
    return Suppression(
        None,
        Reason.NOT_TOLD,
        "The customer was never told of the alert, so its end is not announced either.",
        {"transition": "resolved", "was_told": False},
    )
