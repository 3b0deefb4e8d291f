"""Why a person was not contacted: the closed list of reasons, and one "no" with its evidence."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec


class Reason(StrEnum):
    """Every reason the policy can give: the timeline's ``reason``, the metric label and the report's key."""

    NO_CUSTOMER = "no_customer"
    """Nobody owns the device, or the owner is not on record."""
    EXPIRED = "expired"
    """The message was worth something only until a moment that has passed."""
    RECOVERED = "recovered"
    """The alert is over, so telling about it now would be false."""
    ENDED = "ended"
    """The alert was ended by a person, by time or by a change of rules."""
    ACKNOWLEDGED = "acknowledged"
    """Somebody has taken notice of the alert."""
    SNOOZED = "snoozed"
    """Somebody does not want to hear of the alert for a while."""
    FIRES_AGAIN = "fires_again"
    """The alert is over, but the same rule's next one on the device fires by now."""
    INHIBITED = "inhibited"
    """The alert of another rule on the same device, or in its store, explains this one."""
    LATE = "late"
    """The device told of it long after it happened."""
    RAISED = "raised"
    """The alert has become more serious: that is told instead."""
    NOT_TOLD = "not_told"
    """An all-clear for an alert of which this customer never heard."""
    OPEN_FAULT = "open_fault"
    """Nobody gets a promotion for a product that just broke in their kitchen."""
    COOLDOWN = "cooldown"
    """The same rule contacted the same customer too recently."""
    FREQUENCY_CAP = "frequency_cap"
    """The customer was contacted as often as the operator allows."""
    NO_CHANNEL = "no_channel"
    """Neither the rule, nor the customer, nor the gateway names a channel."""
    UNKNOWN_CHANNEL = "unknown_channel"
    """The rule or the customer names a channel that this gateway does not have."""
    NO_CONSENT = "no_consent"
    """The customer did not agree to this purpose on this channel."""
    NO_ADDRESS = "no_address"
    """The customer has no token, number or mailbox for this channel."""
    BAD_ADDRESS = "bad_address"
    """What is on record cannot be an address of this channel."""
    REGION_NOT_ALLOWED = "region_not_allowed"
    """The number belongs to a country to which the operator does not send."""
    BUDGET_USED_UP = "budget_used_up"
    """What may be spent on this channel in a day is spent."""
    NUMBER_CAP = "number_cap"
    """As many SMS as are allowed in a day went to this number."""
    PREFIX_CAP = "prefix_cap"
    """As many SMS as are allowed in a day went to this block of numbers: that is how SMS pumping looks."""
    HOLDOUT = "holdout"
    """The customer belongs to the control group of this rule."""
    QUIET_HOURS = "quiet_hours"
    """The customer's night. Usually a hold; a "no" where the message would expire before the night ends."""


class Suppression(msgspec.Struct, frozen=True):
    """One "no", ready for the timeline."""

    channel: str | None
    """The refused channel; ``None`` when the whole contact is refused."""
    reason: Reason
    detail: str
    """One plain English sentence for a support agent."""
    inputs: dict[str, Any]
    """What the stage looked at, as JSON. Times are epoch ms. Addresses are masked."""
