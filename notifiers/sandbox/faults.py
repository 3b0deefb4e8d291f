"""Fault switches: how a stand-in misbehaves next, for how many requests and for how long."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal, get_args

import msgspec

Provider = Literal["fcm", "twilio", "smtp", "webhook", "webpush"]
Mode = Literal[
    "ok", "500", "503", "429", "drop_before", "drop_after", "slow", "malformed", "silent", "dribble", "refuse"
]
Receipts = Literal["ok", "never", "late", "twice", "shuffled"]

PROVIDERS: tuple[Provider, ...] = get_args(Provider)
TAKES_IT: frozenset[Mode] = frozenset({"ok", "drop_after", "slow", "malformed", "dribble", "refuse"})
"""Modes in which the provider looks at the message, whatever becomes of its answer."""

REPORTS: frozenset[Provider] = frozenset({"fcm", "twilio", "webpush"})
"""Providers from which something comes back: status callbacks, or the acknowledgements of the phones behind them."""

MAX_SECONDS = 600.0
MAX_MINUTES = 24 * 60.0
_MINUTE_MS = 60_000


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``POST /sandbox/faults`` takes."""

    provider: Provider
    mode: Mode = "ok"
    count: int | None = None
    """For that many requests, then ``ok`` again; left out: until changed."""
    seconds: float = 3.0
    """``slow``: the wait; ``429``: its Retry-After; ``dribble``: between two bytes (1 is the classic); ``late``: by how
    much the receipts are. From 0 to 600."""
    receipts: Receipts = "ok"
    """What becomes of what the provider reports afterwards."""
    minutes: float | None = None
    """All is well again after so long; left out: never by itself. At most a day."""

    def __post_init__(self) -> None:
        """Check what the types can't say.

        Raises:
            ValueError: a number is out of its range, or the provider reports nothing.
        """
        if not 0 <= self.seconds <= MAX_SECONDS:
            raise ValueError(f"seconds is {self.seconds:g}; write 0 to {MAX_SECONDS:g}")
        if self.minutes is not None and not 0 < self.minutes <= MAX_MINUTES:
            raise ValueError(f"minutes is {self.minutes:g}; write more than 0, and at most {MAX_MINUTES:g}")
        if self.receipts != "ok" and self.provider not in REPORTS:
            raise ValueError(f"{self.provider} sends no receipts; only {' and '.join(sorted(REPORTS))} do")


class Standing(msgspec.Struct, frozen=True):
    """A switch as it stands."""

    provider: Provider
    mode: Mode
    count: int | None
    seconds: float
    receipts: Receipts
    ends_at: int | None
    """Epoch ms; none: it does not end by itself."""


class _Switch(msgspec.Struct, frozen=True):
    fault: Fault
    ends_at: int | None


def now_ms() -> int:
    """The wall clock, epoch ms."""
    return time.time_ns() // 1_000_000


class Faults:
    """The switches of all providers."""

    def __init__(self, clock: Callable[[], int] = now_ms) -> None:
        """All well. ``clock``: epoch ms."""
        self._clock = clock
        self._set: dict[Provider, _Switch] = {}

    def set(self, fault: Fault) -> None:
        """Turn one switch."""
        ends_at = None if fault.minutes is None else self._clock() + round(fault.minutes * _MINUTE_MS)
        self._set[fault.provider] = _Switch(fault, ends_at)

    def clear(self) -> None:
        """All well again, everywhere."""
        self._set.clear()

    def take(self, provider: Provider) -> Fault:
        """The fault for the request at hand; counts it."""
        switch = self._at(provider)
        fault = switch.fault
        if fault.count is not None and fault.count > 0:
            left = msgspec.structs.replace(fault, count=fault.count - 1)
            self._set[provider] = _Switch(left, switch.ends_at)
        return fault if fault.count is None or fault.count > 0 else Fault(provider)

    def mode(self, provider: Provider) -> Mode:
        """How the next request fares; counts nothing."""
        fault = self._at(provider).fault
        return fault.mode if fault.count is None or fault.count > 0 else "ok"

    def standing(self) -> list[Standing]:
        """All switches as they stand."""
        return [_standing(self._at(provider)) for provider in PROVIDERS]

    def _at(self, provider: Provider) -> _Switch:
        """The switch now: one whose time is over is turned back."""
        switch = self._set.get(provider)
        if switch is not None and switch.ends_at is not None and switch.ends_at <= self._clock():
            del self._set[provider]
            switch = None
        return switch or _Switch(Fault(provider), None)


def _standing(switch: _Switch) -> Standing:
    fault = switch.fault
    return Standing(fault.provider, fault.mode, fault.count, fault.seconds, fault.receipts, switch.ends_at)
