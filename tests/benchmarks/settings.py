"""How long and how often to measure, and how to say what happens meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What all benchmarks are told."""

    seconds: float
    """Length of one run's load."""
    runs: int
    say: Callable[[str], None]
    gateway: dict[str, str] = field(default_factory=dict)
    """Settings of the gateway, as environment variables; none: as shipped."""


SHIPPED = {"KIZASHI_LOG__PARTITIONS": "8"}
"""What the acceptance rig sets otherwise, put back to the default that a user gets."""
