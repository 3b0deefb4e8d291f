"""Templates that change while the gateway runs: each process speaks with the new words, or all keep the old ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.acceptance import outside
from tests.acceptance.outside import soon
from tests.acceptance.rig import Rig, rig

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]

RULES = """
rules:
  - id: too-warm
    for_devices: {model: chiller-*}
    when: {metric: temperature, above: 20, clear_below: 6}
    purpose: maintenance
    then:
      notify: {template: warm, channels: [push, sms], escalate_after: 6s}
"""


class Followed(NamedTuple):
    """A gateway, and the folder that it follows."""

    rig: Rig
    folder: Path

    def answer(self) -> dict[str, Any]:
        found: dict[str, Any] = outside.get(self.rig, "/v1/templates")
        return found

    def shown(self) -> str:
        with self.rig.api() as api:
            answer = api.post("/v1/templates/warm/preview", json={"channel": "sms"})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["text"])


def write(folder: Path, words: str) -> None:
    (folder / "warm").mkdir(parents=True, exist_ok=True)
    (folder / "warm" / "push.en.j2").write_text(f"{words} title\n{words} push", encoding="utf-8")
    (folder / "warm" / "sms.en.j2").write_text(f"{words} SMS", encoding="utf-8")


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Followed]:
    place = tmp_path_factory.mktemp("templates-reload")
    folder = place / "templates"
    write(folder, "First")
    settings = {"KIZASHI_TEMPLATES__DIR": str(folder), "KIZASHI_POLICY__QUIET_HOURS": outside.AT_ALL_HOURS}
    with rig(place, RULES, settings) as made:
        outside.rules_are_in_force(made)
        yield Followed(made, folder)


def queued(rig: Rig, customer: str, channel: str) -> list[dict[str, Any]]:
    entries = outside.of_kind(rig, customer, "message")
    return [each["detail"] for each in entries if each["channel"] == channel and each["detail"]["state"] == "queued"]


def test_a_change_is_spoken_by_the_worker_and_by_delivery_and_a_mistake_by_nobody(followed: Followed) -> None:
    rig = followed.rig
    outside.person(rig, "mai", {"push": ["mai-silent"], "sms": "+819012345601"}, purposes=["maintenance"])
    for device in ("chiller-1", "chiller-2"):
        outside.machine(rig, device, "mai")
        outside.post(rig, device, temperature=5)
    first = followed.answer()["version"]

    outside.post(rig, "chiller-1", temperature=25)
    soon(lambda: queued(rig, "mai", "push"), "the worker's push")
    write(followed.folder, "Second")
    soon(lambda: followed.shown() == "Second SMS", "the API's new words")
    second = followed.answer()["version"]
    assert second != first
    soon(lambda: queued(rig, "mai", "sms"), "delivery's SMS, after nobody has acknowledged the push")
    assert [each["body"] for each in bodies(rig, "mai")] == ["First push", "Second SMS"]
    assert [each["template_version"] for each in (*queued(rig, "mai", "push"), *queued(rig, "mai", "sms"))] == [
        first,
        second,
    ]

    (followed.folder / "warm" / "push.en.j2").write_text("Third title\n{{ device.nmae }}", encoding="utf-8")
    (followed.folder / "warm" / "sms.en.j2").write_text("Third SMS", encoding="utf-8")
    soon(lambda: followed.answer()["folder"]["problems"], "the refusal")
    (problem,) = followed.answer()["folder"]["problems"]
    assert (problem["line"], problem["file"]) == (2, str(followed.folder / "warm" / "push.en.j2"))
    assert "did you mean 'name'?" in problem["message"]
    ready = outside.get(rig, "/readyz")
    assert (ready["status"], "nmae" in ready["templates"]) == ("ready", True)
    doctor = outside.command(rig, "doctor")
    assert doctor.returncode == 1
    assert "did you mean 'name'?" in " ".join(doctor.stdout.split())
    assert followed.answer()["version"] == second
    rig.kill("worker")  # a process that starts anew speaks as the others do
    outside.post(rig, "chiller-2", temperature=25)
    soon(lambda: len(queued(rig, "mai", "push")) > 1, "the new worker's push")
    assert [each["body"] for each in bodies(rig, "mai")][2:3] == ["Second push"]

    write(followed.folder, "Fourth")
    soon(lambda: followed.shown() == "Fourth SMS", "the mended words")
    assert followed.answer()["folder"]["problems"] == []


def bodies(rig: Rig, customer: str) -> list[dict[str, Any]]:
    """The customer's messages, oldest first."""
    ids = [
        each["message_id"]
        for each in outside.of_kind(rig, customer, "message")
        if each["detail"]["state"] == "queued" and "template" in each["detail"]
    ]
    return [outside.get(rig, f"/v1/messages/{each}") for each in ids]


def test_a_rule_may_name_a_template_as_soon_as_it_is_there(followed: Followed) -> None:
    rig = followed.rig
    changed = RULES.replace("template: warm", "template: warmer")
    (rig.rules_dir / "rules.yaml").write_text(changed, encoding="utf-8")
    soon(lambda: outside.get(rig, "/v1/rules")["folder"]["problems"], "the refusal of rules without their template")
    (followed.folder / "warmer").mkdir()
    (followed.folder / "warmer" / "push.en.j2").write_text("Warmer\nIt is.", encoding="utf-8")
    soon(lambda: outside.get(rig, "/v1/rules")["files"] == {"rules.yaml": changed}, "the rules, without another save")
    assert outside.get(rig, "/v1/rules")["folder"]["problems"] == []
