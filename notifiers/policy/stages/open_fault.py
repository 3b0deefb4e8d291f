"""An open fault silences promotions."""

from __future__ import annotations

from notifiers.policy.reason import Reason, Suppression
from notifiers.policy.request import Contact


def refuse_during_fault(contact: Contact) -> Suppression | None:
    """Nobody gets a promotion while one of their products is broken."""
    purpose = contact.request.purpose
    if purpose not in contact.settings.silenced_by_fault or not contact.history.open_fault:
        return None
    return Suppression(
        None,
        Reason.OPEN_FAULT,
        f"One of the customer's products has an open fault, so messages of purpose {purpose} stay silent.",
        {"purpose": purpose, "open_fault": True},
    )
