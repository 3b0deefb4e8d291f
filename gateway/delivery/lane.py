"""One provider's own threads: a slow provider fills its own lane and nobody else's."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable

import structlog

from gateway.delivery.breaker import Breaker
from gateway.delivery.metrics import OPEN
from notifiers.outcome import Accepted, Notifier, Outcome, Refused

log = structlog.get_logger()

Job = Callable[[], None]


class Lane:
    """``width`` threads that work for one channel. They end with the process."""

    def __init__(self, notifier: Notifier, width: int, on_free: Callable[[], None]) -> None:
        """``on_free``: called from the lane's threads whenever a place becomes free."""
        self.channel = notifier.channel
        self.notifier = notifier
        self._width = width
        self._on_free = on_free
        self._breaker = Breaker()
        self._busy = 0
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        for number in range(width):
            threading.Thread(target=self._work, name=f"send-{self.channel}-{number}", daemon=True).start()

    @property
    def busy(self) -> int:
        """Jobs given and not finished."""
        return self._busy

    def free(self) -> int:
        """How many messages may be claimed for this lane now; none while its provider is left alone."""
        with self._lock:
            return self._breaker.allowance(self._width - self._busy, self._busy, time.monotonic())

    def idle_places(self) -> int:
        """Free threads, whatever the provider's state."""
        with self._lock:
            return self._width - self._busy

    def give(self, job: Job) -> None:
        """Have a thread do ``job``."""
        with self._lock:
            self._busy += 1
        self._jobs.put(job)

    def close(self) -> None:
        """End the threads, each after its present job."""
        for _ in range(self._width):
            self._jobs.put(None)

    def note(self, outcome: Outcome) -> None:
        """Count an outcome for or against the provider."""
        with self._lock:
            if isinstance(outcome, Accepted | Refused):
                self._breaker.succeeded()
            else:
                self._breaker.failed(time.monotonic())
            OPEN.labels(self.channel).set(self._breaker.is_open)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception:
                # The message's lease ends by itself, and then its fate is settled.
                log.exception("lane.job_raised", channel=self.channel)
            finally:
                with self._lock:
                    self._busy -= 1
                self._on_free()
