"""A supervised child through its lives: waiting, starting, ready, dead, and started again."""

from __future__ import annotations

import contextlib
import enum
import signal
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import psutil
import structlog

from gateway.embedded.child import Child, ChildLog, spawn
from gateway.embedded.errors import EmbeddedError
from gateway.embedded.processes import ChildStatus

FIRST_DELAY = 0.2
"""Seconds before the first restart; doubles with each death in a row."""
LONGEST_DELAY = 10.0
_CHECK_SECONDS = 5.0
_MISSES = 3
"""This many checks in a row without a yes are news."""
HEALTHY_SECONDS = 5.0
"""Ready for this long, a child has earned a quick restart again."""

_log = structlog.get_logger(__name__)


class State(enum.StrEnum):
    """Where a child stands."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    UNWELL = "unwell"
    """It runs, but has not answered its health check for a while. It is not ended for that: nobody's data gets better
    by a kill while a disk is full or slow."""
    ENDED = "ended"


def restart_delay(previous: float, healthy_seconds: float) -> float:
    """Seconds to wait before the next start.

    Args:
        previous: the delay of the last restart, 0 before the first.
        healthy_seconds: how long the child was ready before it died.
    """
    if previous == 0 or healthy_seconds >= HEALTHY_SECONDS:
        return FIRST_DELAY
    return min(previous * 2, LONGEST_DELAY)


_RUNNING = (State.STARTING, State.READY, State.UNWELL)


class Member:
    """One child as its supervisor sees it. Used by the supervisor's thread alone."""

    def __init__(self, child: Child, log_dir: Path) -> None:
        self.child = child
        self.state = State.WAITING
        self._log_file = ChildLog(log_dir, child.name) if child.own_log else None
        self._process: subprocess.Popen[bytes] | None = None
        self._created = 0.0
        self._restarts = 0
        self._delay = 0.0
        self._start_at = 0.0
        self._started = 0.0
        self._ready_since: float | None = None
        self._up_since: datetime | None = None
        self._was_ready = False
        self._failure: str | None = None
        self._slow_noted = False
        self._check_at = 0.0
        self._missed = 0

    @property
    def complete(self) -> bool:
        """Whether its first start is over and done."""
        return self._was_ready or self.state is State.ENDED

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._process is not None and self._process.poll() is None

    def look(self, now: float) -> None:
        """Do what is due at ``now`` (monotonic seconds): start, find ready, find dead."""
        if self.state is State.WAITING and now >= self._start_at and self._failure is None:
            self._start(now)
        elif self.state in _RUNNING and not self.alive:
            self._died(now)
        elif self.state is State.STARTING:
            self._check_ready(now)
        elif self.state in _RUNNING and now >= self._check_at:
            self._check_health(now)

    def first_start_failed(self, now: float) -> EmbeddedError | None:
        """Why this child could not even be started, or None."""
        if self.complete:
            return None
        if self._failure is not None:
            return EmbeddedError(self._failure)
        if self.state is State.STARTING and now - self._started > self.child.ready_seconds:
            return EmbeddedError(
                f"{self.child.name} was not ready after {self.child.ready_seconds:.0f} s{self._see_log()}"
            )
        return None

    def status(self) -> ChildStatus:
        """For the outside."""
        running = self._process is not None and self.state in _RUNNING
        return ChildStatus(
            name=self.child.name,
            pid=self._process.pid if running and self._process is not None else None,
            created=self._created if running else None,
            state=self.state.value,
            restarts=self._restarts,
            up_since=self._up_since if running else None,
            stop_signal=int(self.child.stop_signals[0]),
        )

    def cap_log(self) -> None:
        """Keep its log small; on a full disk it stays as it is."""
        if self._log_file is not None:
            with contextlib.suppress(OSError):
                self._log_file.cap()

    def stop_plan(self, seconds: float) -> list[tuple[float, signal.Signals]]:
        """Which signal to send after how many seconds so that it is gone after ``seconds``."""
        signals = [*self.child.stop_signals, signal.SIGKILL]
        patience = len(signals) * self.child.stop_seconds
        pace = self.child.stop_seconds * min(1.0, seconds / patience)
        return [(number * pace, each) for number, each in enumerate(signals)]

    def send(self, number: signal.Signals) -> None:
        """Send a stop signal, if it still runs; a stopped (SIGSTOP) process is woken to hear it."""
        if self._process is None or not self.alive:
            return
        event = "child.killed" if number is signal.SIGKILL else "child.stopping"
        _log.info(event, child=self.child.name, pid=self._process.pid, signal=number.name)
        self._process.send_signal(number)
        self._process.send_signal(signal.SIGCONT)

    def wait(self, seconds: float) -> None:
        """Wait for its end.

        Raises:
            subprocess.TimeoutExpired: it still runs.
        """
        if self._process is not None:
            self._process.wait(seconds)

    def note_stopped(self) -> None:
        """It was asked to end and has ended."""
        if self._process is not None:
            _log.info("child.stopped", child=self.child.name, status=self._process.returncode)
        self.state = State.ENDED

    def _start(self, now: float) -> None:
        try:
            if self.child.before_start is not None:
                self.child.before_start()
            self._process = spawn(self.child, self._log_file)
            self._created = psutil.Process(self._process.pid).create_time()
        except (OSError, EmbeddedError, psutil.Error) as error:
            self._failed_to_start(now, str(error))
            return
        self.state, self._started = State.STARTING, now
        self._up_since, self._slow_noted = datetime.now(UTC), False
        _log.info("child.starting", child=self.child.name, pid=self._process.pid, restarts=self._restarts)
        self._check_ready(time.monotonic())

    def _check_ready(self, now: float) -> None:
        if self.child.ready is None or self.child.ready():
            self.state, self._ready_since, self._was_ready = State.READY, now, True
            self._check_at, self._missed = now + _CHECK_SECONDS, 0
            _log.info("child.ready", child=self.child.name, seconds=round(now - self._started, 3))
        elif now - self._started > self.child.ready_seconds and not self._slow_noted:
            self._slow_noted = True
            _log.warning("child.slow", child=self.child.name, seconds=round(now - self._started))

    def _check_health(self, now: float) -> None:
        if self.child.ready is None:
            return
        self._missed = 0 if self.child.ready() else self._missed + 1
        self._check_at = now + _CHECK_SECONDS
        if self._missed == _MISSES:
            _log.warning("child.unwell", child=self.child.name)
            self.state = State.UNWELL
        elif self._missed == 0 and self.state is State.UNWELL:
            _log.info("child.well_again", child=self.child.name)
            self.state = State.READY

    def _failed_to_start(self, now: float, reason: str) -> None:
        _log.error("child.start_failed", child=self.child.name, reason=reason)
        if self._was_ready:
            self._start_later(now, 0.0)
        else:
            self._failure = reason

    def _died(self, now: float) -> None:
        status = self._process.returncode if self._process is not None else None
        healthy = now - self._ready_since if self._ready_since is not None else 0.0
        ever_ready, self._ready_since = self._was_ready, None
        if not self.child.restart and (ever_ready or status == 0):
            _log.info("child.ended", child=self.child.name, status=status)
            self.state = State.ENDED
            return
        _log.warning("child.died", child=self.child.name, status=status, healthy_seconds=round(healthy, 1))
        if ever_ready:
            self._start_later(now, healthy)
        else:
            self.state, self._failure = State.WAITING, self._reason(status)

    def _start_later(self, now: float, healthy: float) -> None:
        self._delay = restart_delay(self._delay, healthy)
        self._restarts += 1
        self._start_at = now + self._delay
        self.state = State.WAITING
        _log.info("child.restarting", child=self.child.name, seconds=self._delay)

    def _reason(self, status: int | None) -> str:
        tail = self._log_file.tail() if self._log_file is not None else ""
        known = self.child.explain(tail) if self.child.explain is not None else None
        if known is not None:
            return known
        last = next((f": {line.strip()}" for line in reversed(tail.splitlines()) if line.strip()), "")
        return f"{self.child.name} ended with status {status} before it was ready{last}{self._see_log()}"

    def _see_log(self) -> str:
        return f"; see {self._log_file.path}" if self._log_file is not None else ""
