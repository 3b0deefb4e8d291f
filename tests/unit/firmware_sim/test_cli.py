import json
import time
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from typer.testing import CliRunner

from firmware_sim.blast import app as blast_app
from firmware_sim.cli import app
from tests.ports import free_port

RUNNER = CliRunner()


def nobody_there() -> str:
    return f"mqtt://127.0.0.1:{free_port()}"


def test_the_list_names_the_shipped_scenarios() -> None:
    result = RUNNER.invoke(app, ["--list"])
    assert result.exit_code == 0
    assert result.stdout.startswith("demo ")


def test_the_inventory_is_json_with_the_shapes_of_the_http_interface() -> None:
    result = RUNNER.invoke(app, ["demo", "--print-inventory"])
    known = json.loads(result.stdout)
    assert set(known) >= {"customers", "devices", "stores", "speed"}
    assert known["customers"]["cust-tanaka"]["addresses"]["push"] == ["tok-tanaka-gone"]
    assert known["customers"]["cust-garcia"]["time_zone"].startswith("Etc/GMT")


@pytest.mark.parametrize(
    "arguments",
    [[], ["nope"], ["demo", "--broker", "nope"], ["demo", "--seconds", "0"], ["demo", "--credentials", "nope.json"]],
)
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    assert RUNNER.invoke(app, arguments).exit_code == 2


def test_a_device_without_a_login_is_named(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text("{}")
    result = RUNNER.invoke(app, ["demo", "--credentials", str(path)])
    assert result.exit_code == 2
    assert "chiller-01" in result.output


def test_a_broker_that_is_not_there_ends_with_1_and_says_why() -> None:
    result = RUNNER.invoke(app, ["demo", "--broker", nobody_there(), "--seconds", "0.5"])
    assert result.exit_code == 1
    assert "refused" in result.output


def test_an_answer_that_comes_after_the_last_second_is_told_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused_late(_: Client) -> None:
        time.sleep(0.5)
        raise ConnectionRefusedError("refused, and late")

    monkeypatch.setattr(Client, "reconnect", refused_late)
    result = RUNNER.invoke(app, ["demo", "--broker", nobody_there(), "--seconds", "0.1"])
    assert result.exit_code == 1
    assert "refused, and late" in result.output


def test_the_load_generator_says_that_nobody_is_there() -> None:
    result = RUNNER.invoke(blast_app, ["--broker", nobody_there(), "--seconds", "0.5"])
    assert result.exit_code == 1
    assert "refused" in result.output
