"""``store``: what the registry says of the store in which the device is, else of its own."""

from __future__ import annotations

from typing import Any

from devices.event import Millis, StoreFacts
from rules.condition import FACTS, LOCATION, Condition, Memory, Operator, Scope, Truth
from rules.facts import Part, all_of, any_of, explained, phrases, read_pattern, read_tag
from rules.reading import Reading
from rules.subject import Subject
from rules.whereabouts import stores_of

_FIELDS = ("id", "name", "time_zone")
_MEND = "write store: {id: ginza}, store: {tag: flagship} or store: {name: Tokyo *}"


class Store(Condition):
    """True if one of the stores is such a one. A device that is known to be in no store, and has none: false.

    Remembers nothing. Watches the position, which tells in which store the device is.
    """

    __slots__ = ("parts",)

    watches = frozenset({FACTS, LOCATION})

    def __init__(self, parts: tuple[Part, ...]) -> None:
        self.parts = parts

    def on_event(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Look at each store."""
        stores = stores_of(subject)
        if not stores:
            return False if subject.tracked and subject.facts.store is None else None
        return any_of(self._such(store) for store in stores)

    def _such(self, store: StoreFacts) -> Truth:
        return all_of(part.holds(_fact(store, part.name)) for part in self.parts)

    def evidence(self, memory: Memory, subject: Subject) -> dict[str, Any]:
        """The store that is such a one: its id and name."""
        store = next((store for store in stores_of(subject) if self._such(store)), None)
        return {} if store is None else {"store_id": store.id, "store": subject.world.name_of(store.id)}

    def explain(self, memory: Memory, subject: Subject, at: Millis) -> dict[str, Any]:
        """What was wanted, and what each store is."""
        stores = [
            {"store": store.id, "facts": explained(self.parts, lambda part, store=store: _fact(store, part.name))}  # type: ignore[misc]
            for store in stores_of(subject)
        ]
        return {"operator": "store", "stores": stores, "result": self.on_event(memory, subject, at)}

    def phrase(self, memory: Memory, subject: Subject, at: Millis, *, holds: bool) -> str:
        """``the store is tagged flagship``."""
        stores = stores_of(subject)
        store = next((store for store in stores if self._such(store) is holds), stores[0] if stores else None)
        return phrases(
            [(part, None if store is None else _fact(store, part.name)) for part in self.parts], "store", holds=holds
        )


def _fact(store: StoreFacts, name: str) -> Any:
    """What the registry says; ``None`` where it says nothing."""
    return list(store.tags) if name == "tag" else getattr(store, name) or None


def _read(reading: Reading, _scope: Scope) -> Condition | None:
    node = reading.entries["store"]
    if isinstance(node.value, str):
        part = read_pattern(reading, "store")
        return None if part is None else Store((part._replace(name="id"),))
    store = reading.mapping("store", _MEND)
    if store is None:
        return None
    noted = len(store.problems)
    store.only((*_FIELDS, "tag"))
    parts = [part for part in (*(read_pattern(store, field) for field in _FIELDS), read_tag(store)) if part]
    if not store.entries:
        store.refuse(None, "nothing is asked of the store", _MEND)
    return Store(tuple(parts)) if len(store.problems) == noted else None


OPERATOR = Operator("store", _read)
