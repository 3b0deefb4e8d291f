"""Publishes what simulated machines say, by MQTT QoS 1, and remembers each message until the broker has taken it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from tests.acceptance.machine_model import Sample, wandering


class Fleet:
    """Machines behind one connection with a persistent session: whatever the broker forgets is sent again."""

    def __init__(self, device_ids: list[str], port: int, username: str, password: str) -> None:
        self.sent: dict[str, list[Sample]] = {device_id: [] for device_id in device_ids}
        self._values: dict[str, Iterator[float]] = {
            device_id: wandering(number) for number, device_id in enumerate(device_ids)
        }
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id="acceptance-fleet", clean_session=False, protocol=mqtt.MQTTv311
        )
        self._client.username_pw_set(username, password)
        self._client.max_inflight_messages_set(200)
        self._client.reconnect_delay_set(min_delay=1, max_delay=1)
        self._client.on_publish = self._settled
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._published = 0
        self._acknowledged = 0

    def run(self, seconds: float, per_second: float, go_on: Callable[[float], bool]) -> None:
        """One sample of every machine ``per_second`` times a second, as long as ``go_on(elapsed seconds)``."""
        begun = time.monotonic()
        round_number = 0
        while (elapsed := time.monotonic() - begun) < seconds:
            self._publish_round()
            if not go_on(elapsed):
                return
            round_number += 1
            time.sleep(max(0.0, begun + round_number / per_second - time.monotonic()))

    def _publish_round(self) -> None:
        for device_id, values in self._values.items():
            before = self.sent[device_id][-1].at if self.sent[device_id] else 0
            sample = Sample(max(before + 1, time.time_ns() // 1_000_000), next(values))
            self.sent[device_id].append(sample)
            payload = json.dumps({"ts": sample.at, "temperature": sample.temperature})
            # Without a connection it is queued, and sent when there is one again.
            self._client.publish(f"devices/{device_id}/telemetry", payload, qos=1)
            self._published += 1

    def unsettled(self) -> int:
        """Messages that the broker has not acknowledged yet."""
        return self._published - self._acknowledged

    def _settled(self, *_: object) -> None:
        self._acknowledged += 1

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()
