"""Brings the demo's customers, devices and stores in by the HTTP API, as anybody would."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import httpx

from gateway.embedded.errors import EmbeddedError


def of_scenario(scenario: str) -> dict[str, Any]:
    """The customers, devices and stores of a scenario, asked of the simulator (a program of its own).

    Raises:
        EmbeddedError: the simulator can't say.
    """
    command = [sys.executable, "-P", "-m", "firmware_sim.cli", scenario, "--print-inventory"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    if done.returncode != 0:
        raise EmbeddedError(f"kizashi-sim {scenario}: {done.stderr.strip() or 'failed'}")
    inventory: dict[str, Any] = json.loads(done.stdout)
    return inventory


def give_browsers(customers: dict[str, Any], browser: Callable[[str], dict[str, object]]) -> None:
    """A browser for each customer who has agreed to be told by web push; only a running sandbox knows its address."""
    for customer_id, customer in customers.items():
        agreed = [by for by in customer.get("consents", {}).values() if isinstance(by, dict)]
        if any(by.get("webpush") for by in agreed):
            customer["addresses"]["webpush"] = [browser(customer_id)]


def bring_in(inventory: dict[str, Any], base_url: str, key: str) -> dict[str, dict[str, str]]:
    """PUT everything; returns each device's MQTT credentials.

    Raises:
        EmbeddedError: the API refused something; the message says what.
    """
    with httpx.Client(base_url=base_url, headers={"Authorization": f"Bearer {key}"}, timeout=10) as api:
        for store_id, store in inventory["stores"].items():
            _ask(api, "PUT", f"/v1/stores/{store_id}", store)
        for customer_id, customer in inventory["customers"].items():
            consents = customer.pop("consents", None)
            _ask(api, "PUT", f"/v1/customers/{customer_id}", customer)
            if consents is not None:
                _ask(api, "PUT", f"/v1/customers/{customer_id}/consents", consents)
        credentials: dict[str, dict[str, str]] = {}
        for device_id, device in inventory["devices"].items():
            _ask(api, "PUT", f"/v1/devices/{device_id}", device)
            credentials[device_id] = _ask(api, "POST", f"/v1/devices/{device_id}/credentials", None)
    return credentials


def _ask(api: httpx.Client, method: str, path: str, body: dict[str, Any] | None) -> Any:
    try:
        answer = api.request(method, path, json=body)
    except httpx.TransportError as error:
        raise EmbeddedError(f"the API does not answer {method} {path}: {error!r}") from error
    if answer.is_error:
        raise EmbeddedError(f"the API refused {method} {path}: {answer.text}")
    return answer.json()
