"""What is gathered for a digest, and when it is told. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from notifiers.policy.night import local_time, next_at_ms
from notifiers.policy.reason import Reason, Suppression
from notifiers.policy.request import Contact, ContactRequest, Customer, History
from notifiers.policy.settings import PolicySettings
from notifiers.policy.stages.holdout import refuse_held_out
from notifiers.policy.stages.quiet_hours import whereabouts

GATHERED = frozenset({"firing", "repeat", "raised"})
"""Transitions that a digest can still tell of."""

PASSING = frozenset(
    {Reason.FREQUENCY_CAP, Reason.BUDGET_USED_UP, Reason.NUMBER_CAP, Reason.PREFIX_CAP, Reason.QUIET_HOURS}
)
"""Reasons that may be gone by the next day."""


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


def is_kept(refused: Iterable[tuple[str | None, str]]) -> bool:
    """Whether what a refused digest would have told waits for the next one.

    Args:
        refused: channel (``None``: the whole contact) and reason of each "no".
    """
    found = list(refused)
    whole = [reason for channel, reason in found if channel is None]
    return any(reason in PASSING for reason in whole or [reason for _, reason in found])


def due_ms(request: ContactRequest, customer: Customer, settings: PolicySettings, now_ms: int) -> int:
    """When the next digest of such requests is told, after ``now_ms`` (epoch ms)."""
    place = whereabouts(Contact(request, customer, History(), settings, now_ms))
    return next_at_ms(now_ms, settings.digest.at, place.zone)


def due_in_words(request: ContactRequest, customer: Customer, settings: PolicySettings, now_ms: int) -> str:
    """The same by the customer's own clock: ``2026-11-22 18:00 (Asia/Tokyo)``."""
    zone = whereabouts(Contact(request, customer, History(), settings, now_ms)).zone
    return f"{local_time(due_ms(request, customer, settings, now_ms), zone):%Y-%m-%d %H:%M} ({zone.key})"
