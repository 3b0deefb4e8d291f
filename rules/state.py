"""The state of one partition: what the fold carries from event to event, and a checkpoint keeps."""

from __future__ import annotations

import functools
import heapq
from collections.abc import Iterator

from devices.event import Millis
from rules.alert import AlertView, view
from rules.document import parse
from rules.group import facts_of, new_subject
from rules.plan import Plans
from rules.rule import NO_RULES, Ruleset
from rules.subject import LONG_AGO, Subject
from rules.world import World


@functools.lru_cache(maxsize=8)
def _parsed(files: tuple[tuple[str, str], ...]) -> Ruleset:
    return parse(dict(files))


def ruleset_of(files: dict[str, str]) -> Ruleset:
    """The rule set in ``files``, parsed once per process however many partitions ask.

    Raises:
        RuleErrors: it cannot be used.
    """
    return _parsed(tuple(sorted(files.items())))


class PartitionState:
    """Owned by the fold, which changes it in place. Not for several threads."""

    def __init__(self) -> None:
        self.subjects: dict[str, Subject] = {}
        self.world = World()
        self.files: dict[str, str] = {}
        """The rule files that hold."""
        self.version = ""
        """The version that ``RulesChanged`` gave them."""
        self.ruleset = NO_RULES
        self.plans = Plans(NO_RULES)
        self.now: Millis = LONG_AGO
        """Our time: the newest tick. Never goes back."""
        self.timers: list[tuple[Millis, str]] = []
        """A heap of (our time, device id). Entries that no longer agree with ``Subject.scheduled`` are void."""
        self.dirty: set[str] = set()
        """Devices changed since ``take_dirty``."""
        self.calming = True
        """Whether calm devices are left alone (see rules/calm.py). Decides nothing; tests compare with it off."""
        self.shared_dirty = False
        """Whether rules or stores changed since ``take_shared_dirty``."""

    @classmethod
    def empty(cls) -> PartitionState:
        """The state before the first event."""
        return cls()

    def take_dirty(self) -> set[str]:
        """The devices changed since the last call."""
        taken, self.dirty = self.dirty, set()
        return taken

    def take_shared_dirty(self) -> bool:
        """Whether rules or stores changed since the last call."""
        taken, self.shared_dirty = self.shared_dirty, False
        return taken

    def subject(self, device_id: str) -> Subject:
        """The device, made known if it was not."""
        found = self.subjects.get(device_id)
        if found is None:
            facts = facts_of(device_id)
            found = self.subjects[device_id] = new_subject(facts, self.world, self.plans.plan_for(facts))
        return found

    def schedule(self, subject: Subject) -> None:
        """Have the device looked at when ``subject.due`` has come on its clock, unless that happens earlier anyway."""
        at = subject.due + subject.lag
        if at < subject.scheduled:
            subject.scheduled = at
            heapq.heappush(self.timers, (at, subject.id))

    def use(self, files: dict[str, str], version: str, ruleset: Ruleset) -> None:
        """Take ``ruleset`` as the one that holds; the devices' plans are the caller's to renew."""
        self.files = files
        self.version = version
        self.ruleset = ruleset
        self.plans = Plans(ruleset, self.plans)
        self.world.bulletin.follow(ruleset.announced(), self.world.rules_at)

    def alerts(self) -> Iterator[AlertView]:
        """Every alert that is not inactive."""
        for subject in self.subjects.values():
            for slot in subject.slots:
                if slot is not None and slot.rule.member_of is None:
                    found = view(slot, subject)
                    if found.phase != "inactive":
                        yield found
