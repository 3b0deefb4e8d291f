"""Backtests that were asked for over the API: one at a time, on a thread of their own, beside everybody's requests.

What came of them is kept in memory for an hour: it follows from the log and can be had again.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Literal

import structlog
from sqlalchemy.exc import SQLAlchemyError

from devices.event import Millis
from gateway import addresses
from gateway.past.log_range import LogRange
from gateway.past.past import Past, PastError
from gateway.past.run import StoppedError, Trial, Tried, run
from gateway.settings import Settings
from rules.problem import Problem as RuleProblem

log = structlog.get_logger()

OpenPast = Callable[[Millis, Millis | None], Past]
"""Opens the past from a time on, up to another one or to its end."""
State = Literal["waiting", "running", "done", "failed", "cancelled"]

KEPT_MS: Final[Millis] = 60 * 60 * 1000
MAX_KEPT: Final = 20
MAX_WAITING: Final = 4
SWITCH_SECONDS: Final = 0.0005
"""How long a backtest may keep the interpreter from the requests; Python's own is ten times as long."""


class TooManyError(Exception):
    """As many backtests wait as may."""


@dataclass
class Job:
    """One backtest. Written by its thread, read by anybody."""

    id: str
    asked_at: Millis
    warnings: tuple[RuleProblem, ...] = ()
    state: State = "waiting"
    progress: float = 0.0
    events: int = 0
    error: str | None = None
    tried: Tried | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    future: Future[None] | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state not in {"waiting", "running"}


class Backtests:
    """All backtests of one process."""

    def __init__(self, open_past: OpenPast, now_ms: Callable[[], Millis]) -> None:
        """``open_past`` is called on a backtest's thread."""
        self._open_past = open_past
        self._now_ms = now_ms
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="backtest")
        self._jobs: dict[str, Job] = {}

    def start(
        self, trial: Callable[[], Trial], since: Millis, until: Millis | None, warnings: tuple[RuleProblem, ...] = ()
    ) -> Job:
        """Have one run, as soon as those before it are done.

        Args:
            trial: what is to be tried; called on the thread, since it asks the database.
            since: from when on.
            until: to when; ``None``: to the end.
            warnings: what is probably not meant with the rules.

        Raises:
            TooManyError: too many wait already.
        """
        self._forget_old()
        if sum(not job.over for job in self._jobs.values()) > MAX_WAITING:
            raise TooManyError
        job = Job(f"bt_{secrets.token_hex(8)}", self._now_ms(), warnings)
        self._jobs[job.id] = job
        job.future = self._thread.submit(self._work, job, trial, since, until)
        return job

    def get(self, job_id: str) -> Job | None:
        """The backtest, if it is still remembered."""
        self._forget_old()
        return self._jobs.get(job_id)

    def newest_first(self) -> list[Job]:
        """All that are remembered."""
        self._forget_old()
        return sorted(self._jobs.values(), key=lambda job: job.asked_at, reverse=True)

    def cancel(self, job_id: str) -> Job | None:
        """End it, or forget it if it is over."""
        job = self._jobs.get(job_id)
        if job is None:
            return None
        if job.over:
            del self._jobs[job_id]
            return job
        job.stop.set()
        if job.future is not None and job.future.cancel():
            job.state = "cancelled"
        return job

    async def until_stopped(self) -> None:
        """Stay until this task is cancelled, then end whatever still runs."""
        try:
            await asyncio.Event().wait()
        finally:
            for job in self._jobs.values():
                job.stop.set()
            self._thread.shutdown(wait=False, cancel_futures=True)

    def _work(self, job: Job, trial: Callable[[], Trial], since: Millis, until: Millis | None) -> None:
        def heard(progress: float, events: int) -> bool:
            job.progress, job.events = progress, events
            return not job.stop.is_set()

        job.state = "running"
        try:
            with _obliging():
                job.tried = run(trial(), self._open_past(since, until), heard)
        except StoppedError:
            job.state = "cancelled"
        except (PastError, SQLAlchemyError) as error:
            job.error = str(error).splitlines()[0]
            job.state = "failed"
        except Exception:  # whoever asked is to hear of it, and the next backtest is to run
            log.exception("backtest.failed", backtest=job.id)
            job.error = "This is a fault of the gateway, not of the rules; its log has the trace."
            job.state = "failed"
        else:
            job.progress = 1.0
            job.state = "done"

    def _forget_old(self) -> None:
        since = self._now_ms() - KEPT_MS
        over = [job for job in self._jobs.values() if job.over]
        over.sort(key=lambda job: job.asked_at)
        surplus = max(len(self._jobs) - MAX_KEPT, 0)
        for place, job in enumerate(over):
            if place < surplus or job.asked_at < since:
                del self._jobs[job.id]


def event_log(settings: Settings) -> OpenPast:
    """The past as the event log has it that ``settings`` lead to."""

    def open_past(since: Millis, until: Millis | None) -> Past:
        try:
            found = addresses.find(settings)
        except addresses.NotRunningError as error:
            raise PastError(str(error)) from error
        return LogRange(found.log_url, settings.log.partitions, since, until)

    return open_past


@contextmanager
def _obliging() -> Iterator[None]:
    """Let the requests have the interpreter as soon as they ask for it."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(min(usual, SWITCH_SECONDS))
    try:
        yield
    finally:
        sys.setswitchinterval(usual)
