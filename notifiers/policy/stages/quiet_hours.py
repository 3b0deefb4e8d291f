"""Not at night.

One hold for the whole contact, e-mail included: a phone rings for mail too, and letting mail out first would turn the
customer's last choice into the first one.
"""

from __future__ import annotations

from typing import NamedTuple
from zoneinfo import ZoneInfo

from notifiers.policy.night import local_time, nightfall_ms, release_ms, zone_or_none
from notifiers.policy.reason import Reason, Suppression
from notifiers.policy.request import Contact
from notifiers.policy.settings import QuietHours
from notifiers.policy.stages.expiry import expires_at_ms

_UTC = ZoneInfo("UTC")


class Hold(NamedTuple):
    """Until when the contact waits (epoch ms), and why."""

    until_ms: int
    why: Suppression


class Place(NamedTuple):
    """The time zone that counts, and what to say where it is not the customer's own."""

    zone: ZoneInfo
    note: str | None


def whereabouts(contact: Contact) -> Place:
    """The customer's time zone; where that is missing or unknown the store's, the operator's, UTC, in this order."""
    own = contact.customer.time_zone
    zone = zone_or_none(own) if own else None
    if zone is not None:
        return Place(zone, None)
    complaint = f"The customer's time zone {own!r} is not known" if own else "The customer's time zone is not on record"
    for name in (contact.request.store_time_zone, contact.settings.time_zone):
        zone = zone_or_none(name) if name else None
        if zone is not None:
            return Place(zone, f"{complaint}; {name} was used.")
    return Place(_UTC, f"{complaint}; UTC was used.")


def applicable_hours(contact: Contact) -> QuietHours | None:
    """The quiet hours of this contact; ``None`` where it may go out at any time. An all-clear wakes nobody."""
    hours = contact.settings.quiet_hours_for(contact.request.purpose)
    if hours is None:
        return None
    urgent = contact.request.severity in hours.woken_by and contact.request.transition != "resolved"
    return None if urgent else hours


def hold(contact: Contact, place: Place) -> Hold | None:
    """The hold for the customer's night; ``None`` by day."""
    hours = applicable_hours(contact)
    if hours is None:
        return None
    until = release_ms(contact.now_ms, hours, place.zone)
    if until == contact.now_ms:
        return None
    wall_clock = local_time(until, place.zone)
    why = Suppression(
        None,
        Reason.QUIET_HOURS,
        f"Quiet hours {hours} of the customer's time: held until {wall_clock:%Y-%m-%d %H:%M} ({place.zone.key}).",
        {
            "quiet_hours": str(hours),
            "time_zone": place.zone.key,
            "now_ms": contact.now_ms,
            "hold_until_ms": until,
            "severity": contact.request.severity,
        },
    )
    return Hold(until, why)


def quiet_from_ms(contact: Contact, place: Place) -> int | None:
    """When the next quiet hours of this contact begin (epoch ms, now at the earliest); ``None``: it has none."""
    hours = applicable_hours(contact)
    return None if hours is None else nightfall_ms(contact.now_ms, hours, place.zone)


def refuse_outlived(contact: Contact, held: Hold) -> Suppression | None:
    """A message that expires before the night ends is refused now, rather than held in vain."""
    expires_at = expires_at_ms(contact.request, contact.settings)
    if expires_at is None or held.until_ms < expires_at:
        return None
    return Suppression(
        None,
        Reason.QUIET_HOURS,
        "It is night at the customer's place, and the message expires before the quiet hours end.",
        {**held.why.inputs, "expires_at_ms": expires_at},
    )
