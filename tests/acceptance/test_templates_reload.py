"""Templates that change while the gateway runs: each process speaks with the new words, or all keep the old ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.acceptance import outside
from tests.acceptance.outside import soon
from tests.acceptance.rig import Rig, rig

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]

RULES = """
rules:
  - id: too-warm
    for_devices: {model: chiller-*}
    when: {metric: temperature, above: 20, clear_below: 6}
    purpose: maintenance
    then:
      notify: {template: warm, channels: [push, sms], escalate_after: 1h}
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
    """What the customer's messages on ``channel`` were worded with."""
    return [each["detail"] for each in worded(rig, customer) if each["channel"] == channel]


def worded(rig: Rig, customer: str) -> list[dict[str, Any]]:
    """The entries of messages that were put into the outbox, oldest first; not of those that wait for another try."""
    found = outside.of_kind(rig, customer, "message")
    return [each for each in found if each["detail"]["state"] == "queued" and "template" in each["detail"]]


def test_a_change_is_spoken_by_the_worker_and_by_delivery_and_a_mistake_by_nobody(followed: Followed) -> None:
    rig = followed.rig
    for device, owner in (("chiller-1", "mai"), ("chiller-2", "rin")):
        outside.person(rig, owner, {"push": [f"{owner}-silent"], "sms": "+819012345601"}, purposes=["maintenance"])
        outside.machine(rig, device, owner)
        outside.post(rig, device, temperature=5)
    first = followed.answer()["version"]

    outside.misbehave(rig, "fcm", "503")
    outside.post(rig, "chiller-1", temperature=25)
    soon(lambda: queued(rig, "mai", "push"), "the worker's push")
    write(followed.folder, "Second")
    soon(lambda: followed.shown() == "Second SMS", "the API's new words")
    second = followed.answer()["version"]
    assert second != first
    soon(lambda: taken_over(rig, "deliver", second), "delivery's new words")
    outside.misbehave(rig, "fcm", "refuse", count=1)
    soon(lambda: queued(rig, "mai", "sms"), "delivery's SMS, once the push is refused for good")
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
    assert rig.kill("worker-1")  # a process that starts anew speaks as the others do
    outside.post(rig, "chiller-2", temperature=25)
    soon(lambda: queued(rig, "rin", "push"), "the new worker's push")
    assert [each["body"] for each in bodies(rig, "rin")] == ["Second push"]

    write(followed.folder, "Fourth")
    soon(lambda: followed.shown() == "Fourth SMS", "the mended words")
    assert followed.answer()["folder"]["problems"] == []


def taken_over(rig: Rig, process: str, version: str) -> bool:
    """Whether that process says in its log that it speaks with this set."""
    lines = (rig.data_dir / "log" / f"{process}.log").read_text(encoding="utf-8").splitlines()
    return any("templates.taken_over" in line and version in line for line in lines)


def bodies(rig: Rig, customer: str) -> list[dict[str, Any]]:
    """The customer's messages, oldest first."""
    return [outside.get(rig, f"/v1/messages/{each['message_id']}") for each in worded(rig, customer)]


def test_a_rule_may_name_a_template_as_soon_as_it_is_there(followed: Followed) -> None:
    rig = followed.rig
    changed = RULES.replace("template: warm", "template: warmer")
    (rig.rules_dir / "rules.yaml").write_text(changed, encoding="utf-8")
    soon(lambda: outside.get(rig, "/v1/rules")["folder"]["problems"], "the refusal of rules without their template")
    (followed.folder / "warmer").mkdir()
    (followed.folder / "warmer" / "push.en.j2").write_text("Warmer\nIt is.", encoding="utf-8")
    soon(lambda: outside.get(rig, "/v1/rules")["files"] == {"rules.yaml": changed}, "the rules, without another save")
    assert outside.get(rig, "/v1/rules")["folder"]["problems"] == []
