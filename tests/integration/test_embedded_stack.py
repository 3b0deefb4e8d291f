"""The embedded stack with its real servers: starts, what stands in the way, and who may come in."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import nats
import nats.js.api
import psutil
import psycopg
import pytest

from gateway.embedded import postgres
from gateway.embedded.data_dir import holder
from gateway.embedded.errors import EmbeddedError
from gateway.embedded.identity import Identity
from gateway.embedded.nats import NatsServer
from gateway.embedded.ports import LOOPBACK, Bind, free_port
from gateway.embedded.stack import EmbeddedStack, StackAddresses, running_addresses
from gateway.embedded.supervise import Supervisor
from tests.integration.embedded_fixture import ANY_PORT, database, family, of_each, running_stack

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, StackAddresses]]:
    """One running stack for the tests that only look."""
    folder = tmp_path_factory.mktemp("shared") / "data"
    with running_stack(folder) as (_, addresses):
        yield folder, addresses


async def _store(addresses: StackAddresses, text: str) -> None:
    client = await nats.connect(str(addresses.log_url))
    stream = client.jetstream()
    await stream.add_stream(nats.js.api.StreamConfig(name="kept", subjects=["kept"]))
    await stream.publish("kept", text.encode())
    await client.close()


async def _stored(addresses: StackAddresses) -> str:
    client = await nats.connect(str(addresses.log_url))
    message = await client.jetstream().get_last_msg("kept", "kept")
    await client.close()
    return (message.data or b"").decode()


def test_a_second_start_goes_on_with_the_same_data_secrets_and_ports(tmp_path: Path) -> None:
    with running_stack(tmp_path / "data") as (_, first):
        with database(first) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 'row' AS text")
        asyncio.run(_store(first, "message"))
    with running_stack(tmp_path / "data") as (_, second):
        assert second == first
        with database(second) as connection:
            assert connection.execute("SELECT text FROM kept").fetchone() == ("row",)
        assert asyncio.run(_stored(second)) == "message"


def test_a_remembered_port_that_is_taken_meanwhile_gives_way_to_another(tmp_path: Path) -> None:
    with running_stack(tmp_path / "data") as (_, first):
        pass
    port = urllib.parse.urlsplit(str(first.database_url)).port
    assert port is not None
    with socket.create_server((LOOPBACK, port)), running_stack(tmp_path / "data") as (_, second):
        assert second.database_url != first.database_url
        assert second.log_url == first.log_url
        with database(second) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_only_what_is_wanted_is_started(tmp_path: Path) -> None:
    stack = EmbeddedStack(tmp_path / "data", ANY_PORT, want_nats=False, want_postgres=True)
    addresses = stack.start()
    try:
        assert [child.name for child in stack.supervisor.status()] == ["postgres"]
        assert (addresses.log_url, addresses.mqtt_url, addresses.issuer_seed) == (None, None, None)
    finally:
        stack.stop()


def test_other_commands_find_the_running_stack(shared: tuple[Path, StackAddresses]) -> None:
    folder, addresses = shared
    assert running_addresses(folder) == addresses
    assert stat.S_IMODE((folder / "run" / "addresses.json").stat().st_mode) == 0o600


def test_a_stack_that_has_stopped_is_not_found(tmp_path: Path) -> None:
    with running_stack(tmp_path / "data"):
        pass
    assert running_addresses(tmp_path / "data") is None
    assert running_addresses(tmp_path / "nothing") is None


def test_a_folder_in_use_is_one_line_and_leaves_the_first_one_alone(shared: tuple[Path, StackAddresses]) -> None:
    folder, addresses = shared
    second = EmbeddedStack(folder, ANY_PORT, want_nats=True, want_postgres=True)
    with pytest.raises(EmbeddedError, match=rf"in use by another Kizashi \(pid {os.getpid()}\)"):
        second.start()
    second.stop()  # as the end of every program does
    assert running_addresses(folder) == addresses
    with database(addresses) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_taken_mqtt_port_is_one_line_and_leaves_nothing_running(tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as other:
        bind = f"{LOOPBACK}:{other.getsockname()[1]}"
        with pytest.raises(EmbeddedError) as caught:
            EmbeddedStack(tmp_path / "data", bind, want_nats=True, want_postgres=True).start()
    assert str(caught.value).startswith(f"can't listen for MQTT on {bind} (Address already in use); ")
    assert "mqtt.bind" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert holder(tmp_path / "data") is None
    assert not [each for each in psutil.Process().children(recursive=True) if each.cwd().startswith(str(tmp_path))]


def test_an_mqtt_port_taken_at_the_last_moment_is_the_same_line(tmp_path: Path) -> None:
    taken: set[int] = set()
    identity = Identity()
    identity.ports.nats, identity.ports.nats_health = free_port(None, taken), free_port(None, taken)
    server = NatsServer(tmp_path / "nats", identity, Bind(LOOPBACK, free_port(None, taken)))
    server.prepare()
    supervisor = Supervisor(tmp_path, tmp_path)
    with socket.create_server((LOOPBACK, server.mqtt.port)):
        with pytest.raises(
            EmbeddedError, match=rf"^can't listen for MQTT on {server.mqtt} \(address already in use\); "
        ):
            supervisor.start([server.child()])
        supervisor.stop()


def test_a_file_in_place_of_the_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(EmbeddedError, match="is not a folder; set data_dir"):
        EmbeddedStack(tmp_path / "data", ANY_PORT, want_nats=True, want_postgres=True).start()


@pytest.mark.parametrize("name", ["n" * 200, "with space, 'quote', \"quote\" and ü兆"])
def test_long_and_odd_folder_names_work(tmp_path: Path, name: str) -> None:
    with running_stack(tmp_path / name / "data") as (_, addresses), database(addresses) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        asyncio.run(_store(addresses, "x"))
        assert (tmp_path / name / "data" / "nats" / "jetstream").is_dir()


def test_a_database_of_another_version_is_left_alone_and_named(tmp_path: Path) -> None:
    with running_stack(tmp_path / "data"):
        pass
    (tmp_path / "data" / "postgres" / "PG_VERSION").write_text("15\n")
    with pytest.raises(EmbeddedError, match="was made by PostgreSQL 15, this Kizashi brings 16"):
        EmbeddedStack(tmp_path / "data", ANY_PORT, want_nats=False, want_postgres=True).start()


def test_a_first_start_that_was_cut_off_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "data" / "postgres.new" / "base").mkdir(parents=True)
    with running_stack(tmp_path / "data") as (_, addresses), database(addresses) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize(
    ("user", "password", "dbname"),
    [
        ("kizashi", None, "kizashi"),
        ("kizashi", "wrong", "kizashi"),
        ("postgres", None, "postgres"),
        ("postgres", "", "kizashi"),
        ("kizashi", "right", "template1"),
    ],
)
def test_the_database_lets_nobody_in_without_its_password(
    shared: tuple[Path, StackAddresses], user: str, password: str | None, dbname: str
) -> None:
    url = urllib.parse.urlsplit(str(shared[1].database_url))
    given = url.password if password == "right" else password
    with pytest.raises(psycopg.OperationalError, match=r"no password|authentication failed|no pg_hba\.conf entry"):
        psycopg.connect(host=url.hostname, port=url.port, user=user, password=given, dbname=dbname)


def test_the_gateways_role_is_no_superuser_and_the_database_is_utf8(shared: tuple[Path, StackAddresses]) -> None:
    with database(shared[1]) as connection:
        assert connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() == (False,)
        for setting, value in {
            "server_encoding": "UTF8",
            "lc_collate": "C",
            "data_checksums": "on",
            "synchronous_commit": "on",
            "fsync": "on",
            "TimeZone": "UTC",
            "max_connections": "100",
        }.items():
            if setting == "lc_collate":
                row = connection.execute("SELECT datcollate FROM pg_database WHERE datname = 'kizashi'").fetchone()
            else:
                row = connection.execute("SELECT current_setting(%s)", [setting]).fetchone()
            assert row == (value,), setting


@pytest.mark.parametrize("credentials", ["", ', "user": "gateway", "pass": "wrong"'])
def test_nats_lets_nobody_in_without_its_password(shared: tuple[Path, StackAddresses], credentials: str) -> None:
    port = urllib.parse.urlsplit(str(shared[1].log_url)).port
    with socket.create_connection((LOOPBACK, port or 0), timeout=20) as wire, wire.makefile("rb") as answers:
        wire.sendall(f'CONNECT {{"verbose": false{credentials}}}\r\nPUB kept 1\r\nx\r\nPING\r\n'.encode())
        said = answers.read()  # until the server hangs up
    assert b"Authorization Violation" in said
    assert b"PONG" not in said


def test_nothing_listens_outside_this_machine(shared: tuple[Path, StackAddresses]) -> None:
    connections = of_each(family(shared[0]), lambda process: process.net_connections())
    listening = [each.laddr.ip for own in connections for each in own if each.status == psutil.CONN_LISTEN]
    assert len(listening) >= 4  # PostgreSQL; NATS for clients, health and MQTT
    assert set(listening) == {LOOPBACK}


def test_no_secret_can_be_read_by_others_nor_seen_in_the_process_list(shared: tuple[Path, StackAddresses]) -> None:
    folder, addresses = shared
    secrets = [urllib.parse.urlsplit(str(addresses.database_url)).password, addresses.mqtt_password]
    for path in folder.rglob("*"):
        if path.is_file() and any(str(secret).encode() in path.read_bytes() for secret in secrets):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    lines = of_each(family(folder), lambda process: " ".join(process.cmdline()))
    assert len(lines) >= 2
    assert not [line for line in lines if any(str(secret) in line for secret in secrets)]


def test_jetstream_is_what_the_log_needs(shared: tuple[Path, StackAddresses]) -> None:
    identity = json.loads((shared[0] / "identity.json").read_text())
    address = f"http://{LOOPBACK}:{identity['ports']['nats_health']}/varz"
    with urllib.request.urlopen(address, timeout=5) as answer:
        told = json.loads(answer.read())
    assert told["max_payload"] == 8 * 1024 * 1024
    assert told["jetstream"]["config"]["max_storage"] >= 10**12
    assert told["mqtt"]["max_ack_pending"] == 6500


@pytest.mark.root
def test_root_runs_postgres_from_and_in_folders_that_are_closed_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.statvfs(tmp_path).f_flag & os.ST_NOEXEC:
        pytest.skip("no program may be run from the folder for temporary files")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    wheel = postgres.programs().parent
    shutil.copytree(wheel / "pginstall", closed / wheel.name / "pginstall", symlinks=True)
    shutil.copytree(wheel.with_name(wheel.name + ".libs"), closed / (wheel.name + ".libs"), symlinks=True)
    monkeypatch.setattr(postgres, "programs", lambda: closed / wheel.name / "pginstall")
    with running_stack(closed / "data") as (stack, addresses):
        server = psutil.Process(stack.supervisor.status()[0].pid)
        assert server.exe().startswith(str(closed))
        assert server.username() == "nobody"
        capabilities = Path(f"/proc/{server.pid}/status").read_text().split("CapEff:")[1].split()[0]
        assert int(capabilities, 16) == 1 << 2  # to look into folders, and nothing else of root's
        with database(addresses) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@pytest.mark.root
def test_root_without_that_right_gets_one_line_about_the_closed_folder(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    code = (
        "import pathlib, sys; from gateway.embedded.stack import EmbeddedStack;"
        "EmbeddedStack(pathlib.Path(sys.argv[1]), '127.0.0.1:0', False, True).start()"
    )
    without = ["setpriv", "--bounding-set", "-dac_read_search", sys.executable, "-c", code, str(closed / "data")]
    done = subprocess.run(without, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "PostgreSQL runs as nobody, which can't look into " in done.stderr.splitlines()[-1]
