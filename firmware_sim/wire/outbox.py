"""What a connection still owes the broker. Pure: no socket, no clock.

Messages leave in the order in which they were said, also after a lost connection: what was sent and not acknowledged
goes back to the front. The bound keeps memory in check when the broker stays away; the oldest goes first, as a ring
buffer in a device's flash would have it, and is counted.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Message:
    """One MQTT publication at QoS 1."""

    topic: str
    payload: bytes
    retain: bool = False
    transient: bool = False
    """Said anew on each connection, so never carried over to the next (the word ``online``)."""


@dataclass(slots=True)
class Outbox:
    """Waiting and unacknowledged messages of one connection."""

    limit: int = 10_000
    """How many may wait."""
    window: int = 64
    """How many may be sent and not yet acknowledged."""
    waiting: deque[Message] = field(default_factory=deque)
    unacknowledged: dict[int, Message] = field(default_factory=dict)
    dropped: int = 0
    sent: int = 0
    acknowledged: int = 0

    def put(self, message: Message) -> None:
        """Say it after everything said before; when too many wait, the oldest is given up."""
        if len(self.waiting) >= self.limit:
            self.waiting.popleft()
            self.dropped += 1
        self.waiting.append(message)

    def put_first(self, message: Message) -> None:
        """Say it before everything that waits."""
        self.waiting.appendleft(message)

    def next(self) -> Message | None:
        """The message to send now, or None when nothing waits or the window is full."""
        if not self.waiting or len(self.unacknowledged) >= self.window:
            return None
        return self.waiting.popleft()

    def was_sent(self, packet_id: int, message: Message) -> None:
        """``message`` left under this packet identifier."""
        self.unacknowledged[packet_id] = message
        self.sent += 1

    def was_acknowledged(self, packet_id: int) -> None:
        """The broker has it. An identifier that is not ours is ignored: it is from an earlier connection."""
        if self.unacknowledged.pop(packet_id, None) is not None:
            self.acknowledged += 1

    def connection_lost(self) -> None:
        """Put back what may not have arrived, in its old order, in front of what waits."""
        again = [message for message in self.unacknowledged.values() if not message.transient]
        self.waiting.extendleft(reversed(again))
        self.unacknowledged.clear()

    def __len__(self) -> int:
        return len(self.waiting) + len(self.unacknowledged)
