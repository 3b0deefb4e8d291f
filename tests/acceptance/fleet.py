"""Publishes what simulated machines say, by MQTT QoS 1, in order, until the broker has taken everything."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import threading
import time
from collections.abc import Callable, Iterator

from firmware_sim.wire.broker import Broker, Login
from firmware_sim.wire.connection import Connection
from firmware_sim.wire.outbox import Message, Outbox
from tests.acceptance.machine_model import Sample, wandering


class Fleet:
    """Machines behind one connection, which lives on a thread of its own until ``close``.

    The simulator's client is used because it keeps the order over reconnections: paho's own sends what is said between
    the TCP connection and the broker's CONNACK before what has waited for longer.
    """

    def __init__(self, device_ids: list[str], port: int, username: str, password: str) -> None:
        self.sent: dict[str, list[Sample]] = {device_id: [] for device_id in device_ids}
        self._values: dict[str, Iterator[float]] = {
            device_id: wandering(number) for number, device_id in enumerate(device_ids)
        }
        self._outbox = Outbox(limit=1_000_000, window=200)
        self._said = 0
        self._loop = asyncio.new_event_loop()
        self._running: asyncio.Task[None] | None = None
        self._connection: Connection | None = None
        ready = threading.Event()
        self._thread = threading.Thread(
            target=self._live, args=(Broker("127.0.0.1", port), Login(username, password), ready), name="fleet"
        )
        self._thread.start()
        ready.wait()

    def run(self, seconds: float, per_second: float, go_on: Callable[[float], bool]) -> None:
        """One sample of every machine ``per_second`` times a second, as long as ``go_on(elapsed seconds)``."""
        begun = time.monotonic()
        rounds = 0
        while (elapsed := time.monotonic() - begun) < seconds and go_on(elapsed):
            self._say_round()
            rounds += 1
            time.sleep(max(0.0, begun + rounds / per_second - time.monotonic()))

    def unsettled(self) -> int:
        """Messages that the broker has not acknowledged yet."""
        return self._said - self._outbox.acknowledged

    def close(self) -> None:
        """Disconnect and end the thread."""
        assert self._running is not None
        self._loop.call_soon_threadsafe(self._running.cancel)
        self._thread.join()

    def _live(self, broker: Broker, login: Login, ready: threading.Event) -> None:
        async def until_cancelled() -> None:
            connection = Connection("acceptance-fleet", broker, login, random.Random(1), outbox=self._outbox)
            self._connection, self._running = connection, asyncio.create_task(connection.run())
            ready.set()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running
            connection.close()

        with contextlib.closing(self._loop):
            self._loop.run_until_complete(until_cancelled())

    def _say_round(self) -> None:
        assert self._connection is not None
        for device_id, values in self._values.items():
            before = self.sent[device_id][-1].at if self.sent[device_id] else 0
            sample = Sample(max(before + 1, time.time_ns() // 1_000_000), next(values))
            self.sent[device_id].append(sample)
            payload = json.dumps({"ts": sample.at, "temperature": sample.temperature}).encode()
            message = Message(f"devices/{device_id}/telemetry", payload)
            self._loop.call_soon_threadsafe(self._connection.say, message)
            self._said += 1
