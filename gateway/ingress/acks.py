"""Which messages may be acknowledged to the broker, and in which order. Pure."""

from __future__ import annotations

from collections import deque


class AckQueue:
    """Message ids in the order of arrival on one connection; only a settled prefix of them is ever given out.

    Each pushed id has a ticket: 0, 1, 2 … over the whole life of the queue. Whoever has stored messages settles their
    range of tickets, in any order of ranges. ``forget`` drops what the old connection brought: the broker sends it
    again under new ids, and an acknowledgement of an old id would confirm some other message.
    """

    def __init__(self) -> None:
        self._ids: deque[int] = deque()
        self._waiting: set[int] = set()
        self._head = 0
        self._settled: dict[int, int] = {}

    @property
    def end(self) -> int:
        """The ticket that the next id will get."""
        return self._head + len(self._ids)

    def push(self, mid: int) -> bool:
        """Take in a message id; false if it already waits.

        NATS sends an unacknowledged message again on the same connection, under the same id. A second acknowledgement
        could meet the id's next use, so there must be one only.
        """
        if mid in self._waiting:
            return False
        self._waiting.add(mid)
        self._ids.append(mid)
        return True

    def settle(self, start: int, end: int) -> list[int]:
        """Say that tickets ``start`` to ``end`` (exclusive) are stored; returns the ids that may now be acknowledged.

        Ranges never overlap each other. Tickets of a forgotten connection are passed over.
        """
        start = max(start, self._head)
        if start < end:
            self._settled[start] = end
        ready: list[int] = []
        while (upto := self._settled.pop(self._head, None)) is not None:
            ready += [self._ids.popleft() for _ in range(upto - self._head)]
            self._head = upto
        self._waiting.difference_update(ready)
        return ready

    def forget(self) -> None:
        """Drop everything that waits: its connection is gone."""
        self._head = self.end
        self._ids.clear()
        self._waiting.clear()
        self._settled.clear()
