"""Did the customer agree?"""

from __future__ import annotations

from notifiers.channel_names import within
from notifiers.policy.reason import Reason, Suppression
from notifiers.policy.request import Contact, Customer


def recorded_consent(customer: Customer, purpose: str, channel: str) -> bool | None:
    """The customer's own word; ``None`` where there is none. Anything but a JSON boolean is no word."""
    by_channel = customer.consents.get(purpose)
    word = by_channel.get(channel) if isinstance(by_channel, dict) else None
    return word if isinstance(word, bool) else None


def refuse_without_consent(contact: Contact, channel: str) -> Suppression | None:
    """Silence means no, except for purposes whose consent is assumed; a recorded no is always a no."""
    purpose = contact.request.purpose
    word = recorded_consent(contact.customer, purpose, channel)
    if word or (word is None and purpose in contact.settings.assumed_consent):
        return None
    said = "has not agreed" if word is None else "refused"
    return Suppression(
        channel,
        Reason.NO_CONSENT,
        f"The customer {said} to be contacted by {within(channel)} for {purpose}.",
        {"purpose": purpose, "channel": channel, "consent": word},
    )
