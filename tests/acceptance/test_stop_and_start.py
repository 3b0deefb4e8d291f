"""Stopping, dying and starting again under load; and mishaps at the start, each told in one clear line."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from gateway.embedded.data_dir import DataDir
from tests.acceptance import outside
from tests.acceptance.fleet import Fleet
from tests.acceptance.machine_model import ABOVE, CLEAR_BELOW, Expected, expected_decisions
from tests.acceptance.outside import soon
from tests.acceptance.rig import STOP_SECONDS, Rig, eventually, rig

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

RULES = f"""
rules:
  - id: too-warm
    for_devices: {{model: chiller-*}}
    when: {{metric: temperature, above: {ABOVE}, clear_below: {CLEAR_BELOW}}}
    severity: critical
    purpose: safety
    then:
      case: {{queue: cold-chain}}
      notify: {{template: alert}}
"""
MACHINES = 8
STEADY_READINGS = 2
"""Readings that ``_warm_up`` sends."""
PER_SECOND = 12.0
STOP_AFTER = 3.0
SECONDS = 6.0
GONE_SECONDS = 60.0
"""After ``kill -9`` of the parent: the kernel ends the children, PostgreSQL's own follow when they notice."""


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Rig]:
    with rig(tmp_path, RULES) as running:
        outside.rules_are_in_force(running)
        for number in range(MACHINES):
            outside.machine(running, f"chiller-{number}")
        outside.person(running, "aiko", {"push": ["aiko-phone"]})
        outside.machine(running, "chiller-steady", "aiko")
        yield running


def test_sigterm_under_load_ends_in_good_order_and_the_next_start_goes_on(gateway: Rig) -> None:
    _warm_up(gateway)
    with _fleet(gateway) as fleet:
        serve, family = _family(gateway)
        fleet.run(SECONDS, PER_SECOND, Once(STOP_AFTER, lambda: serve.send_signal(signal.SIGTERM)))
        assert serve.wait(STOP_SECONDS) == 0
        assert not _alive(family)
        assert not [line for line in _log_lines(gateway) if "Traceback" in line]
        gateway.start()
        _check_nothing_lost(gateway, fleet)
    _check_steady(gateway)


def test_kill_9_of_the_parent_leaves_no_process_and_the_next_start_goes_on(gateway: Rig) -> None:
    _warm_up(gateway)
    with _fleet(gateway) as fleet:
        serve, family = _family(gateway)
        fleet.run(SECONDS, PER_SECOND, Once(STOP_AFTER, serve.kill))
        serve.wait(STOP_SECONDS)
        eventually(lambda: not _alive(family), within=GONE_SECONDS, what="the end of all children")
        gateway.start()
        _check_nothing_lost(gateway, fleet)
    _check_steady(gateway)


class Once:
    """Does one thing when its time has come, while the fleet goes on."""

    def __init__(self, after: float, action: Callable[[], None]) -> None:
        self._after = after
        self._action: Callable[[], None] | None = action

    def __call__(self, elapsed: float) -> bool:
        if self._action is not None and elapsed > self._after:
            self._action()
            self._action = None
        return True


def _warm_up(gateway: Rig) -> None:
    """One alert fires before the end, so that afterwards there is a state to go on from."""
    for temperature in (4, 9):
        outside.post(gateway, "chiller-steady", temperature=temperature)
    outside.message(gateway, "aiko", "push", "delivered")


def _check_steady(gateway: Rig) -> None:
    """Between the limits nothing changes; below the lower one the alert that fired before the end resolves."""
    for temperature in (9.5, 7, 9.75, 5):
        outside.post(gateway, "chiller-steady", temperature=temperature)
    soon(lambda: len(outside.of_kind(gateway, "aiko", "alert")) == 2, "the resolved alert")
    transitions = [entry["detail"]["transition"] for entry in outside.of_kind(gateway, "aiko", "alert")]
    assert transitions == ["firing", "resolved"]
    cases = outside.get(gateway, "/v1/cases?customer_id=aiko")["items"]
    assert len(cases) == 1
    soon(lambda: len(outside.inbox(gateway, "push", "aiko-phone")) == 2, "the all-clear")


@contextmanager
def _fleet(gateway: Rig) -> Iterator[Fleet]:
    found = gateway.addresses()
    device_ids = [f"chiller-{number}" for number in range(MACHINES)]
    fleet = Fleet(device_ids, gateway.mqtt_port, found["mqtt_username"], found["mqtt_password"])
    try:
        yield fleet
    finally:
        fleet.close()


def _family(gateway: Rig) -> tuple[subprocess.Popen[bytes], list[psutil.Process]]:
    """The gateway's process, and it with all that it started."""
    serve = gateway.serving
    parent = psutil.Process(serve.pid)
    family = [parent, *parent.children(recursive=True)]
    assert len(family) > len(gateway.pids())
    return serve, family


def _alive(family: list[psutil.Process]) -> list[psutil.Process]:
    return [one for one in family if _runs(one)]


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # it ended between the two questions
        return False


def _check_nothing_lost(gateway: Rig, fleet: Fleet) -> None:
    eventually(lambda: fleet.unsettled() == 0, within=120, what="the broker's acknowledgements")
    expected = Counter(
        decision for device, samples in fleet.sent.items() for decision in expected_decisions(device, samples)
    )
    assert len(expected) >= MACHINES, "too few decisions to show anything"
    eventually(lambda: _decided(gateway) >= expected, within=120, what="all decisions")
    assert _decided(gateway) == expected
    sent = sum(map(len, fleet.sent.values())) + STEADY_READINGS
    eventually(lambda: outside.events_so_far(gateway) >= sent, within=60, what="the last checkpoints")
    assert outside.events_so_far(gateway) == sent, "an event was counted twice"
    # Trouble that comes back stays in the case that is still open, so there is one for each such machine.
    troubled = {decision.device_id for decision in expected}
    cases = gateway.query("SELECT device_id FROM cases WHERE device_id <> 'chiller-steady'")
    assert sorted(device for (device,) in cases) == sorted(troubled)


def _decided(gateway: Rig) -> Counter[Expected]:
    rows = gateway.query("SELECT subject, transition, at FROM decisions WHERE subject <> 'chiller-steady'")
    return Counter(Expected(*row) for row in rows)


def _log_lines(gateway: Rig) -> list[str]:
    files = [gateway.log, *(gateway.data_dir / "log").glob("*.log")]
    return [line for file in files for line in file.read_text(encoding="utf-8", errors="replace").splitlines()]


class TestMishapsAtTheStart:
    """Each is one line that names the place and the mend."""

    @pytest.fixture
    def idle(self, tmp_path: Path) -> Rig:
        return Rig(tmp_path, RULES, {})

    def test_a_taken_http_port(self, idle: Rig) -> None:
        with _taken(idle.http_port):
            line = _refusal(idle)
        assert f"127.0.0.1:{idle.http_port}" in line
        assert "http.bind" in line

    def test_a_taken_mqtt_port(self, idle: Rig) -> None:
        with _taken(idle.mqtt_port):
            line = _refusal(idle)
        assert f"127.0.0.1:{idle.mqtt_port}" in line
        assert "mqtt.bind" in line

    def test_a_data_folder_in_use(self, idle: Rig) -> None:
        with DataDir(idle.data_dir):
            line = _refusal(idle)
        assert str(idle.data_dir) in line
        assert "in use by another Kizashi" in line
        assert "data_dir" in line

    def test_a_data_folder_that_is_a_file(self, idle: Rig) -> None:
        idle.data_dir.write_text("not a folder")
        line = _refusal(idle)
        assert str(idle.data_dir) in line
        assert "not a folder" in line

    def test_a_wrong_rule(self, idle: Rig) -> None:
        (idle.rules_dir / "rules.yaml").write_text(RULES.replace("above:", "abvoe:"), encoding="utf-8")
        line = _refusal(idle)
        assert "rules.yaml:5" in line
        assert "abvoe" in line
        assert "above" in line

    def test_a_folder_without_rules(self, idle: Rig) -> None:
        (idle.rules_dir / "rules.yaml").unlink()
        line = _refusal(idle)
        assert str(idle.rules_dir) in line
        assert "rules.dir" in line

    def test_a_wrong_setting(self, idle: Rig) -> None:
        line = _refusal(idle, KIZASHI_LOG__PARTITIONS="many", KIZASHI_HTTP__BINDD="x")
        assert "log.partitions" in line
        assert "http.bindd" in line


@contextmanager
def _taken(port: int) -> Iterator[None]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        yield


def _refusal(idle: Rig, **environment: str) -> str:
    """The line with which ``kizashi serve`` says that it can't; nothing is left running."""
    done = outside.command(idle, "serve", **environment)
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    said = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert len(said) == 1, done.stderr
    assert not idle.pids()
    return said[0]
