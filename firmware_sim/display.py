"""How the simulator shows its progress: a live line on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

from firmware_sim.run import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

_PLAIN_EVERY_S = 10.0


class Display(Protocol):
    """Something that can show progress."""

    def show(self, progress: Progress) -> None:
        """Called about once a second."""
        ...


@contextmanager
def display_for(stream: TextIO, title: str, seconds: float | None) -> Iterator[Display]:
    """The display that suits ``stream``.

    Args:
        stream: where to show it, usually stderr.
        title: the scenario's name.
        seconds: how long it will run, when known.
    """
    if not stream.isatty():
        yield _PlainLines(stream)
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as RichProgress

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TextColumn("{task.fields[state]}"))
    with RichProgress(*columns, console=Console(file=stream), transient=True) as bar:
        yield _Bar(bar, bar.add_task(title, total=seconds, state="connecting"))


def sentence(progress: Progress) -> str:
    """``progress`` in one line."""
    parts = [
        f"{progress.connected}/{progress.connections} connected",
        f"{progress.acknowledged} acknowledged",
        f"{progress.waiting} waiting",
    ]
    if progress.reconnects:
        parts.append(f"{progress.reconnects} reconnects")
    if progress.dropped:
        parts.append(f"{progress.dropped} given up")
    if progress.behind > 1:
        parts.append(f"{progress.behind:.0f} s behind: this machine is too slow for the scenario")
    if progress.refused:
        parts.append(progress.refused)
    return ", ".join(parts)


class _PlainLines:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._next = _PLAIN_EVERY_S

    def show(self, progress: Progress) -> None:
        if progress.seconds >= self._next:
            self._next += _PLAIN_EVERY_S
            print(f"{progress.seconds:.0f} s: {sentence(progress)}", file=self._stream, flush=True)


class _Bar:
    def __init__(self, bar: RichProgress, task: TaskID) -> None:
        self._bar = bar
        self._task = task

    def show(self, progress: Progress) -> None:
        self._bar.update(self._task, completed=progress.seconds, state=sentence(progress))
