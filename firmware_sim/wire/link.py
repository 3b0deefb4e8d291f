"""A device's way to the broker: a connection of its own, or its share of one that many devices use."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from firmware_sim.wire.connection import Connection
from firmware_sim.wire.outbox import Message

HELD_LIMIT = 10_000


def status(device_id: str, word: str, *, retain: bool, transient: bool = False) -> Message:
    """``online`` or ``offline`` on the device's status topic."""
    return Message(f"devices/{device_id}/status", word.encode(), retain=retain, transient=transient)


class Link(Protocol):
    """What a simulated device needs of the network."""

    def say(self, message: Message) -> None:
        """Send, or keep until it can be sent."""
        ...

    def cut(self, away_for: float) -> None:
        """Be away for so many seconds without having said so."""
        ...

    def farewell(self) -> None:
        """Say that the device goes offline on purpose."""
        ...


class OwnLink:
    """The device holds a connection: its last will is the broker's to publish, and its status is retained."""

    def __init__(self, device_id: str, connection: Connection) -> None:
        self._device_id = device_id
        self._connection = connection

    def say(self, message: Message) -> None:
        """Hand over to the connection."""
        self._connection.say(message)

    def cut(self, away_for: float) -> None:
        """Pull the plug of the connection."""
        self._connection.cut(away_for)

    def farewell(self) -> None:
        """Replace the retained ``online``."""
        self._connection.say(status(self._device_id, "offline", retain=True))


class SharedLink:
    """The device sits behind a site's radio bridge, which speaks for many and notices when one falls silent.

    Nothing is retained: when the bridge dies, no last will could take back what it said for its devices.
    """

    def __init__(self, device_id: str, connection: Connection) -> None:
        self._device_id = device_id
        self._connection = connection
        self._held: deque[Message] | None = None
        connection.say(status(device_id, "online", retain=False))

    def say(self, message: Message) -> None:
        """Hand over to the bridge, or keep it while the device is out of reach."""
        if self._held is None:
            self._connection.say(message)
        else:
            self._held.append(message)

    def cut(self, away_for: float) -> None:
        """Fall silent; the bridge reports it."""
        self._held = deque(maxlen=HELD_LIMIT)
        self._connection.say(status(self._device_id, "offline", retain=False))
        asyncio.get_running_loop().call_later(away_for, self._back)

    def farewell(self) -> None:
        """The bridge reports it."""
        self._connection.say(status(self._device_id, "offline", retain=False))

    def _back(self) -> None:
        held, self._held = self._held or deque(), None
        self._connection.say(status(self._device_id, "online", retain=False))
        for message in held:
            self._connection.say(message)
