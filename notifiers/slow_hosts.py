"""Endpoints that keep us waiting are left alone for a while, so that one customer's does not hold the others' threads.

Only waiting counts: an endpoint that refuses at once, or answers 500, holds nobody up. Pure but for its lock: time is
passed in (monotonic seconds).
"""

from __future__ import annotations

import threading
from collections import OrderedDict

SLOW_S = 1.0
"""A send without an answer that took longer than this was a wait."""
WAITS = 3
"""In a row, before the host is left alone."""
PAUSE_S = 30.0
"""Then one send goes ahead to look."""
REMEMBERED = 1_000
"""Hosts; the one that was heard of longest ago is forgotten first."""


class SlowHosts:
    """The hosts that kept us waiting lately. Safe for several threads."""

    def __init__(self) -> None:
        """None yet."""
        self._waits: OrderedDict[str, tuple[int, float]] = OrderedDict()
        """Host to waits in a row, and until when it is left alone."""
        self._lock = threading.Lock()

    def seconds_left(self, host: str, now: float) -> float:
        """How long ``host`` is still left alone; 0: send. When a pause is over, one caller is let go ahead."""
        with self._lock:
            waits, until = self._waits.get(host, (0, 0.0))
            if waits < WAITS:
                return 0.0
            if now < until:
                return until - now
            self._waits[host] = (waits, now + PAUSE_S)
            return 0.0

    def note(self, host: str, *, answered: bool, took_s: float, now: float) -> None:
        """A send to ``host`` has ended."""
        with self._lock:
            if answered:
                self._waits.pop(host, None)
            elif took_s >= SLOW_S:
                waits, _ = self._waits.pop(host, (0, 0.0))
                self._waits[host] = (waits + 1, now + PAUSE_S)
                while len(self._waits) > REMEMBERED:
                    self._waits.popitem(last=False)
