"""Whose time zone is meant: one that the rule names, the store's or the customer's."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from rules.calendar import zone_named
from rules.problem import closest
from rules.reading import Reading
from rules.subject import Subject
from rules.whereabouts import stores_of

OF_STORE, OF_CUSTOMER = "store", "customer"
"""In place of a time zone's name: theirs."""
_UTC = ZoneInfo("UTC")
_MEND = "write it like Asia/Tokyo, or 'store' or 'customer' for theirs"


def zone_name(time_zone: str | None, subject: Subject) -> str | None:
    """The name of the time zone that is meant; ``None`` where it is not known.

    Args:
        time_zone: a name, ``store`` (the one in which the device is, else its own) or ``customer``; ``None`` where the
            rule says nothing: that of the store to which the device belongs, else its owner's, else UTC.
        subject: the device.
    """
    facts = subject.facts
    if time_zone == OF_STORE:
        return next((store.time_zone for store in stores_of(subject)), None)
    if time_zone == OF_CUSTOMER:
        return None if facts.customer is None else facts.customer.time_zone
    if time_zone is not None:
        return time_zone
    own = None if facts.store is None else subject.world.stores.get(facts.store)
    if own is not None:
        return own.time_zone
    return "UTC" if facts.customer is None else facts.customer.time_zone


def zone_of(subject: Subject, time_zone: str | None) -> ZoneInfo:
    """The time zone that is meant, as for ``zone_name``; UTC where nobody knows."""
    name = zone_name(time_zone, subject)
    return (None if name is None else zone_named(name)) or _UTC


def read_time_zone(reading: Reading) -> str | None:
    """The ``time_zone`` of the mapping, checked; ``None`` where it is left out or wrong."""
    name = reading.text("time_zone")
    if name is None or name in {OF_STORE, OF_CUSTOMER} or zone_named(name) is not None:
        return name
    from zoneinfo import available_timezones  # looks at some 600 files: only for a mistake

    mend = closest(name, sorted(available_timezones()), _MEND)
    reading.refuse("time_zone", f"there is no time zone '{name}'", mend)
    return None
