"""Which timelines have changed, as PostgreSQL's notifications tell."""

from __future__ import annotations

from collections import OrderedDict

from gateway.storage import wake

REMEMBERED = 10_000


class Changes:
    """Counts the notifications for each customer. A viewer compares its last number with the present one."""

    def __init__(self) -> None:
        self._count: OrderedDict[str, int] = OrderedDict()
        self._total = 0

    def heard(self, channel: str, payload: str) -> None:
        """Take one notification."""
        if channel != wake.TIMELINE:
            return
        self._total += 1
        self._count[payload] = self._total
        self._count.move_to_end(payload)
        if len(self._count) > REMEMBERED:
            self._count.popitem(last=False)

    def mark(self, customer_id: str) -> int:
        """A number that differs once this customer's timeline has changed."""
        return self._count.get(customer_id, 0)
