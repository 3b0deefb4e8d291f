"""A device's slots: what is remembered of each rule on it, as far as there is anything to remember.

Most rules never have anything to say about most devices. A rule that no event concerned yet has no slot. One that is
inactive, and whose condition remembers no more than it did at first, is *at rest*: a bit says so, no object.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rules.alert import INACTIVE, Slot
from rules.subject import NEVER

if TYPE_CHECKING:
    from rules.plan import Plan
    from rules.subject import Subject


class Slots:
    """By place in the plan. Looking one up gives it an object of its own; a loop over them leaves out those at rest."""

    __slots__ = ("plan", "resting", "taken")

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.taken: dict[int, Slot] = {}
        """Those that have an object, in any order."""
        self.resting = 0
        """Bit n: the slot at place n is at rest."""

    def __getitem__(self, place: int) -> Slot | None:
        """The slot; ``None`` where no event concerned that rule yet."""
        slot = self.taken.get(place)
        if slot is None and self.resting >> place & 1:
            slot = self.taken[place] = at_rest(self.plan, place)
            self.resting ^= 1 << place
        return slot

    def __setitem__(self, place: int, slot: Slot) -> None:
        self.taken[place] = slot
        self.resting &= ~(1 << place)

    def __len__(self) -> int:
        """How many places there are."""
        return len(self.plan.rules)

    def __iter__(self) -> Iterator[Slot]:
        """Those that are not at rest, in the order of the plan."""
        return iter([self.taken[place] for place in sorted(self.taken)])

    def items(self) -> list[tuple[int, Slot]]:
        """Those that are not at rest, with their places, in the order of the plan."""
        return sorted(self.taken.items(), key=_place)

    def everyone(self) -> list[tuple[int, Slot]]:
        """All of them, with their places, in the order of the plan; to be looked at only."""
        if not self.resting:
            return self.items()
        found = dict.fromkeys(self.taken) | dict.fromkeys(self._places_at_rest())
        return [(place, self.taken.get(place) or self.plan.resting(place)) for place in sorted(found)]

    def _places_at_rest(self) -> Iterator[int]:
        resting = self.resting
        while resting:
            lowest = resting & -resting
            yield lowest.bit_length() - 1
            resting ^= lowest

    def take(self, place: int) -> Slot:
        """The slot, made if there was none."""
        slot = self[place]
        if slot is None:
            slot = self.taken[place] = Slot(self.plan.rules[place])
        return slot

    def rest(self, place: int) -> None:
        """Put the slot at ``place`` to rest, if nothing has to be remembered of it."""
        slot = self.taken[place]
        if may_rest(slot):
            del self.taken[place]
            self.resting |= 1 << place

    def moved_to(self, plan: Plan, places: dict[int, int]) -> Slots:
        """The same slots under another plan; ``places``: where each is that stays, by where it was."""
        moved = Slots(plan)
        for place, slot in self.taken.items():
            if place in places:
                moved.taken[places[place]] = slot
        for place in self._places_at_rest():
            if place in places:
                moved.resting |= 1 << places[place]
        return moved


def at_rest(plan: Plan, place: int) -> Slot:
    """A slot as it is at rest."""
    slot = Slot(plan.rules[place])
    slot.seen = True
    slot.settle()
    return slot


def may_rest(slot: Slot) -> bool:
    """Whether the slot is as ``at_rest`` would make it."""
    return (
        slot.phase == INACTIVE
        and slot.settled is False
        and slot.due == NEVER
        and slot.position is None
        and slot.memory == slot.rule.condition.fresh()
    )


def is_blank(slot: Slot) -> bool:
    """Whether nothing is remembered of the rule, as if no event had concerned it."""
    return (
        slot.phase == INACTIVE
        and not slot.seen
        and slot.due == NEVER
        and slot.position is None
        and slot.memory == slot.rule.condition.fresh()
    )


def stays_at_rest(plan: Plan, place: int, subject: Subject) -> bool:
    """Ask a rule whose slot is at rest; whether it stays so. If not, it is to be asked anew, with one of its own."""
    slot = plan.resting(place)
    try:
        unmoved = _unmoved(slot, subject)
    except Exception:  # noqa: BLE001 - it raises again where the rule is set aside for it
        unmoved = False
    if not unmoved:
        plan.wake_up(place)
    return unmoved


def _unmoved(slot: Slot, subject: Subject) -> bool:
    condition, at = slot.rule.condition, subject.last_at
    if condition.on_event(slot.memory, subject, at) is not False or slot.memory != condition.fresh():
        return False
    return not slot.timed or condition.next_deadline(slot.memory, subject, at) == NEVER


def _place(item: tuple[int, Slot]) -> int:
    return item[0]
