"""One child process: what it is, and how it is started so that it never outlives its parent."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

_LAUNCH = Path(__file__).with_name("launch.py")
_TAIL_BYTES = 8192
LOG_BYTES = 8 * 1024 * 1024
"""A child's log is moved to ``.1`` when it grows beyond this; one older file is kept."""


class Account(NamedTuple):
    """Who a child runs as, when the supervisor is root."""

    uid: int
    gid: int
    see_all: bool = False
    """Give the capability ``dac_read_search``: it may walk through folders that are closed to its account."""


@dataclass(frozen=True, kw_only=True)
class Child:
    """What the supervisor needs to know of a child."""

    name: str
    argv: tuple[str, ...]
    """Program (an absolute path) and arguments."""
    env: Mapping[str, str] | None = None
    """Its whole environment; None for ours."""
    account: Account | None = None
    before_start: Callable[[], None] | None = None
    """Called before each start, restarts too. May raise EmbeddedError or OSError: then the start has failed."""
    ready: Callable[[], bool] | None = None
    """Asked until it says yes; returns within about a second. None: ready as soon as it runs."""
    ready_seconds: float = 60.0
    """A first start that takes longer has failed."""
    stop_signals: tuple[signal.Signals, ...] = (signal.SIGTERM,)
    """Sent one after the other, ``stop_seconds`` apart; SIGKILL comes last by itself."""
    stop_seconds: float = 6.0
    death_signal: signal.Signals = signal.SIGTERM
    """Sent by the kernel when the supervisor is gone, kill -9 included (Linux)."""
    restart: bool = True
    """Start it again when it ends. False for what ends by itself, such as a simulation."""
    own_log: bool = True
    """Its output goes to ``log/{name}.log``; False: to where ours goes."""
    explain: Callable[[str], str | None] | None = None
    """Reads the end of its log after a failed start and says in one line what to do, or None."""


def launch_argv(argv: tuple[str, ...], death_signal: signal.Signals, account: Account | None) -> tuple[str, ...]:
    """The command that becomes ``argv`` after tying itself to this process, see ``launch.py``."""
    options = ["--parent", str(os.getpid()), "--signal", str(int(death_signal))]
    if account is not None:
        options += ["--account", f"{account.uid}:{account.gid}"]
        options += ["--see-all"] if account.see_all else []
    return (sys.executable, "-I", "-S", str(_LAUNCH), *options, "--", *argv)


class ChildLog:
    """The file that a child writes to by itself; here it is opened, capped and read."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / f"{name}.log"
        self._begin = 0

    def open(self) -> IO[bytes]:
        """For the child's output, appending; remembers where this start begins."""
        self.cap()
        file = self.path.open("ab")
        self._begin = file.tell()
        return file

    def cap(self) -> None:
        """Copy a log that has grown too long aside and empty it; the child, which appends, goes on writing."""
        if self.path.exists() and self.path.stat().st_size > LOG_BYTES:
            shutil.copyfile(self.path, self.path.with_suffix(".log.1"))
            os.truncate(self.path, 0)
            self._begin = 0

    def tail(self) -> str:
        """The last lines since the last start."""
        try:
            with self.path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(self._begin if self._begin <= size else 0, size - _TAIL_BYTES))
                return file.read().decode(errors="replace")
        except OSError:
            return ""


def spawn(child: Child, log: ChildLog | None) -> subprocess.Popen[bytes]:
    """Start ``child``. Call it from a thread that lives as long as the child shall: Linux ties the two together.

    Raises:
        OSError: no process could be made, or the log can't be opened.
    """
    output = log.open() if log is not None else None
    try:
        return subprocess.Popen(
            launch_argv(child.argv, child.death_signal, child.account),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output is not None else None,
            env=None if child.env is None else dict(child.env),
            # Ctrl-C in a terminal reaches the supervisor alone, which then stops its children in the right order.
            start_new_session=True,
        )
    finally:
        if output is not None:
            output.close()
