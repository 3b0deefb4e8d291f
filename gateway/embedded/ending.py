"""Waiting for the end of processes that need not be our children."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence

import psutil

_LOOK_SECONDS = 0.02


def runs(process: psutil.Process) -> bool:
    """Whether it still works. A zombie does not: it holds no file, no port and no lock, only its number.

    Orphans go to the first process of their container, and many of those (a ``sleep``, a ``tail -f``) never look after
    them: their zombies stay as long as the container.
    """
    try:
        if not process.is_running():
            return False
        if process.status() != psutil.STATUS_ZOMBIE:
            return True
        with contextlib.suppress(psutil.TimeoutExpired):
            process.wait(0)  # where we are that first process it is ours to look after
    except psutil.NoSuchProcess:
        return False
    return False


def wait_for_end(processes: Sequence[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait until none of ``processes`` works any more, ``seconds`` at most; returns those that still do."""
    end = time.monotonic() + seconds
    while (alive := [process for process in processes if runs(process)]) and time.monotonic() < end:
        time.sleep(_LOOK_SECONDS)
    return alive
