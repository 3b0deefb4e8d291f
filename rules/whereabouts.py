"""Which stores a device has to do with: those in which it is, else its own."""

from __future__ import annotations

from devices.event import StoreFacts
from rules.subject import Subject


def stores_of(subject: Subject) -> list[StoreFacts]:
    """The stores whose fence certainly holds the device, in order of id, else the one to which it belongs.

    Empty where there is neither, or the store is not (or no longer) known.
    """
    stores = subject.world.stores
    if subject.inside:
        return [stores[store_id] for store_id in sorted(subject.inside) if store_id in stores]
    own = subject.facts.store
    return [stores[own]] if own is not None and own in stores else []
