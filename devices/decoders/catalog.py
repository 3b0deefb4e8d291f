"""Every payload format that is read from MQTT. To add one: write its file, add its line to ``DECODERS``."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from devices.decoders import native
from devices.event import DeviceSaid, Millis
from devices.rejected import Reason, Rejected, excerpt


class Decoder(NamedTuple):
    """One payload format."""

    name: str
    topics: tuple[str, ...]
    """MQTT filters to subscribe to."""
    matches: Callable[[str], bool]
    decode: Callable[[str, bytes, Millis], list[DeviceSaid]]


DECODERS: tuple[Decoder, ...] = (Decoder("native", native.TOPICS, native.matches, native.decode),)


def decode(topic: str, payload: bytes, received_at: Millis) -> list[DeviceSaid]:
    """Decode one MQTT message by the first format that claims its topic.

    Args:
        topic: the topic it was published to.
        payload: as received.
        received_at: when it was received, ms.

    Raises:
        Rejected: no format claims the topic, or the payload cannot be read.
    """
    for decoder in DECODERS:
        if decoder.matches(topic):
            return decoder.decode(topic, payload, received_at)
    raise Rejected(Reason.BAD_TOPIC, f"no decoder reads {excerpt(topic, 80)}")
