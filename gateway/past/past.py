"""What every reader of the past gives: records in order, and how far it has come."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from devices.event import Event

MAX_NOTES = 20


class PastError(Exception):
    """The past can't be read; the message names the place and the mend."""


class Chunk(NamedTuple):
    """One record: events of one partition, in order."""

    partition: int
    seq: int
    events: list[Event]
    progress: float
    """How much of everything is read with this record, 0 to 1."""


class SetAside:
    """Lines that no event can be made of: all are counted, the first are named."""

    def __init__(self) -> None:
        self.count = 0
        self.notes: list[str] = []

    def add(self, place: str, reason: str) -> None:
        """One more."""
        self.count += 1
        if len(self.notes) < MAX_NOTES:
            self.notes.append(f"{place}: {reason}")


class Past(Protocol):
    """A stretch of time that can be read again."""

    partitions: int
    makes_ticks: bool
    """Whether there are no ticks in it, so that time passes by the events."""
    whole: bool
    """Whether it begins with the first thing that ever happened, so that it says itself what the registry said."""
    set_aside: SetAside
    remarks: list[str]
    """What whoever reads the result should know, such as a beginning later than asked for."""

    def chunks(self) -> Iterator[Chunk]:
        """Everything, once.

        Raises:
            PastError: it can't be read.
        """
        ...
