"""A publisher that behaves like a careful device: QoS 1, repeats what was not acknowledged, remembers what was.

For up to 65,535 messages: their ids are not used again.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

RECONNECTED_SECONDS = 30.0


class Device:
    """Publishes ``{"seq": n}`` for several device ids in turn; ``acknowledged`` tells which are safe."""

    def __init__(self, port: int, devices: list[str]) -> None:
        self._devices = devices
        self._sent: dict[int, tuple[str, int]] = {}
        self._confirmed: set[int] = set()
        self._in_order = threading.Event()
        """Whether what was not acknowledged before a reconnection has been repeated: paho sends new messages before."""
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="device", clean_session=False)
        self._client.on_publish = self._on_publish
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.reconnect_delay_set(1, 1)
        self._client.max_inflight_messages_set(50)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    @property
    def acknowledged(self) -> set[tuple[str, int]]:
        """The (device, seq) that the broker has confirmed."""
        return {self._sent[mid] for mid in self._confirmed.copy() if mid in self._sent}

    def publish_raw(self, device: str, payload: bytes) -> None:
        """Publish what no careful device would."""
        self._client.publish(f"devices/{device}/telemetry", payload, qos=1)

    def publish(self, first: int, number: int, *, pause: float = 0.001) -> None:
        """Publish sequence numbers ``first`` … for every device; blocks ``pause`` seconds after each number."""
        for seq in range(first, first + number):
            for device in self._devices:
                self._in_order.wait(RECONNECTED_SECONDS)
                sent = self._client.publish(f"devices/{device}/telemetry", b'{"seq": %d}' % seq, qos=1)
                self._sent[sent.mid] = (device, seq)
            time.sleep(pause)

    def wait(self, number: int, within: float = 60.0) -> None:
        """Wait until ``number`` messages are acknowledged."""
        deadline = time.monotonic() + within
        while len(self.acknowledged) < number:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(self.acknowledged)} of {number} acknowledged")
            time.sleep(0.02)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, *_: Any) -> None:
        if len(self._confirmed) >= len(self._sent):
            self._in_order.set()

    def _on_disconnect(self, *_: Any) -> None:
        self._in_order.clear()

    def _on_publish(self, _client: Any, _data: Any, mid: int, _reason: Any, _properties: Any) -> None:
        self._confirmed.add(mid)  # no lock: paho holds its own around this call and around publish()
        self._in_order.set()  # an answer is read once everything was repeated
