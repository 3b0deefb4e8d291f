"""What PostgreSQL leaves behind when it, or all of Kizashi, is killed hard.

The caller holds the data folder's lock and has no server running, so whoever still works on this cluster is an
orphan: a server whose supervisor was killed a moment ago, or the backends of a killed server.
"""

from __future__ import annotations

import signal
from pathlib import Path

import psutil
import structlog

from gateway.embedded.ending import wait_for_end
from gateway.embedded.errors import EmbeddedError

_SERVER_STEPS = ((signal.SIGINT, 8.0), (signal.SIGQUIT, 4.0), (signal.SIGKILL, 2.0))
"""Fast shutdown, immediate shutdown, the end; and the seconds that each is given."""
_BACKEND_STEPS = _SERVER_STEPS[1:]
"""Backends without a server: to them SIGINT would only mean "cancel your query"."""

_log = structlog.get_logger(__name__)


def clear_leftovers(cluster: Path, program: Path) -> None:
    """Make sure that nobody works on ``cluster``, and that an old pid file does not say otherwise.

    Args:
        cluster: PostgreSQL's data directory.
        program: our ``postgres``. A server from another program is not ours to end.

    Raises:
        EmbeddedError: another program's PostgreSQL runs on ``cluster``, or an orphan can't be ended.
        OSError: the pid file can't be removed.
    """
    pid_file = cluster / "postmaster.pid"
    try:
        lines = pid_file.read_text().splitlines()
    except FileNotFoundError:
        return
    orphans = [process for process in psutil.process_iter() if _works_in(process, cluster)]
    for process in orphans:
        _refuse_foreign(process, cluster, program)
    named = int(lines[0]) if lines and lines[0].strip().isdigit() else 0
    server_lives = any(process.pid == named for process in orphans)
    _end(orphans, _SERVER_STEPS if server_lives else _BACKEND_STEPS)
    # PostgreSQL looks after a pid that is gone by itself. It can't know one that has been given to somebody else.
    if named and psutil.pid_exists(named):
        _log.info("postgres.stale_pid_file_removed", path=str(pid_file), pid=named)
        pid_file.unlink(missing_ok=True)


def _works_in(process: psutil.Process, cluster: Path) -> bool:
    """PostgreSQL's processes, server and backends alike, have their cluster as working directory."""
    try:
        return process.name().startswith("postgres") and Path(process.cwd()) == cluster.resolve()
    except (psutil.Error, OSError):
        return False


def _refuse_foreign(process: psutil.Process, cluster: Path, program: Path) -> None:
    try:
        runs = process.exe()
    except psutil.Error:
        return  # gone, or not ours to see, and then not ours to refuse either: ending it will tell
    if runs and Path(runs).resolve() != program.resolve():
        raise EmbeddedError(
            f"another PostgreSQL ({runs}, pid {process.pid}) runs on {cluster}; stop it or set data_dir"
        )


def _end(orphans: list[psutil.Process], steps: tuple[tuple[signal.Signals, float], ...]) -> None:
    alive = orphans
    for number, seconds in steps:
        if not alive:
            return
        for process in alive:
            _log.warning("leftover.stopping", pid=process.pid, signal=number.name)
            try:
                process.send_signal(number)
            except psutil.NoSuchProcess:
                continue
            except psutil.AccessDenied as error:
                raise EmbeddedError(f"can't end a leftover PostgreSQL (pid {process.pid}); end it by hand") from error
        alive = wait_for_end(alive, seconds)
    if alive:
        raise EmbeddedError(f"a leftover PostgreSQL (pid {alive[0].pid}) does not end; end it by hand")
