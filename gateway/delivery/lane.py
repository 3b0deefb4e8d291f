"""One provider's own threads: a slow provider fills its own lane and nobody else's."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable

import structlog

from gateway.delivery.breaker import Breaker
from gateway.delivery.metrics import OPEN
from gateway.delivery.rate import Bucket
from notifiers.outcome import Accepted, Notifier, Outcome, Refused, Retry

log = structlog.get_logger()

Job = Callable[[], None]

AHEAD_S = 0.04
"""So much work is claimed ahead of the threads, measured by how long they spend on a message: a claim is a round trip
to the database, and a thread that waits for one sends nothing. No more than that: what a killed process had claimed is
in doubt, sent or not."""
MOST_AHEAD = 100
SHORTEST_HOLD_S = 0.02
"""A fast provider's next few messages are claimed together, not each as its token comes."""
_NEWEST = 0.2
"""The weight of the newest message in the average of how long one takes."""


class Lane:
    """``width`` threads that work for one provider. They end with the process."""

    def __init__(
        self, notifier: Notifier, width: int, on_free: Callable[[], None], *, bucket: Bucket | None = None
    ) -> None:
        """Start the threads.

        Args:
            notifier: the provider.
            width: sends at once.
            on_free: called from the lane's threads when the lane has room for more.
            bucket: how many messages it takes, from all processes together; ``None``: as many as there are.
        """
        self.channel = notifier.channel
        self.notifier = notifier
        self._width = width
        self._on_free = on_free
        self._breaker = Breaker()
        self.bucket = bucket
        self._held_until = 0.0
        self._unrecorded = threading.Semaphore(width)
        self._busy = 0
        self._asking = 0
        self._usual_s: float | None = None
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        for number in range(width):
            threading.Thread(target=self._work, name=f"send-{notifier.provider}-{number}", daemon=True).start()

    @property
    def busy(self) -> int:
        """Jobs given and not finished."""
        return self._busy

    @property
    def is_open(self) -> bool:
        """Whether the provider is in trouble: left alone, or tried with one message."""
        return self._breaker.is_open

    def free(self) -> int:
        """How many messages may be claimed for this lane now; none while its provider is left alone."""
        now = time.monotonic()
        with self._lock:
            if now < self._held_until:
                return 0
            ahead = 0 if self._breaker.is_open else self._ahead()
            room = self._breaker.allowance(self._width + ahead - self._busy, self._busy, now)
            # Half of it at a time: a claim of one message costs as much as one of a hundred.
            return room if room > 0 and room >= ahead // 2 else 0

    def hold(self, seconds: float) -> None:
        """The provider's rate lets nothing go for so long; 0: it does."""
        if seconds > 0:
            with self._lock:
                self._held_until = time.monotonic() + max(seconds, SHORTEST_HOLD_S)

    def seconds_to_next(self) -> float | None:
        """Until the provider's rate lets one more go; ``None``: it is not what is waited for."""
        with self._lock:
            left = self._held_until - time.monotonic()
            return left if left > 0 else None

    def places_to_ask(self) -> int:
        """How many messages in doubt may be asked about, whatever the provider's state and however much waits."""
        with self._lock:
            return max(0, max(1, self._width // 4) - self._asking)

    def send(self, job: Job) -> None:
        """Have a thread do ``job``, which sends one message."""
        with self._lock:
            self._busy += 1
        self._jobs.put(job)

    def ask(self, job: Job) -> None:
        """Have a thread do ``job``, which asks about one message."""
        with self._lock:
            self._busy += 1
            self._asking += 1

        def asking() -> None:
            try:
                job()
            finally:
                with self._lock:
                    self._asking -= 1

        self._jobs.put(asking)

    def close(self) -> None:
        """End the threads, each after what was given before."""
        for _ in range(self._width):
            self._jobs.put(None)

    def await_record(self) -> None:
        """Before a send: wait while ``width`` sends are not recorded. Each of them may be repeated after a kill."""
        self._unrecorded.acquire()

    def recorded(self) -> None:
        """A send for which ``await_record`` was called is recorded."""
        self._unrecorded.release()

    def is_left_alone(self) -> bool:
        """Whether what was claimed ahead had better wait."""
        with self._lock:
            return bool(self._breaker.seconds_left(time.monotonic()))

    def took(self, seconds: float) -> None:
        """A thread spent so long on a message, waiting for the record of the one before included."""
        with self._lock:
            usual = self._usual_s
            self._usual_s = seconds if usual is None else usual + _NEWEST * (seconds - usual)

    def note(self, outcome: Outcome) -> None:
        """Count an outcome for or against the provider."""
        with self._lock:
            if isinstance(outcome, Accepted | Refused):
                self._breaker.succeeded()
            else:
                self._breaker.failed(time.monotonic(), outcome.after_s if isinstance(outcome, Retry) else None)
            OPEN.labels(self.notifier.provider).set(self._breaker.is_open)

    def _ahead(self) -> int:
        if self._usual_s is None:
            return 0
        return min(MOST_AHEAD, int(self._width * AHEAD_S / max(self._usual_s, 1e-6)))

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
                    has_room = self._busy <= self._width + self._ahead() // 2
                if has_room:
                    self._on_free()
