"""A folder of settings' files while the gateway runs: tells when a change in it has come to rest.

The folder is looked at by its files' times, twice a second, instead of listening to the kernel: mounted folders
(containers, network drives, config maps) report nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

LOOK_SECONDS = 0.5
QUIET_SECONDS = 0.3
"""How long no file may change before the folder is read: editors and checkouts write in several steps."""
QUIET_LOOK_SECONDS = 0.1
RETRY_SECONDS = 2.0
"""Until the next try where the database is away."""


class Trace(NamedTuple):
    """What the file system says of one file: it is another one after each change."""

    name: str
    changed_ns: int
    size: int
    inode: int


def trace(path: Path, name: str) -> Trace:
    """Of the file ``path``, which stands in its folder as ``name``.

    Raises:
        OSError: it is gone.
    """
    about = path.stat()
    return Trace(name, about.st_mtime_ns, about.st_size, about.st_ino)


class Settling:
    """Tells when a change has come to rest. Feed it what is seen and when (seconds that never go back)."""

    def __init__(self, seen: frozenset[Trace]) -> None:
        self._used = self._seen = seen
        self._since = 0.0

    def see(self, seen: frozenset[Trace], now: float) -> bool:
        """Whether there is a change that nobody has touched for ``QUIET_SECONDS``. Says so once for each change."""
        if seen != self._seen:
            self._seen, self._since = seen, now
        if seen == self._used or now - self._since < QUIET_SECONDS:
            return False
        self._used = seen
        return True

    @property
    def moving(self) -> bool:
        """Whether a change has not come to rest yet."""
        return self._seen != self._used


async def watch(
    traces: Callable[[], frozenset[Trace]],
    follow: Callable[[bool], bool],
    *,
    also: Callable[[], object] = lambda: None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Follow a folder until cancelled. What changed before this began is taken over first.

    Args:
        traces: what its files look like now.
        follow: takes over what is there, in a thread; it is given whether somebody saved a file just now, and is asked
            again where it says false.
        also: what else the files depend on; where that has become another, they are taken over again.
        clock: seconds that never go back.
    """
    settling = Settling(await asyncio.to_thread(traces))
    saved, due, other = False, True, also()
    while True:
        if due:
            due, other = False, also()
            due = not await asyncio.to_thread(follow, saved)
            saved = saved and due
        pause = QUIET_LOOK_SECONDS if settling.moving else LOOK_SECONDS
        await asyncio.sleep(RETRY_SECONDS if due else pause)
        if settling.see(await asyncio.to_thread(traces), clock()):
            saved = due = True
        due = due or also() != other
