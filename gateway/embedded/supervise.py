"""Starts children, starts them again when they die, stops them in order, and tells who runs.

One thread does all of it and lives as long as the supervisor: Linux sends a child its parent-death signal when the
*thread* that forked it ends.
"""

from __future__ import annotations

import queue
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from types import FrameType

import structlog

from gateway.embedded.child import Child
from gateway.embedded.errors import EmbeddedError
from gateway.embedded.member import Member
from gateway.embedded.processes import ChildStatus, end_leftovers, write_processes

STOP_SECONDS = 10.0
"""All children are gone this long after ``stop``."""
_LOOK_SECONDS = 0.05
_TIDY_SECONDS = 5.0
_PATIENCE_SECONDS = 1.0
_SIGNAL_SECONDS = 0.1
_RESERVE_SECONDS = 2.0
"""What each stage that is still to stop is left of the time."""

_log = structlog.get_logger(__name__)


class _Stage:
    """Children that are started together, and stopped together."""

    def __init__(self, members: list[Member]) -> None:
        self.members = members
        self.outcome: Future[None] = Future()

    @property
    def complete(self) -> bool:
        """Whether each member's first start is over."""
        return all(member.complete for member in self.members)

    def failure(self, now: float) -> EmbeddedError | None:
        """Why the stage could not be started, or None."""
        errors = (member.first_start_failed(now) for member in self.members)
        return next((error for error in errors if error is not None), None)


class Supervisor:
    """Keeps children running until ``stop``.

    Children are given in stages: the members of one stage start side by side, and a stage is complete when each is
    ready. ``stop`` ends the last stage first.
    """

    def __init__(self, run_dir: Path, log_dir: Path) -> None:
        self._run_dir = run_dir
        self._log_dir = log_dir
        self._stages: list[_Stage] = []
        self._new: queue.SimpleQueue[_Stage] = queue.SimpleQueue()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._stop_seconds = STOP_SECONDS
        self._thread: threading.Thread | None = None
        self._written: list[ChildStatus] = []
        self._status: list[ChildStatus] = []
        self._unwritten = False
        self._tidied_at = 0.0

    def end_leftovers(self) -> None:
        """End what an earlier supervisor left running; before the first ``start``, holding the data folder's lock."""
        end_leftovers(self._run_dir)

    def start(self, children: Sequence[Child]) -> None:
        """Start ``children`` as the next stage; returns when each is ready.

        Raises:
            EmbeddedError: one of them could not be started; the whole stage is stopped again, earlier ones run on.
            ValueError: a name is taken.
        """
        names = [status.name for status in self._status] + [child.name for child in children]
        if len(set(names)) < len(names):
            raise ValueError(f"each child needs a name of its own: {', '.join(sorted(names))}")
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)
            self._thread.start()
        stage = _Stage([Member(child, self._log_dir) for child in children])
        self._new.put(stage)
        self._wake.set()
        while True:
            try:
                return stage.outcome.result(_PATIENCE_SECONDS)
            except TimeoutError as error:
                if not self.running:
                    raise EmbeddedError("stopped before everything was ready") from error

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """End all children, the last stage first, within ``seconds``. May be called twice."""
        self._stop_seconds = seconds
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def status(self) -> list[ChildStatus]:
        """Who runs, in the order of starting."""
        return list(self._status)

    @property
    def running(self) -> bool:
        """Whether children are still being looked after."""
        return self._thread is not None and self._thread.is_alive() and not self._stopping.is_set()

    def wait_for_signal(self, seconds: float | None = None) -> signal.Signals | None:
        """Sleep until SIGTERM or SIGINT, in the main thread only; the caller then calls ``stop``.

        Args:
            seconds: wake up after this long at the latest; None: never.

        Returns:
            The signal, or None when time is up or all is over anyway.
        """
        got: list[signal.Signals] = []

        def note(number: int, _frame: FrameType | None) -> None:
            got.append(signal.Signals(number))

        until = None if seconds is None else time.monotonic() + seconds
        before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            while not got and self.running and (until is None or time.monotonic() < until):
                # No lock and no event here: the handler runs in this very thread, perhaps while it holds them.
                time.sleep(_SIGNAL_SECONDS)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        return got[0] if got else None

    # Everything below runs in the supervisor's own thread.

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._look(time.monotonic())
                self._wake.wait(_LOOK_SECONDS)
                self._wake.clear()
        finally:
            self._stop_all()

    def _look(self, now: float) -> None:
        while not self._new.empty():
            self._stages.append(self._new.get())
        for stage in self._stages:
            for member in stage.members:
                member.look(now)
        starting = [stage for stage in self._stages if not stage.outcome.done()]
        failed = [(stage, error) for stage in starting if (error := stage.failure(now)) is not None]
        for stage, _ in failed:
            self._stages.remove(stage)
            self._stop_stage(stage, self._stop_seconds)
        # First everybody can see how it stands, then those who wait for it go on.
        self._publish()
        for stage, error in failed:
            stage.outcome.set_exception(error)
        for stage in starting:
            if stage.complete and not stage.outcome.done():
                stage.outcome.set_result(None)
        if now - self._tidied_at > _TIDY_SECONDS:
            self._tidied_at = now
            self._tidy()

    def _publish(self) -> None:
        self._status = [member.status() for stage in self._stages for member in stage.members]
        if self._status == self._written:
            return
        try:
            write_processes(self._run_dir, self._status)
        except OSError as error:  # a full disk must not stop the looking after
            self._unwritten = True
            _log.warning("processes.unwritten", reason=str(error))
        else:
            self._unwritten = False
        self._written = self._status

    def _tidy(self) -> None:
        if self._unwritten:
            self._written = []
        for stage in self._stages:
            for member in stage.members:
                member.cap_log()

    def _stop_all(self) -> None:
        until = time.monotonic() + self._stop_seconds
        while self._stages:
            stage = self._stages.pop()
            reserve = _RESERVE_SECONDS * len(self._stages)
            self._stop_stage(stage, max(_RESERVE_SECONDS, until - reserve - time.monotonic()))
            self._refuse(stage)
        while not self._new.empty():
            self._refuse(self._new.get())
        self._publish()

    @staticmethod
    def _refuse(stage: _Stage) -> None:
        if not stage.outcome.done():
            stage.outcome.set_exception(EmbeddedError("stopped before everything was ready"))

    @staticmethod
    def _stop_stage(stage: _Stage, seconds: float) -> None:
        """Stop the members side by side, each by its own signals, all within ``seconds``."""
        begin = time.monotonic()
        plans = [(member, member.stop_plan(seconds)) for member in stage.members]
        while any(member.alive for member, _ in plans):
            passed = time.monotonic() - begin
            for member, plan in plans:
                while plan and plan[0][0] <= passed:
                    member.send(plan.pop(0)[1])
            for member, _ in plans:
                try:
                    member.wait(_LOOK_SECONDS)
                except subprocess.TimeoutExpired:
                    break
        for member, _ in plans:
            member.note_stopped()
