"""What users do to a gateway, from outside only: HTTP, MQTT, the command line and the providers' stand-ins."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from tests.acceptance.rig import ANSWER_SECONDS, Rig, eventually

QUICKLY = 60.0
"""Seconds in which anything that is due at once has happened, also on a busy machine."""
AT_ALL_HOURS = json.dumps({"offers": "never", "maintenance": "never"})
"""No quiet hours: tests run at any time of the day."""
COMMAND_SECONDS = 120.0

Credentials = Mapping[str, str]


def command(rig: Rig, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """``kizashi …`` with the rig's settings; ``environment`` is laid over them."""
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli", *arguments],
        env={**rig.environment, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=COMMAND_SECONDS,
    )


def rules_are_in_force(rig: Rig) -> None:
    """Wait until every partition's log has the rules."""
    with rig.api() as api:
        eventually(lambda: api.get("/v1/rules").json().get("published_at"), within=QUICKLY, what="published rules")


def person(rig: Rig, customer_id: str, addresses: Mapping[str, Any], *, purposes: Sequence[str] = ()) -> None:
    """A customer who can be reached there, in that order, and has agreed to ``purposes`` on all those channels."""
    customer = {"name": customer_id.title(), "locale": "en", "time_zone": "Asia/Tokyo", "addresses": dict(addresses)}
    rig.put(f"/v1/customers/{customer_id}", {**customer, "preferred_channels": list(addresses)})
    agreed = {purpose: dict.fromkeys(addresses, True) for purpose in purposes}
    rig.put(f"/v1/customers/{customer_id}/consents", {**agreed, "source": "sign-up form"})


def machine(rig: Rig, device_id: str, owner: str | None = None, model: str = "chiller-3000") -> None:
    """A device, and whose it is."""
    rig.put(f"/v1/devices/{device_id}", {"model": model, "owner": owner})


def credentials(rig: Rig, device_id: str) -> dict[str, str]:
    """New MQTT credentials from the command line."""
    done = command(rig, "devices", "credentials", device_id)
    assert done.returncode == 0, done.stderr
    made: dict[str, str] = json.loads(done.stdout)
    return made


def mosquitto_pub(
    rig: Rig, who: Credentials, topic: str, payload: str | Path, *, client_id: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Publish by Mosquitto's own client, QoS 1; returns once the broker has acknowledged, or with its complaint."""
    content = ["-f", str(payload)] if isinstance(payload, Path) else ["-m", payload]
    arguments = ["-h", "127.0.0.1", "-p", str(rig.mqtt_port), "-q", "1", "-V", "311", "-t", topic, *content]
    named = ["-i", client_id or who["username"], "-u", who["username"], "-P", who["password"]]
    return subprocess.run(
        ["mosquitto_pub", *named, *arguments], capture_output=True, text=True, check=False, timeout=QUICKLY
    )


def post(rig: Rig, device_id: str, **values: object) -> None:
    """One reading by HTTP."""
    with rig.api() as api:
        answer = api.post("/v1/events", json={"device_id": device_id, "values": values})
    assert answer.status_code == 202, answer.text


def get(rig: Rig, path: str) -> Any:
    """What the API answers."""
    with rig.api() as api:
        answer = api.get(path)
    assert answer.is_success, answer.text
    return answer.json()


def timeline(rig: Rig, customer_id: str, limit: int = 200) -> list[dict[str, Any]]:
    """The whole timeline, newest first, by as many pages as it takes."""
    entries: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = get(rig, f"/v1/customers/{customer_id}/timeline?limit={limit}" + (f"&cursor={cursor}" if cursor else ""))
        assert len(page["items"]) <= limit
        entries += page["items"]
        cursor = page["next"]
    return entries


def of_kind(rig: Rig, customer_id: str, kind: str) -> list[dict[str, Any]]:
    """The customer's entries of that kind, oldest first."""
    return [entry for entry in reversed(timeline(rig, customer_id)) if entry["kind"] == kind]


def message(rig: Rig, customer_id: str, channel: str, state: str, *, within: float = QUICKLY) -> dict[str, Any]:
    """The customer's newest message on ``channel``, once it is in ``state``."""

    def found() -> dict[str, Any] | None:
        ids = [e["message_id"] for e in of_kind(rig, customer_id, "message") if e["channel"] == channel]
        newest: dict[str, Any] | None = get(rig, f"/v1/messages/{ids[-1]}") if ids else None
        return newest if newest is not None and newest["state"] == state else None

    arrived: dict[str, Any] = eventually(found, within=within, what=f"{channel} to {customer_id} {state}")
    return arrived


def inbox(rig: Rig, channel: str, to: str) -> list[dict[str, Any]]:
    """What the person behind that address holds in their hand, newest first."""
    answer = httpx.get(
        f"{rig.sandbox_url}/sandbox/messages", params={"channel": channel, "to": to}, timeout=ANSWER_SECONDS
    )
    found: list[dict[str, Any]] = answer.json()
    return found


def misbehave(rig: Rig, provider: str, mode: str, **more: object) -> None:
    """Turn one of the stand-ins' switches."""
    answer = httpx.post(
        f"{rig.sandbox_url}/sandbox/faults", json={"provider": provider, "mode": mode, **more}, timeout=ANSWER_SECONDS
    )
    assert answer.is_success, answer.text


def rejected_so_far(rig: Rig) -> int:
    """How much input was refused, as the gateway's own numbers say."""
    return number(rig, "kizashi_events_rejected_total")


def events_so_far(rig: Rig) -> int:
    """How many events of devices are folded and checkpointed, as the gateway's own numbers say."""
    return number(rig, "kizashi_events_processed_total")


def number(rig: Rig, name: str) -> int:
    """One of the numbers at ``/metrics``, without labels; those of the log are left out while it gives no answer."""

    def shown() -> list[int]:
        lines = httpx.get(f"{rig.url}/metrics", timeout=ANSWER_SECONDS).text.splitlines()
        return [int(float(line.split()[1])) for line in lines if line.split()[0] == name]

    (found,) = soon(shown, name)
    return int(found)


def soon(check: Callable[[], Any], what: str = "") -> Any:
    """``eventually``, with the patience that is due to what happens at once."""
    return eventually(check, within=QUICKLY, what=what)
