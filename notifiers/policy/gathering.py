"""What is gathered for a digest, and when it is told. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from notifiers.policy.night import next_at_ms
from notifiers.policy.reason import Reason, Suppression
from notifiers.policy.request import Contact, ContactRequest, Customer, History
from notifiers.policy.settings import PolicySettings
from notifiers.policy.stages.holdout import refuse_held_out
from notifiers.policy.stages.quiet_hours import whereabouts

GATHERED = frozenset({"firing", "repeat", "raised"})
"""Transitions that a digest can still tell of."""


def is_gathered(
    request: ContactRequest, customer: Customer, refused: Sequence[Suppression], settings: PolicySettings
) -> bool:
    """Whether a refused contact is told in the customer's next digest.

    A cap of the whole contact has refused it. The control group of a rule stays one, though the policy asks for the cap
    first.
    """
    if request.digest or request.purpose not in settings.digest.purposes or request.transition not in GATHERED:
        return False
    if not any(no.channel is None and no.reason is Reason.FREQUENCY_CAP for no in refused):
        return False
    return refuse_held_out(Contact(request, customer, History(), settings, request.decided_at_ms)) is None


def due_ms(request: ContactRequest, customer: Customer, settings: PolicySettings, now_ms: int) -> int:
    """When the next digest of such requests is told, after ``now_ms`` (epoch ms)."""
    place = whereabouts(Contact(request, customer, History(), settings, now_ms))
    return next_at_ms(now_ms, settings.digest.at, place.zone)
