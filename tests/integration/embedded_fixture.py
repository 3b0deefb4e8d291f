"""The embedded stack for tests: on a fresh folder, with ports of its own, and as a process that may be killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import psutil
import psycopg

from gateway.embedded.processes import ChildStatus, read_processes
from gateway.embedded.stack import EmbeddedStack, StackAddresses, running_addresses

Answer = TypeVar("Answer")

ANY_PORT = "127.0.0.1:0"

_PARENT = """
import pathlib, sys
from gateway.embedded.stack import EmbeddedStack
stack = EmbeddedStack(pathlib.Path(sys.argv[1]), sys.argv[2], want_nats=True, want_postgres=True)
stack.start()
stack.supervisor.wait_for_signal()
stack.stop()
"""


def until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for ``true``; the limit only ends a failing test."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


@contextmanager
def running_stack(folder: Path, mqtt_bind: str = ANY_PORT) -> Iterator[tuple[EmbeddedStack, StackAddresses]]:
    """Both servers, in this process."""
    stack = EmbeddedStack(folder, mqtt_bind, want_nats=True, want_postgres=True)
    addresses = stack.start()
    try:
        yield stack, addresses
    finally:
        stack.stop()


@contextmanager
def stack_process(folder: Path, mqtt_bind: str = ANY_PORT) -> Iterator[subprocess.Popen[bytes]]:
    """Both servers, under a process of their own that stops them on SIGTERM; yields when they are ready."""
    with (folder.parent / "parent.log").open("ab") as log:
        parent = subprocess.Popen([sys.executable, "-c", _PARENT, str(folder), mqtt_bind], stdout=log, stderr=log)
    try:
        until(lambda: parent.poll() is not None or running_addresses(folder) is not None)
        assert parent.poll() is None, (folder.parent / "parent.log").read_text()
        yield parent
    finally:
        if parent.poll() is None:
            parent.send_signal(signal.SIGCONT)  # a test that failed may have left it stopped: it would hear nothing
            parent.terminate()
        parent.wait(20)


def child(folder: Path, name: str) -> ChildStatus:
    """What ``processes.json`` says of one child."""
    processes = read_processes(folder / "run")
    assert processes is not None
    return next(each for each in processes.children if each.name == name)


def family(folder: Path) -> list[psutil.Process]:
    """All server processes of the stack, PostgreSQL's backends included."""
    processes = read_processes(folder / "run")
    assert processes is not None
    found = [psutil.Process(each.pid) for each in processes.children if each.pid is not None]
    return found + [grandchild for process in found for grandchild in process.children(recursive=True)]


def of_each(processes: list[psutil.Process], ask: Callable[[psutil.Process], Answer]) -> list[Answer]:
    """What those say that are still there: PostgreSQL's backends come and go with their connections."""
    answers: list[Answer] = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            answers.append(ask(process))
    return answers


def kill_all(processes: list[psutil.Process]) -> None:
    """SIGKILL to each; one that is gone already is fine: backends end by themselves once their postmaster has."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def database(addresses: StackAddresses) -> psycopg.Connection:
    """An open connection, committing by itself."""
    assert addresses.database_url is not None
    return psycopg.connect(addresses.database_url.replace("+psycopg", ""), autocommit=True, connect_timeout=5)
