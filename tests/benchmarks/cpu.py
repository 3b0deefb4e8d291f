"""CPU time by process of a running gateway."""

from __future__ import annotations

import json

import psutil

from tests.acceptance.rig import Rig

_SANDBOX = "notifiers.sandbox"


def used(gateway: Rig) -> dict[str, float]:
    """CPU seconds so far, user and system, by the gateway's names of its processes; PostgreSQL's with its backends."""
    found = {name: _of(psutil.Process(pid), tree=name == "postgres") for name, pid in gateway.pids().items()}
    listed = json.loads((gateway.data_dir / "run" / "processes.json").read_text(encoding="utf-8"))
    found["supervisor"] = _of(psutil.Process(listed["supervisor"]), tree=False)
    # Started by the rig, so a child of this process.
    found["sandbox"] = sum(_of(each, tree=False) for each in psutil.Process().children() if _is_sandbox(each))
    return found


def since(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """What was used between two calls of ``used``."""
    return {name: after[name] - before.get(name, 0.0) for name in after}


def _of(process: psutil.Process, *, tree: bool) -> float:
    times = process.cpu_times()
    total = times.user + times.system
    if tree:
        # Backends that ended meanwhile count among the times of ended children.
        total += times.children_user + times.children_system
        for child in process.children():
            try:
                own = child.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += own.user + own.system
    return float(total)


def _is_sandbox(process: psutil.Process) -> bool:
    try:
        return _SANDBOX in process.cmdline()
    except psutil.ZombieProcess:
        return False
