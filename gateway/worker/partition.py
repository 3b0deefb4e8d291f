"""One owned partition: its state, and how far into the log it has come."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from devices.event import DeviceSaid, Event
from gateway.storage.checkpoints import Checkpoint
from rules.checkpoint import encode_shared, encode_subject, restore_shared, restore_subject
from rules.decision import Outcome, Position
from rules.engine import step
from rules.state import PartitionState


class Folded(msgspec.Struct, frozen=True):
    """What one record of the log led to."""

    partition: int
    seq: int
    outcomes: tuple[Outcome, ...]


class OwnedPartition:
    """A fold in progress. No I/O; not thread-safe."""

    def __init__(self, number: int, checkpoint: Checkpoint) -> None:
        self.number = number
        self.seq = checkpoint.seq
        self.events = checkpoint.events
        self.newest_at = 0
        self._saved_seq = checkpoint.seq
        self._first = checkpoint.shared is None
        self._forfeited = False
        self._state = _restored(checkpoint)

    def fold(self, seq: int, events: Sequence[Event]) -> tuple[Outcome, ...]:
        """Fold one record. A record at or below ``seq`` is one that is folded in already."""
        if seq <= self.seq:
            return ()
        outcomes: list[Outcome] = []
        state = self._state
        for index, event in enumerate(events):
            made = step(state, event, Position(seq, index))
            if made:
                outcomes.extend(made)
        self.seq = seq
        self.events += sum(1 for event in events if isinstance(event, DeviceSaid))
        self.newest_at = max(self.newest_at, max((_time(event) for event in events), default=0))
        return tuple(outcomes)

    def changed(self) -> bool:
        """Whether there is something to checkpoint."""
        return self.seq > self._saved_seq and not self._forfeited

    def forfeit(self) -> None:
        """No checkpoint of this fold may be written any more; the next owner starts from the last one."""
        self._forfeited = True

    def checkpoint(self) -> Checkpoint:
        """All that changed since the last call, encoded. The caller must write it or drop the partition."""
        state = self._state
        subjects = {subject: encode_subject(state, subject) for subject in state.take_dirty()}
        shared = encode_shared(state) if state.take_shared_dirty() or self._first else None
        self._saved_seq = self.seq
        self._first = False
        return Checkpoint(self.seq, self.events, shared, state.now, subjects)


def _restored(checkpoint: Checkpoint) -> PartitionState:
    if checkpoint.shared is None:
        return PartitionState.empty()
    state = restore_shared(checkpoint.shared, checkpoint.clock)
    # In a fixed order: the fold must not depend on the order of rows.
    for subject in sorted(checkpoint.subjects):
        restore_subject(state, subject, checkpoint.subjects[subject])
    return state


def _time(event: Event) -> int:
    return event.at
