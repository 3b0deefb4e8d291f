"""Input that breaks lenient programs: refused with its reason, acknowledged, and the next good event is not held up."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.acceptance import outside
from tests.acceptance.outside import Credentials
from tests.acceptance.rig import Rig, eventually, rig
from tests.acceptance.test_newcomer import rejected

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

RULES = """
rules:
  - id: too-warm
    for_devices: {model: chiller-*}
    when: {metric: temperature, above: 8, clear_below: 6}
    purpose: maintenance
    then: {case: {queue: cold-chain}}
"""

BAD: dict[str, tuple[str, bytes]] = {
    "too large": ("too_large", b'{"temperature": 9, "note": "' + b"x" * 200_000 + b'"}'),
    "seven megabytes": ("too_large", b'{"temperature": 9, "note": "' + b"x" * 7_000_000 + b'"}'),
    "one hundred thousand levels": ("too_deep", b'{"temperature": ' + b"[" * 60_000 + b"]" * 60_000 + b"}"),
    "NaN": ("not_finite", b'{"temperature": NaN}'),
    "Infinity": ("not_finite", b'{"temperature": -Infinity}'),
    "1e999": ("not_finite", b'{"temperature": 1e999}'),
    "escaped NUL": ("nul", b'{"temperature": 9, "note": "a\\u0000b"}'),
    "raw NUL": ("nul", b'{"temperature": 9}\x00'),
    "lone surrogate": ("lone_surrogate", b'{"temperature": 9, "note": "\\ud800"}'),
    "surrogate in UTF-8": ("lone_surrogate", b'{"temperature": 9, "note": "\xed\xa0\x80"}'),
    "no UTF-8": ("not_utf8", b'{"temperature": 9, "note": "\xff"}'),
    "key twice": ("duplicate_key", b'{"temperature": 4, "temperature": 9}'),
    "5,000 digits": ("number_range", b'{"temperature": ' + b"9" * 5_000 + b"}"),
    "half": ("not_json", b'{"temperature": 9'),
    "nothing": ("empty", b" "),
    "no object": ("bad_shape", b"9"),
    "another device": ("other_device", b'{"device_id": "chiller-2", "temperature": 9}'),
    "a time that is none": ("bad_time", b'{"temperature": 9, "ts": "yesterday"}'),
    "no values": ("empty", b"{}"),
}


class Place(NamedTuple):
    """A running gateway with a device that may speak."""

    gateway: Rig
    who: Credentials
    folder: Path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("bad-input")
    with rig(folder, RULES) as running:
        outside.rules_are_in_force(running)
        outside.person(running, "dai", {"push": ["dai-phone"]})
        outside.machine(running, "chiller-1", "dai")
        yield Place(running, outside.credentials(running, "chiller-1"), folder)


@pytest.mark.debian
@pytest.mark.parametrize("what", BAD)
def test_bad_input_by_mqtt_is_refused_acknowledged_and_holds_nothing_up(place: Place, what: str) -> None:
    reason, payload = BAD[what]
    file = place.folder / "payload"
    file.write_bytes(payload)
    before = outside.rejected_so_far(place.gateway)
    done = outside.mosquitto_pub(place.gateway, place.who, "devices/chiller-1/telemetry", file)
    assert done.returncode == 0, f"not acknowledged: {done.stderr}"
    with good_event(place) as mark:
        publish_event(place, mark)
    assert outside.rejected_so_far(place.gateway) == before + 1
    assert rejected(place.gateway, 1) == [("mqtt", "devices/chiller-1/telemetry", reason)]


@pytest.mark.parametrize("what", [name for name in BAD if name != "another device"])
def test_bad_input_by_http_is_refused_and_holds_nothing_up(place: Place, what: str) -> None:
    reason, payload = BAD[what]
    body = payload.replace(b"{", b'{"device_id": "chiller-1", ', 1).replace(b", }", b"}")
    if reason == "too_large":
        body = body.replace(b'"x', b'"' + b"x" * 1_000_000, 1)
    with place.gateway.api() as api:
        answer = api.post("/v1/events", content=body, headers={"Content-Type": "application/json"})
    assert answer.headers["Content-Type"] == "application/problem+json"
    if reason == "too_large":
        assert answer.status_code == 413
    else:
        assert answer.status_code == 422, answer.text
        assert [error["kind"] for error in answer.json()["errors"]] == [reason]
    with good_event(place) as mark, place.gateway.api() as api:
        event = {"device_id": "chiller-1", "kind": "event", "type": mark}
        assert api.post("/v1/events", json=event).status_code == 202


@pytest.mark.debian
def test_more_than_the_broker_takes_costs_the_sender_its_connection_and_nobody_else_anything(place: Place) -> None:
    file = place.folder / "large"
    file.write_bytes(b'{"temperature": 9, "note": "' + b"x" * 10_000_000 + b'"}')
    done = outside.mosquitto_pub(place.gateway, place.who, "devices/chiller-1/telemetry", file)
    assert done.returncode != 0
    with good_event(place) as mark:
        publish_event(place, mark)


def test_nothing_stopped_over_all_that(place: Place) -> None:
    listed = json.loads((place.gateway.data_dir / "run" / "processes.json").read_text(encoding="utf-8"))
    assert {child["name"]: child["restarts"] for child in listed["children"]} == dict.fromkeys(
        ("postgres", "nats", "ingress", "worker-1", "deliver", "api"), 0
    )
    assert outside.number(place.gateway, "kizashi_rule_faults_total") == 0
    assert not outside.of_kind(place.gateway, "dai", "alert"), "a refused value decided something"


@contextmanager
def good_event(place: Place) -> Iterator[str]:
    """A type of event for the block to send; it must be on its owner's timeline soon after."""
    mark = f"mark-{time.monotonic_ns()}"
    yield mark
    eventually(
        lambda: mark in json.dumps(outside.of_kind(place.gateway, "dai", "event")),
        within=outside.QUICKLY,
        every=0.05,
        what="the next good event",
    )


def publish_event(place: Place, mark: str) -> None:
    """An event of note by MQTT, behind whatever the device sent before."""
    done = outside.mosquitto_pub(place.gateway, place.who, "devices/chiller-1/event", json.dumps({"type": mark}))
    assert done.returncode == 0, done.stderr
