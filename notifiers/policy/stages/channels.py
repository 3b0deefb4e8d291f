"""Which channels are asked for, and does this gateway have them?"""

from __future__ import annotations

from notifiers.policy.reason import Reason, Suppression
from notifiers.policy.request import Contact


def requested_channels(contact: Contact) -> tuple[str, ...]:
    """The rule's order, else the customer's, else the gateway's; each channel once."""
    wanted = contact.request.channels or contact.customer.preferred_channels or contact.settings.channels
    return tuple(dict.fromkeys(wanted))


def refuse_without_channel(contact: Contact) -> Suppression | None:
    """Nobody names any channel."""
    if requested_channels(contact):
        return None
    return Suppression(
        None,
        Reason.NO_CHANNEL,
        "No channel is set up, and neither the rule nor the customer names one.",
        {"channels": []},
    )


def refuse_unknown_channel(contact: Contact, channel: str) -> Suppression | None:
    """A channel that is not set up cannot carry anything."""
    known = (*contact.settings.channels, *contact.settings.named_channels)
    if channel in known:
        return None
    return Suppression(
        channel,
        Reason.UNKNOWN_CHANNEL,
        f"This gateway has no channel {channel!r}; it has {', '.join(known) or 'none'}.",
        {"channel": channel, "known": list(known)},
    )
