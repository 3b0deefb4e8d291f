"""Partitions of one log folded side by side in one process, as workers would: for examples and for the past.

What follows from an event for other partitions is handed on at once, as the live run would find it in their logs a
moment later.
"""

from __future__ import annotations

from collections.abc import Sequence

from devices.event import DeviceChanged, DeviceFacts, Event, Millis, StoreChanged, StoreFacts, Tick
from devices.partition import partition_of
from rules.decision import Derivation, Outcome, Position
from rules.duration import SECOND
from rules.engine import step
from rules.rule import Ruleset
from rules.state import PartitionState
from rules.subject import LONG_AGO

MAX_DERIVED_DEPTH = 8
"""An event that follows from an event that follows from …: rules that refer to each other end somewhere."""


class Partitions:
    """The states of all partitions under one rule set, which holds from the beginning and never changes."""

    def __init__(self, ruleset: Ruleset, count: int = 1) -> None:
        self.states = [PartitionState.empty() for _ in range(count)]
        for state in self.states:
            state.use({}, ruleset.version, ruleset)
        self.now: Millis = LONG_AGO
        """The newest tick that ``pass_time`` made."""
        self._next_second: Millis = LONG_AGO
        """Of ``fold_in_time``: until it is over, no further tick can be wanted."""

    def register(self, at: Millis, devices: Sequence[DeviceFacts], stores: Sequence[StoreFacts]) -> list[Outcome]:
        """Make devices and stores known before anything else happens."""
        made: list[Outcome] = []
        for number in range(len(self.states)):
            made += self.fold(number, 0, [StoreChanged(at, store) for store in stores])
        for device in devices:
            made += self.fold(self.partition(device.id), 0, [DeviceChanged(at, device)])
        return made

    def partition(self, key: str) -> int:
        """The partition of a device or a group."""
        return partition_of(key, len(self.states))

    def fold(self, partition: int, seq: int, events: Sequence[Event]) -> list[Outcome]:
        """Apply one record of a partition's log; what was decided, there and wherever something followed from it."""
        state = self.states[partition]
        found: list[Outcome] = []
        for index, event in enumerate(events):
            position = Position(seq, index)
            made = step(state, event, position)
            if made:
                found += made
                self._hand_on(made, position, found, 0)
        return found

    def _hand_on(self, made: Sequence[Outcome], position: Position, found: list[Outcome], depth: int) -> None:
        for outcome in made:
            if type(outcome) is not Derivation or depth >= MAX_DERIVED_DEPTH:
                continue
            for state in self.states if outcome.key is None else [self.states[self.partition(outcome.key)]]:
                followed = step(state, outcome.event, position)
                found += followed
                self._hand_on(followed, position, found, depth + 1)

    def fold_in_time(self, partition: int, seq: int, events: Sequence[Event]) -> list[Outcome]:
        """Like ``fold``, for a log without ticks: the time between the events passes too, by their time of receipt."""
        state = self.states[partition]
        found: list[Outcome] = []
        for index, event in enumerate(events):
            position = Position(seq, index)
            received_at: Millis = event.received_at  # type: ignore[union-attr]  # what devices say has one
            if received_at > self._next_second:
                self._next_second = -(-received_at // SECOND) * SECOND
                found += self.pass_time(received_at - 1, position)
            made = step(state, event, position)
            if made:
                found += made
                self._hand_on(made, position, found, 0)
        return found

    def pass_time(self, until: Millis, position: Position) -> list[Outcome]:
        """Let time come to ``until`` where the log has no ticks: one at each full second at which something is due.

        The live run has a tick each second; those at which nothing is due change nothing and are left out.
        """
        found: list[Outcome] = []
        while (due := min((state.timers[0][0] for state in self.states if state.timers), default=None)) is not None:
            at = max(-(-due // SECOND) * SECOND, self.now + SECOND)
            if at > until:
                break
            found += self.tick(at, position)
        return found

    def tick(self, at: Millis, position: Position) -> list[Outcome]:
        """Tell every partition what time it is."""
        self.now = max(self.now, at)
        found: list[Outcome] = []
        for state in self.states:
            made = step(state, Tick(at), position)
            found += made
            self._hand_on(made, position, found, 0)
        return found
