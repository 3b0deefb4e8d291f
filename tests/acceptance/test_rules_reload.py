"""Rules that change while the gateway runs, and asking it why something did not fire."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest

from tests.acceptance import outside
from tests.acceptance.outside import soon
from tests.acceptance.rig import ANSWER_SECONDS, STOP_SECONDS, Rig, rig

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]

RULES = """
rules:
  - id: too-warm
    for_devices: {model: chiller-*}
    when: {metric: temperature, above: 20, clear_below: 6}
    purpose: maintenance
  - id: under-pressure
    for_devices: {model: chiller-*}
    when: {metric: pressure, above: 5, for: 15s}
    purpose: maintenance
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with rig(tmp_path_factory.mktemp("reload"), RULES) as made:
        yield made


@pytest.fixture
def gateway(running: Rig) -> Rig:
    """With the rules as above in force, whatever was done to it before."""
    save(running, RULES)
    soon(lambda: in_force(running, RULES) and not problems(running), "the rules of the tests")
    return running


def decided(gateway: Rig, device: str) -> list[tuple[str, str]]:
    sql = "SELECT rule_id, transition FROM decisions WHERE subject = %s ORDER BY made_at, id"
    return [(str(rule), str(transition)) for rule, transition in gateway.query(sql, device)]


def save(gateway: Rig, text: str) -> None:
    (gateway.rules_dir / "rules.yaml").write_text(text, encoding="utf-8")


def in_force(gateway: Rig, text: str) -> bool:
    found = outside.get(gateway, "/v1/rules")
    return bool(found["published_at"]) and found["files"] == {"rules.yaml": text}


def problems(gateway: Rig) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = outside.get(gateway, "/v1/rules")["folder"]["problems"]
    return found


def test_a_change_of_the_folder_holds_within_seconds_and_a_mistake_in_it_holds_never(gateway: Rig) -> None:
    outside.machine(gateway, "chiller-1")
    refused_before = len(refusals(gateway))
    for pressure, temperature in ((1, 5), (9, 12)):
        outside.post(gateway, "chiller-1", pressure=pressure, temperature=temperature)
    lower = RULES.replace("above: 20", "above: 10")
    save(gateway, lower)
    soon(lambda: in_force(gateway, lower), "the new limit")
    outside.post(gateway, "chiller-1", temperature=12.5)
    soon(lambda: ("too-warm", "firing") in decided(gateway, "chiller-1"), "the alert under the new limit")

    save(gateway, lower.replace("above: 10", "abvoe: 10"))
    found = soon(lambda: problems(gateway), "the problem")
    assert [(each["file"], each["line"]) for each in found] == [("rules.yaml", 5)]
    assert "above" in found[0]["mend"]
    ready = httpx.get(f"{gateway.url}/readyz", timeout=ANSWER_SECONDS)
    assert ready.status_code == 200
    assert "rules.yaml:5" in ready.json()["rules"]
    doctor = outside.command(gateway, "doctor")
    assert doctor.returncode == 1
    assert "rules.yaml:5" in doctor.stdout.replace("\n", "")
    outside.post(gateway, "chiller-1", temperature=5)
    soon(lambda: ("too-warm", "resolved") in decided(gateway, "chiller-1"), "the rules before the mistake")

    mended = lower.replace("above: 10", "above: 11")
    save(gateway, mended)
    soon(lambda: in_force(gateway, mended) and not problems(gateway), "the mended rules")
    _the_count_went_on(gateway)
    assert len(refusals(gateway)) == refused_before + 1


def _the_count_went_on(gateway: Rig) -> None:
    """The rule that nobody changed fired 15 s after its first sample, which was before any of the changes."""
    soon(
        lambda: ("under-pressure", "firing") in decided(gateway, "chiller-1"),
        "the rule that counted through the reloads",
    )
    [(decision_id,)] = gateway.query("SELECT id FROM decisions WHERE rule_id = 'under-pressure'")
    decision = outside.get(gateway, f"/v1/decisions/{decision_id}")
    [(changed_at,)] = gateway.query(
        "SELECT published_at FROM rule_sets WHERE strpos(files::text, %s) > 0", "above: 10,"
    )
    since = decision["explanation"]["since"]
    assert since < changed_at.timestamp() * 1000
    assert datetime.fromisoformat(decision["at"]).timestamp() * 1000 == pytest.approx(since + 15_000, abs=1)
    assert "for: 15s" in decision["rule"]["text"]


def refusals(gateway: Rig) -> list[str]:
    """What the log says of them; it has no traceback."""
    logs = (gateway.data_dir / "log").glob("api*")
    lines = [line for log in logs for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    assert not [line for line in lines if "Traceback" in line]
    return [line for line in lines if "rules.refused" in line]


def test_a_start_with_a_broken_folder_goes_on_with_the_rules_before(gateway: Rig) -> None:
    outside.machine(gateway, "chiller-2")
    outside.post(gateway, "chiller-2", temperature=5)
    serving = gateway.serving
    serving.send_signal(signal.SIGTERM)
    assert serving.wait(STOP_SECONDS) == 0
    save(gateway, RULES.replace("above: 20", "abvoe: 20"))
    gateway.start()
    assert problems(gateway)
    assert outside.get(gateway, "/v1/rules")["files"] == {"rules.yaml": RULES}
    outside.post(gateway, "chiller-2", temperature=21)
    soon(lambda: decided(gateway, "chiller-2") == [("too-warm", "firing")], "the rules before")


def test_the_newest_of_the_folder_and_the_api_holds(gateway: Rig) -> None:
    by_hand = RULES.replace("above: 20", "above: 30")
    answer = gateway.put("/v1/rules", {"files": {"by-hand.yaml": by_hand}})
    assert str(gateway.rules_dir) in answer["note"]
    assert not outside.get(gateway, "/v1/rules")["folder"]["in_force"]
    (gateway.rules_dir / "rules.yaml").touch()
    soon(lambda: in_force(gateway, RULES), "the folder, since a file was saved")
    assert outside.get(gateway, "/v1/rules")["folder"]["in_force"]


def test_the_command_line_says_why_a_rule_did_not_fire(gateway: Rig) -> None:
    outside.machine(gateway, "chiller-3")
    for temperature in (5, 12):
        outside.post(gateway, "chiller-3", temperature=temperature)
    outside.machine(gateway, "freezer-1", model="freezer-2")
    soon(lambda: explained(gateway, "too-warm", "chiller-3").count("temperature 12 is below the limit 20") == 1)
    told = explained(gateway, "too-warm", "chiller-3")
    assert "✗ above: temperature 12 at " in told
    assert "no decision of this rule on this device before" in told
    assert "model: the rule wants chiller-*, the device has freezer-2" in explained(gateway, "too-warm", "freezer-1")
    assert "no pressure yet" in explained(gateway, "under-pressure", "chiller-3")
    unknown = outside.command(gateway, "rules", "explain", "too-wram", "--device", "chiller-3")
    assert (unknown.returncode, "did you mean 'too-warm'?" in unknown.stderr) == (1, True)
    stranger = outside.command(gateway, "rules", "explain", "too-warm", "--device", "chiller-33")
    assert (stranger.returncode, "did you mean 'chiller-3'?" in stranger.stderr) == (1, True)
    wrong = outside.command(gateway, "rules", "explain", "too-warm", "--device", "chiller-3", "--at", "soon")
    assert (wrong.returncode, "2h ago" in " ".join(wrong.stderr.replace("│", " ").split())) == (2, True)


def explained(gateway: Rig, rule: str, device: str) -> str:
    done = outside.command(gateway, "rules", "explain", rule, "--device", device, "--at", "now")
    assert done.returncode == 0, done.stderr
    return done.stdout
