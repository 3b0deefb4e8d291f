"""Alerts that speak for a whole store: ``inhibited_by: [{rule: gateway-down, same: store}]``.

The devices of a store stand on all partitions. Where an alert that others are inhibited by begins or ends, its
partition's fold says so in an ``AlertChanged`` for every partition, and each keeps the newest word on its bulletin.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from devices.event import AlertChanged, Millis
from rules.decision import Derivation, Outcome, Position, derived_id

if TYPE_CHECKING:
    from rules.alert import Slot
    from rules.subject import Subject

MAX_ENDED: Final = 20_000
"""So many alerts that ended are remembered, so that an old word on them is known to be old."""


class Bulletin:
    """Which alerts fire that speak for a store, as far as this partition has heard."""

    def __init__(self) -> None:
        self.rules: frozenset[str] = frozenset()
        """The rules whose alerts do."""
        self._firing: dict[tuple[str, str], AlertChanged] = {}
        """By rule and subject: the newest word on each that fires."""
        self._ended: dict[tuple[str, str], AlertChanged] = {}
        """The same of those that do not, the newest last."""
        self._stores: dict[tuple[str, str], int] = {}
        """By rule and store: on how many subjects it fires."""
        self._listeners: dict[str, set[str]] = {}
        """By store: the subjects with alerts for which others may speak there; some may be over. Not in checkpoints."""

    def fires(self, rule_id: str, store: str) -> bool:
        """Whether the rule fires on anything in the store."""
        return (rule_id, store) in self._stores

    def listen(self, store: str, subject_id: str) -> None:
        """The subject has an alert for which those of the store may speak."""
        self._listeners.setdefault(store, set()).add(subject_id)

    def listeners(self, store: str) -> list[str]:
        """Who may have such an alert, in an order that a restart does not change."""
        return sorted(self._listeners.get(store, ()))

    def leave(self, store: str, subject_id: str) -> None:
        """The subject has none there any more."""
        there = self._listeners.get(store, set())
        there.discard(subject_id)
        if not there:
            self._listeners.pop(store, None)

    def hear(self, event: AlertChanged, rules_at: Millis) -> str | None:
        """Take a word; the store in which the rule's last alert is over by it.

        The same word again, and an older one after a newer one, change nothing. Nor do words on rules that speak for
        no store, unless the rules under which they were said are still to come (``rules_at``: since when ours hold).
        """
        if event.rule_id not in self.rules and event.rules_at <= rules_at:
            return None
        key = (event.rule_id, event.subject)
        before = self._firing.get(key)
        newest = before or self._ended.get(key)
        if newest is not None and event.order <= newest.order:
            return None
        self._forget(key)
        if event.firing:
            self._firing[key] = event
            place = (event.rule_id, event.store)
            self._stores[place] = self._stores.get(place, 0) + 1
        else:
            self._ended[key] = event
            if len(self._ended) > MAX_ENDED:
                del self._ended[next(iter(self._ended))]
        return None if before is None or self.fires(before.rule_id, before.store) else before.store

    def _forget(self, key: tuple[str, str]) -> None:
        """Take out the word on one alert."""
        self._ended.pop(key, None)
        before = self._firing.pop(key, None)
        if before is not None:
            place = (before.rule_id, before.store)
            self._stores[place] -= 1
            if not self._stores[place]:
                del self._stores[place]

    def follow(self, rules: frozenset[str], rules_at: Millis) -> None:
        """From ``rules_at`` on the alerts of these ``rules`` speak for stores."""
        self.rules = rules
        for event in list(self.words()):
            if event.rule_id not in rules and event.rules_at <= rules_at:
                self._forget((event.rule_id, event.subject))

    def words(self) -> Iterator[AlertChanged]:
        """The newest word on each alert, for a checkpoint."""
        yield from self._firing.values()
        yield from self._ended.values()

    def restore(self, words: Iterable[AlertChanged], rules_at: Millis) -> None:
        """Put back what a checkpoint kept."""
        for event in words:
            self.hear(event, rules_at)


def announce(slot: Slot, subject: Subject, at: Millis, position: Position, out: list[Outcome]) -> None:
    """The alert in ``slot`` fires: tell every partition, if it speaks for its store and that is not said yet."""
    episode = slot.episode
    if episode is None:
        return
    speaks = slot.rule.id in subject.world.bulletin.rules
    store = (episode.store_id or subject.facts.store) if speaks else None
    if store == episode.announced_in:
        return
    retract(slot, subject, at, position, out)
    episode.announced_in = store
    if store is not None:
        out.append(_word(slot, subject, store, at, position, firing=True))


def retract(slot: Slot, subject: Subject, at: Millis, position: Position, out: list[Outcome]) -> None:
    """The alert in ``slot`` is over, or no longer about that store: tell every partition, if they were told of it."""
    episode = slot.episode
    if episode is not None and episode.announced_in is not None:
        out.append(_word(slot, subject, episode.announced_in, at, position, firing=False))
        episode.announced_in = None


def announce_anew(subject: Subject, at: Millis, position: Position, out: list[Outcome]) -> None:
    """The device or the rules changed: say of its alerts what is to be said now."""
    for slot in subject.slots:
        if slot is not None and slot.episode is not None and slot.rule.member_of is None:
            announce(slot, subject, at, position, out)


def _word(slot: Slot, subject: Subject, store: str, at: Millis, position: Position, *, firing: bool) -> Derivation:
    order = slot.next_order(position)
    event = AlertChanged(at, slot.rule.id, subject.id, store, firing, order, subject.world.rules_at)
    return Derivation(derived_id("w", slot.rule.id, subject.id, store, *order), event, None)
