"""Whose time zone is meant: one that the rule names, the store's or the customer's."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from rules.calendar import zone_named
from rules.calendar_words import OF_CUSTOMER, OF_STORE
from rules.problem import closest
from rules.reading import Reading
from rules.subject import Subject
from rules.whereabouts import stores_of

_UTC = ZoneInfo("UTC")
_MEND = "write it like Asia/Tokyo, or 'store' or 'customer' for theirs"


def zone_of(subject: Subject, named: str | None) -> ZoneInfo:
    """The time zone in which a rule's hours are meant.

    Args:
        subject: the device.
        named: a zone's name, ``store``, ``customer``; ``None`` where the rule says nothing: that of the store to which
            the device belongs, else that of its owner.

    Returns:
        The zone; UTC where nobody knows.
    """
    if named is not None and named not in {OF_STORE, OF_CUSTOMER}:
        return zone_named(named) or _UTC
    facts = subject.facts
    if named == OF_STORE:
        name = next((store.time_zone for store in stores_of(subject)), None)
    elif named is None and facts.store is not None and facts.store in subject.world.stores:
        name = subject.world.stores[facts.store].time_zone
    else:
        name = None if facts.customer is None else facts.customer.time_zone
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
