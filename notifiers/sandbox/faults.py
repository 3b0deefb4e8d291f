"""Fault switches: how a stand-in misbehaves next, and for how many requests."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

Provider = Literal["fcm", "twilio", "smtp", "webhook"]
Mode = Literal["ok", "500", "503", "429", "drop_before", "drop_after", "slow", "malformed", "silent", "dribble"]

PROVIDERS: tuple[Provider, ...] = get_args(Provider)
TAKES_IT: frozenset[Mode] = frozenset({"ok", "drop_after", "slow", "malformed", "dribble"})
"""Modes in which the provider takes the message, whatever becomes of its answer."""


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``POST /sandbox/faults`` takes."""

    provider: Provider
    mode: Mode
    count: int | None = None
    """For that many requests, then ``ok`` again; left out: until changed."""
    seconds: float = 3.0
    """``slow``: the wait; ``429``: its Retry-After; ``dribble``: between two bytes (1 is the classic)."""


class Faults:
    """The switches of all providers."""

    def __init__(self) -> None:
        """All well."""
        self._set: dict[Provider, Fault] = {}

    def set(self, fault: Fault) -> None:
        """Turn one switch."""
        self._set[fault.provider] = fault

    def take(self, provider: Provider) -> Fault:
        """The fault for the request at hand; counts it."""
        fault = self._set.get(provider, Fault(provider, "ok"))
        if fault.count is not None:
            if fault.count <= 0:
                return Fault(provider, "ok")
            self._set[provider] = msgspec.structs.replace(fault, count=fault.count - 1)
        return fault

    def standing(self) -> list[Fault]:
        """All switches as they stand."""
        return [self._set.get(provider, Fault(provider, "ok")) for provider in PROVIDERS]
