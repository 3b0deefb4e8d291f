"""``run/processes.json``: who runs, for ``doctor``, for tests, and for the next start after a hard death."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psutil
import structlog

from gateway.embedded.ending import runs, wait_for_end
from gateway.embedded.private_file import write_private

_FILE = "processes.json"
_SAME_TIME = 1.0
_PATIENCE_SECONDS = 8.0
_AFTER_KILL_SECONDS = 2.0

_log = structlog.get_logger(__name__)


class ChildStatus(msgspec.Struct, frozen=True):
    """One child at this moment."""

    name: str
    pid: int | None
    """None while it waits for its next start, and after its end."""
    created: float | None
    """When the process was made, seconds since the epoch as the system counts them; tells a reused pid apart."""
    state: str
    """``waiting``, ``starting``, ``ready``, ``unwell`` or ``ended``."""
    restarts: int
    up_since: datetime | None
    """UTC."""
    stop_signal: int


class Processes(msgspec.Struct, frozen=True):
    """The content of the file."""

    supervisor: int
    """Its pid."""
    written_at: datetime
    children: list[ChildStatus]


def write_processes(run_dir: Path, children: list[ChildStatus]) -> None:
    """Replace the file.

    Raises:
        OSError: the folder can't be written.
    """
    content = Processes(os.getpid(), datetime.now(UTC), children)
    write_private(run_dir / _FILE, msgspec.json.format(msgspec.json.encode(content)).decode() + "\n")


def read_processes(run_dir: Path) -> Processes | None:
    """What the last supervisor wrote, or None when there was none. Its processes may be gone by now."""
    try:
        return msgspec.json.decode((run_dir / _FILE).read_bytes(), type=Processes)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def end_leftovers(run_dir: Path) -> None:
    """End children that outlived an earlier supervisor: where the system has no parent-death signal, or was too slow.

    Call it while holding the data folder's lock: then nobody else can own them. A process counts as ours only when
    both pid and creation time are as written.
    """
    before = read_processes(run_dir)
    if before is None:
        return
    left: list[psutil.Process] = []
    for child in before.children:
        if (process := _same_process(child)) is not None:
            left.append(process)
            _log.warning("leftover.stopping", child=child.name, pid=process.pid)
            _signal(process, child.stop_signal)
    alive = wait_for_end(left, _PATIENCE_SECONDS)
    for process in alive:
        _log.warning("leftover.killed", pid=process.pid)
        _signal(process, signal.SIGKILL)
    wait_for_end(alive, _AFTER_KILL_SECONDS)


def _same_process(child: ChildStatus) -> psutil.Process | None:
    if child.pid is None or child.created is None:
        return None
    try:
        process = psutil.Process(child.pid)
        same = abs(process.create_time() - child.created) < _SAME_TIME
    except psutil.Error:
        return None
    return process if same and runs(process) else None


def _signal(process: psutil.Process, number: int) -> None:
    try:
        process.send_signal(number)
        process.send_signal(signal.SIGCONT)
    except psutil.NoSuchProcess:
        return
