"""Servers and their supervisor killed in all ways: what was committed is there again."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import nats
import nats.js.api
import psutil
import pytest

from gateway.embedded.ending import runs
from gateway.embedded.stack import StackAddresses, running_addresses
from tests.integration.embedded_fixture import child, database, family, kill_all, running_stack, stack_process, until

pytestmark = pytest.mark.stack

GONE_SECONDS = 30.0


def _write_row(addresses: StackAddresses, number: int) -> None:
    with database(addresses) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (number int)")
        connection.execute("INSERT INTO kept VALUES (%s)", [number])


def _rows(addresses: StackAddresses) -> list[int]:
    with database(addresses) as connection:
        return [row[0] for row in connection.execute("SELECT number FROM kept ORDER BY number").fetchall()]


def _gone(processes: list[psutil.Process]) -> bool:
    return not any(runs(process) for process in processes)


def _restarted(folder: Path, name: str, killed: int | None) -> bool:
    """Whether another process is ready in the place of the one that was killed."""
    now = child(folder, name)
    return now.pid != killed and now.state == "ready"


def _addresses(folder: Path) -> StackAddresses:
    addresses = running_addresses(folder)
    assert addresses is not None
    return addresses


def test_a_killed_database_is_back_with_every_committed_row(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with running_stack(folder) as (_, addresses):
        for number in range(3):
            _write_row(addresses, number)
            killed = child(folder, "postgres").pid
            assert killed is not None
            os.kill(killed, signal.SIGKILL)
            until(lambda killed=killed: _restarted(folder, "postgres", killed))  # type: ignore[misc]
            assert child(folder, "postgres").restarts > number
        assert _rows(addresses) == [0, 1, 2]


def test_a_database_killed_while_a_backend_works_waits_for_no_orphan(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with running_stack(folder) as (_, addresses):
        _write_row(addresses, 1)
        with database(addresses) as busy:
            busy.execute("SET statement_timeout = 0")
            backend, killed = psutil.Process(busy.info.backend_pid), child(folder, "postgres").pid
            assert killed is not None
            backend.suspend()  # an orphan that can't end by itself
            os.kill(killed, signal.SIGKILL)
            until(lambda: _restarted(folder, "postgres", killed))
            assert not runs(backend)
        assert _rows(addresses) == [1]


async def test_a_killed_nats_is_back_with_every_acknowledged_message(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with running_stack(folder) as (_, addresses):
        client = await nats.connect(str(addresses.log_url), reconnect_time_wait=0, max_reconnect_attempts=-1)
        stream = client.jetstream()
        await stream.add_stream(nats.js.api.StreamConfig(name="kept", subjects=["kept"]))
        for _ in range(3):
            await stream.publish("kept", b"x")
            killed = child(folder, "nats").pid
            assert killed is not None
            os.kill(killed, signal.SIGKILL)
            await asyncio.to_thread(until, lambda killed=killed: _restarted(folder, "nats", killed))  # type: ignore[misc]
        assert (await stream.stream_info("kept")).state.messages == 3
        await client.close()


def test_everything_is_gone_soon_after_its_parent_was_killed(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with stack_process(folder) as parent:
        servers = family(folder)
        assert len(servers) > 3
        _write_row(_addresses(folder), 7)
        parent.kill()
        until(lambda: _gone(servers), GONE_SECONDS)
    with running_stack(folder) as (_, addresses):
        assert _rows(addresses) == [7]


def test_a_start_right_after_the_kill_waits_for_the_old_servers(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with stack_process(folder) as parent:
        _write_row(_addresses(folder), 8)
        parent.kill()
        parent.wait()
        with running_stack(folder) as (stack, addresses):
            assert _rows(addresses) == [8]
            assert [status.restarts for status in stack.supervisor.status()] == [0, 0]


def test_all_killed_at_once_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with stack_process(folder) as parent:
        _write_row(_addresses(folder), 9)
        servers = family(folder)
        parent.send_signal(signal.SIGSTOP)  # it must not start them again in between
        kill_all(servers)
        parent.kill()
        until(lambda: _gone(servers), GONE_SECONDS)
    assert (folder / "postgres" / "postmaster.pid").exists()
    with running_stack(folder) as (_, addresses):
        assert _rows(addresses) == [9]


def test_a_pid_file_whose_pid_is_somebody_elses_by_now_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with stack_process(folder) as parent:
        servers = family(folder)
        parent.send_signal(signal.SIGSTOP)
        kill_all(servers)
        parent.kill()
        until(lambda: _gone(servers), GONE_SECONDS)
    pid_file = folder / "postgres" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    with running_stack(folder) as (_, addresses), database(addresses) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_server_frozen_when_its_parent_died_is_ended_by_the_next_start(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with stack_process(folder) as parent:
        frozen = psutil.Process(child(folder, "nats").pid)
        frozen.suspend()
        parent.kill()
        parent.wait()
        assert runs(frozen)
        with running_stack(folder):
            assert not runs(frozen)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_everything_in_good_order_within_ten_seconds(tmp_path: Path, number: signal.Signals) -> None:
    folder = tmp_path / "data"
    with stack_process(folder) as parent:
        servers = family(folder)
        with database(_addresses(folder)) as idle:  # an open connection does not hold it up
            begin = time.monotonic()
            parent.send_signal(number)
            assert parent.wait(15) == 0
            assert time.monotonic() - begin < 10
            assert idle.info.status is not None
        assert _gone(servers)
    assert not (folder / "postgres" / "postmaster.pid").exists()  # it was no crash
