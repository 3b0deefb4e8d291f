"""Processes that ended under a parent that never looks after them, as in a container whose first process is a sleep."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from signal import SIGTERM

import psutil
import pytest
from structlog.testing import capture_logs

from gateway.embedded.ending import runs, wait_for_end
from gateway.embedded.processes import ChildStatus, end_leftovers, write_processes

LONG_ENOUGH = 60.0


@pytest.fixture
def neglected() -> Iterator[psutil.Process]:
    """A process whose parent lives and never waits for it."""
    parent = subprocess.Popen(["sh", "-c", "sleep 600 & echo $!; exec sleep 600"], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    yield child
    child.kill()
    parent.kill()
    parent.wait()
    parent.stdout.close()


def test_what_runs_is_waited_for(neglected: psutil.Process) -> None:
    assert runs(neglected)
    assert wait_for_end([neglected], 0.1) == [neglected]


def test_a_zombie_has_ended(neglected: psutil.Process) -> None:
    neglected.terminate()
    assert wait_for_end([neglected], LONG_ENOUGH) == []
    assert psutil.pid_exists(neglected.pid), "its parent looks after it"


def test_a_zombie_of_our_own_is_looked_after() -> None:
    with subprocess.Popen(["true"]) as process:
        own = psutil.Process(process.pid)
        assert wait_for_end([own], LONG_ENOUGH) == []
        assert not psutil.pid_exists(own.pid)


def written(run_dir: Path, process: psutil.Process) -> None:
    """As a supervisor leaves it that was killed."""
    status = ChildStatus("nats", process.pid, process.create_time(), "ready", 0, None, int(SIGTERM))
    write_processes(run_dir, [status])


def test_a_leftover_that_ends_as_it_is_told_is_not_waited_for_because_of_its_zombie(
    neglected: psutil.Process, tmp_path: Path
) -> None:
    written(tmp_path, neglected)
    with capture_logs() as logs:
        end_leftovers(tmp_path)
    assert [line["event"] for line in logs] == ["leftover.stopping"]
    assert not runs(neglected)


def test_the_zombie_of_an_earlier_run_is_no_leftover(neglected: psutil.Process, tmp_path: Path) -> None:
    written(tmp_path, neglected)
    neglected.kill()
    assert wait_for_end([neglected], LONG_ENOUGH) == []
    with capture_logs() as logs:
        end_leftovers(tmp_path)
    assert logs == []
