"""The supervisor, with small shell programs for children."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.embedded.child import Child
from gateway.embedded.ending import runs
from gateway.embedded.errors import EmbeddedError
from gateway.embedded.member import FIRST_DELAY, HEALTHY_SECONDS, LONGEST_DELAY, Member, restart_delay
from gateway.embedded.processes import read_processes
from gateway.embedded.supervise import Supervisor


def until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def shell(name: str, script: str, **options: object) -> Child:
    return Child(name=name, argv=("/bin/sh", "-c", script), **options)  # type: ignore[arg-type]


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    for folder in ("run", "log"):
        (tmp_path / folder).mkdir()
    made = Supervisor(tmp_path / "run", tmp_path / "log")
    yield made
    made.stop(2.0)


def test_a_child_that_dies_is_started_again(supervisor: Supervisor) -> None:
    supervisor.start([shell("sleeper", "exec sleep 60")])
    first = supervisor.status()[0].pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    until(lambda: supervisor.status()[0].restarts == 1 and supervisor.status()[0].state == "ready")
    assert supervisor.status()[0].pid not in (None, first)


def test_the_file_names_who_runs(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start([shell("one", "exec sleep 60"), shell("two", "exec sleep 60")])
    until(lambda: read_processes(tmp_path / "run") is not None)
    written = read_processes(tmp_path / "run")
    assert written is not None
    assert written.supervisor == os.getpid()
    assert [child.name for child in written.children] == ["one", "two"]
    assert [child.pid for child in written.children] == [child.pid for child in supervisor.status()]
    assert all(psutil.pid_exists(child.pid or 0) for child in written.children)


def test_a_first_start_that_fails_says_why_and_stops_its_stage_only(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start([shell("steady", "exec sleep 60")])
    with pytest.raises(
        EmbeddedError, match=r"broken ended with status 3 before it was ready: no such luck; see .*broken"
    ):
        supervisor.start(
            [
                shell("innocent", "exec sleep 60", ready=lambda: False),
                shell("broken", "echo no such luck; exit 3", ready=lambda: False),
            ]
        )
    until(lambda: [child.name for child in supervisor.status()] == ["steady"])
    assert supervisor.running


def test_a_child_that_never_gets_ready_fails_the_start(supervisor: Supervisor) -> None:
    with pytest.raises(EmbeddedError, match="slow was not ready after"):
        supervisor.start([shell("slow", "exec sleep 60", ready=lambda: False, ready_seconds=0.3)])


def test_a_program_that_is_missing_fails_the_start(supervisor: Supervisor) -> None:
    with pytest.raises(EmbeddedError, match="can't run /nonexistent/program"):
        supervisor.start([Child(name="ghost", argv=("/nonexistent/program",), ready=lambda: False)])


def test_what_its_log_means_is_told_in_the_childs_own_words(supervisor: Supervisor) -> None:
    child = shell(
        "odd", "echo E42; exit 1", ready=lambda: False, explain=lambda log: "do this" if "E42" in log else None
    )
    with pytest.raises(EmbeddedError, match=r"^do this$"):
        supervisor.start([child])


def test_stages_stop_in_reverse_order(supervisor: Supervisor, tmp_path: Path) -> None:
    order = tmp_path / "order"
    for name in ("first", "second"):
        script = f'trap "echo {name} >> {order}; exit 0" TERM; touch {tmp_path}/{name}; while :; do sleep 0.05; done'
        supervisor.start([shell(name, script, ready=(tmp_path / name).exists)])
    supervisor.stop()
    assert order.read_text().split() == ["second", "first"]


def test_a_child_deaf_to_the_signal_is_killed_in_time(supervisor: Supervisor, tmp_path: Path) -> None:
    deaf = shell(
        "deaf", f'trap "" TERM; touch {tmp_path}/up; while :; do sleep 0.05; done', ready=(tmp_path / "up").exists
    )
    supervisor.start([deaf])
    pid = supervisor.status()[0].pid
    assert pid is not None
    supervisor.stop(1.0)
    assert not psutil.pid_exists(pid)


def test_a_stopped_child_is_woken_to_hear_that_it_shall_end(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start([shell("sleeper", "exec sleep 60")])
    pid = supervisor.status()[0].pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    supervisor.stop(5.0)
    assert not psutil.pid_exists(pid)


def test_a_child_that_may_end_is_not_started_again(supervisor: Supervisor) -> None:
    supervisor.start([shell("visitor", "exit 0", restart=False)])
    until(lambda: supervisor.status()[0].state == "ended")
    assert supervisor.status()[0].restarts == 0


def test_a_child_that_answers_no_more_is_shown_as_unwell_until_it_answers_again(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.embedded.member._CHECK_SECONDS", 0.05)
    well = tmp_path / "well"
    well.touch()
    supervisor.start([shell("moody", "exec sleep 60", ready=well.exists)])
    pid = supervisor.status()[0].pid
    well.unlink()
    until(lambda: supervisor.status()[0].state == "unwell")
    well.touch()
    until(lambda: supervisor.status()[0].state == "ready")
    assert supervisor.status()[0].pid == pid


def test_a_supervisor_that_has_stopped_starts_nothing_more(supervisor: Supervisor) -> None:
    supervisor.start([shell("one", "exec sleep 60")])
    supervisor.stop()
    with pytest.raises(EmbeddedError, match="stopped before"):
        supervisor.start([shell("two", "exec sleep 60")])


def test_two_children_of_one_name_are_refused(supervisor: Supervisor) -> None:
    with pytest.raises(ValueError, match="name of its own"):
        supervisor.start([shell("twin", "exit 0"), shell("twin", "exit 0")])


def test_children_die_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    code = """
import pathlib, sys, time
from gateway.embedded.child import Child
from gateway.embedded.supervise import Supervisor
folder = pathlib.Path(sys.argv[1])
supervisor = Supervisor(folder, folder)
supervisor.start([Child(name=f"c{n}", argv=("/bin/sleep", "60")) for n in range(3)])
print(*[child.pid for child in supervisor.status()], flush=True)
time.sleep(60)
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as parent:
        assert parent.stdout is not None
        line = ""
        while not line.replace(" ", "").strip().isdigit():  # log lines stand before it
            line = parent.stdout.readline()
            assert line, "the parent ended early"
        children = [psutil.Process(int(text)) for text in line.split()]
        assert len(children) == 3
        parent.kill()
    until(lambda: not any(runs(child) for child in children))


def test_a_long_log_is_moved_aside_while_the_child_writes_on(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.embedded.child.LOG_BYTES", 1000)
    monkeypatch.setattr("gateway.embedded.supervise._TIDY_SECONDS", 0.1)
    supervisor.start([shell("chatty", "while :; do echo 0123456789012345678901234567890123456789; sleep 0.01; done")])
    until((tmp_path / "log" / "chatty.log.1").exists)
    until(lambda: 0 < (tmp_path / "log" / "chatty.log").stat().st_size < 20_000)


@given(st.lists(st.floats(0, 100), max_size=30))
def test_the_delay_doubles_up_to_its_bound_and_starts_over_after_a_healthy_time(lives: list[float]) -> None:
    delay = 0.0
    for healthy in lives:
        following = restart_delay(delay, healthy)
        assert FIRST_DELAY <= following <= LONGEST_DELAY
        if delay == 0 or healthy >= HEALTHY_SECONDS:
            assert following == FIRST_DELAY
        else:
            assert following == min(2 * delay, LONGEST_DELAY)
        delay = following


@given(st.floats(0.5, 60), st.floats(0.1, 20))
def test_a_stop_plan_ends_with_a_kill_within_its_time(seconds: float, patience: float) -> None:
    stop_signals = (signal.SIGINT, signal.SIGQUIT)
    member = Member(Child(name="x", argv=("/x",), stop_signals=stop_signals, stop_seconds=patience), Path("/"))
    plan = member.stop_plan(seconds)
    assert [each for _, each in plan] == [signal.SIGINT, signal.SIGQUIT, signal.SIGKILL]
    assert plan[0][0] == 0
    assert plan[-1][0] < seconds
