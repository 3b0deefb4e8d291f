"""The load generator, as a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import NamedTuple

from tests.acceptance.rig import Rig


class Shot(NamedTuple):
    """What the load generator did. Times are seconds since the epoch."""

    started: float
    """First publish, within the generator's own accounting."""
    ended: float
    """Last acknowledgement."""
    sent: int
    acknowledged: int
    rate: float
    cpu_seconds: float
    starved: float


def start(
    gateway: Rig, *, rate: float, seconds: float, devices: int, hot_every: int, window: int = 1_500
) -> subprocess.Popen[str]:
    """Start ``python -m firmware_sim.blast`` against the gateway."""
    found = gateway.addresses()
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "firmware_sim.blast", "--broker", f"mqtt://127.0.0.1:{gateway.mqtt_port}"),
            *("--username", found["mqtt_username"], "--password", found["mqtt_password"]),
            *("--devices", str(devices), "--rate", str(rate), "--seconds", str(seconds)),
            *("--hot-every", str(hot_every), "--window", str(window)),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> Shot:
    """Wait for its end.

    Raises:
        RuntimeError: it did not get through.
    """
    assert process.stdout is not None
    line = process.stdout.readline()
    ended = time.time()
    if not line:
        raise RuntimeError(f"the load generator ended with {process.wait()}")
    said = json.loads(line)
    process.wait()
    if said["acknowledged"] < said["sent"]:
        raise RuntimeError(f"the broker acknowledged {said['acknowledged']} of {said['sent']} events")
    return Shot(
        started=ended - said["seconds"],
        ended=ended,
        sent=said["sent"],
        acknowledged=said["acknowledged"],
        rate=said["rate"],
        cpu_seconds=said["cpu_seconds"],
        starved=said["starved"],
    )
