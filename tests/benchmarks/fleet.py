"""Devices and their owners for a load, brought in by ``kizashi import`` as anybody would."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.acceptance.rig import Rig, eventually

RULES = (Path(__file__).parent / "twenty_rules.yaml").read_text(encoding="utf-8")
PURPOSES = ("safety", "maintenance", "service", "offers")
SETTLE_SECONDS = 120.0


def bring_in(gateway: Rig, folder: Path, count: int) -> None:
    """``count`` devices named as the load generator names them, each with an owner who has the app; all in the log."""
    _import(gateway, folder / "customers.jsonl", "customers", [_customer(n) for n in range(1, count + 1)])
    devices = [{"id": f"blast-{n:05d}", "model": "blast-1", "owner": f"owner-{n}"} for n in range(1, count + 1)]
    _import(gateway, folder / "devices.jsonl", "devices", devices)
    eventually(
        lambda: _waiting(gateway) == 0 and _known(gateway) >= count,
        within=SETTLE_SECONDS,
        every=0.5,
        what="the registry in the log and in the workers' checkpoints",
    )


def _customer(number: int) -> dict[str, Any]:
    return {
        "id": f"owner-{number}",
        "name": f"Owner {number}",
        "locale": "en",
        "time_zone": "Asia/Tokyo",
        "addresses": {"push": [f"token-{number}"]},
        "consents": {purpose: {"push": True} for purpose in PURPOSES} | {"source": "benchmark"},
    }


def _import(gateway: Rig, path: Path, noun: str, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "gateway.cli", "import", noun, str(path)],
        env=gateway.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"kizashi import {noun}: {done.stderr or done.stdout}")


def _waiting(gateway: Rig) -> int:
    return int(gateway.query("SELECT count(*) FROM devices WHERE NOT logged")[0][0])


def _known(gateway: Rig) -> int:
    return int(gateway.query("SELECT count(*) FROM subject_states")[0][0])
