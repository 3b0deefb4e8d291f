"""One channel's providers: the first of them, and the one that takes over while the first is in trouble."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.delivery.lane import Lane


class Route:
    """The lanes of a channel in the order of preference."""

    def __init__(self, lanes: Sequence[Lane]) -> None:
        """``lanes``: at least one."""
        self.lanes = tuple(lanes)
        self.channel = lanes[0].channel

    def shares(self) -> list[tuple[Lane, int]]:
        """How many new messages each lane may be given now.

        The first that is not in trouble takes all; those before it are tried with one message when their pause is over.
        """
        shares = []
        for lane in self.lanes:
            in_trouble = lane.is_open
            shares.append((lane, lane.free()))
            if not in_trouble:
                break
        return shares

    def of(self, provider: str | None) -> Lane | None:
        """The lane of the provider that was given a message; ``None`` where it is not ours (any more)."""
        if provider is None:
            return self.lanes[0]
        return next((lane for lane in self.lanes if lane.notifier.provider == provider), None)

    def places_to_ask(self) -> int:
        """How many messages in doubt may be taken: any of them may be any lane's."""
        return min(lane.places_to_ask() for lane in self.lanes)
