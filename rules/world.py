"""What all devices of a partition share: the stores and their fences."""

from __future__ import annotations

import contextlib

from devices.event import Millis, StoreFacts
from rules.announcement import Bulletin
from rules.geofence import Fences, fence_from
from rules.subject import LONG_AGO


class World:
    """Stores, by id, and since when each fence is known in its present form (event time)."""

    def __init__(self) -> None:
        self.stores: dict[str, StoreFacts] = {}
        self.known_since: dict[str, Millis] = {}
        self.fences = Fences()
        self.rules_at: Millis = LONG_AGO
        """Since when the rules that hold now have held; the same in all partitions."""
        self.bulletin = Bulletin()

    def name_of(self, store_id: str) -> str:
        """What to call the store in a sentence."""
        store = self.stores.get(store_id)
        return store.name if store is not None and store.name else store_id

    def put(self, store: StoreFacts, since: Millis) -> None:
        """Add or change a store.

        Raises:
            ValueError: its geofence is broken; the store is then known without a fence.
        """
        before = self.stores.get(store.id)
        self.stores[store.id] = store
        if before is not None and before.geofence == store.geofence:
            return
        self.known_since[store.id] = since
        self.fences.remove(store.id)
        if store.geofence:
            self.fences.put(store.id, fence_from(store.geofence))

    def restore(self, store: StoreFacts, since: Millis) -> None:
        """Put a store back from a checkpoint. A broken geofence was reported when it came."""
        with contextlib.suppress(ValueError):
            self.put(store, since)
        self.known_since[store.id] = since

    def remove(self, store_id: str) -> None:
        """Forget a store."""
        self.stores.pop(store_id, None)
        self.known_since.pop(store_id, None)
        self.fences.remove(store_id)
