"""From the broker into the log: collect, store, acknowledge in order.

Nothing is acknowledged to the broker before the log has it. If the log is away, nothing is acknowledged, reading stops
at a bound, and the broker keeps the rest.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence

import structlog

from gateway.ingress import counters
from gateway.ingress.acks import AckQueue
from gateway.ingress.broker import Broker, Connection, Rewind
from gateway.ingress.core import Core, Message
from gateway.ingress.mqtt_client import Inbound

log = structlog.get_logger()

SOURCE = "mqtt"
BATCH_MESSAGES = 1000
BATCHES_AT_ONCE = 4
LINGER_SECONDS = 0.003
"""How long messages collect before they are stored together …"""
BUSY_MESSAGES = 60
BUSY_LINGER_SECONDS = 0.008
"""… and under load, where larger records spare both this process and the workers more than the wait costs."""
MOST_MESSAGES = 32_768
MOST_BYTES = 64 << 20
"""Beyond either the ingress reads no more until half of it is stored."""
DRAIN_SECONDS = 5.0


class MqttIngress:
    """One session at the broker, emptied into the log."""

    def __init__(self, core: Core, broker: Broker, topics: Sequence[str], rewind: Rewind) -> None:
        self._core = core
        self._acks = AckQueue()
        self._inbox: deque[tuple[Message, int]] = deque()
        self._bytes = 0
        self._taken = 0
        self.full = False
        """Reading has stopped until half of what is held is stored."""
        self._arrived = asyncio.Event()
        self._busy: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(BATCHES_AT_ONCE)
        self._last_batch = 0
        self._connection = Connection(broker, topics, self._receive, self._acks.forget, rewind)

    @property
    def ready(self) -> bool:
        """Whether the broker's messages reach us."""
        return self._connection.ready

    @property
    def held_bytes(self) -> int:
        """Size of the payloads that were received and not yet taken into a batch."""
        return self._bytes

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set, then store and acknowledge what has arrived, and say good-bye."""
        async with asyncio.TaskGroup() as tasks:
            keeping = tasks.create_task(self._connection.keep())
            storing = tasks.create_task(self._store_batches(tasks))
            await stop.wait()
            self._connection.pause()
            await self._drain()
            for task in (storing, keeping, *self._busy):
                task.cancel()

    def _receive(self, inbound: Inbound) -> None:
        if inbound.mid and not self._acks.push(inbound.mid):
            counters.IGNORED.labels("delivered_twice").inc()
            return
        message = Message(inbound.topic, inbound.payload, time.time_ns() // 1_000_000, inbound.retained)
        self._inbox.append((message, self._acks.end))
        self._bytes += len(inbound.payload)
        self._arrived.set()
        if not self.full and (len(self._inbox) >= MOST_MESSAGES or self._bytes >= MOST_BYTES):
            log.warning("ingress.full", messages=len(self._inbox), bytes=self._bytes)
            self.full = True
            self._connection.pause()

    async def _store_batches(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            await self._arrived.wait()
            if len(self._inbox) < BATCH_MESSAGES:
                await asyncio.sleep(BUSY_LINGER_SECONDS if self._last_batch > BUSY_MESSAGES else LINGER_SECONDS)
            await self._slots.acquire()
            task = tasks.create_task(self._store(*self._take()))
            self._busy.add(task)
            task.add_done_callback(self._busy.discard)

    def _take(self) -> tuple[list[Message], int, int]:
        """Take the next batch, with its range of tickets."""
        number = min(len(self._inbox), BATCH_MESSAGES)
        entries = [self._inbox.popleft() for _ in range(number)]
        start, self._taken = self._taken, entries[-1][1]
        messages = [message for message, _ in entries]
        self._bytes -= sum(len(message.payload) for message in messages)
        self._last_batch = number
        if not self._inbox:
            self._arrived.clear()
        counters.BATCH.observe(number)
        counters.WAITING.set(len(self._inbox))
        return messages, start, self._taken

    async def _store(self, messages: list[Message], start: int, end: int) -> None:
        try:
            await self._core.accept(SOURCE, messages)
        finally:
            self._slots.release()
        self._connection.acknowledge(self._acks.settle(start, end))
        counters.LAG_SECONDS.set(max(0.0, time.time() - messages[0].received_at / 1000))
        if self.full and len(self._inbox) < MOST_MESSAGES // 2 and self._bytes < MOST_BYTES // 2:
            self.full = False
            self._connection.resume()

    async def _drain(self) -> None:
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while self._inbox or self._busy:
                    await asyncio.wait(self._busy or {asyncio.create_task(asyncio.sleep(LINGER_SECONDS))})
        except TimeoutError:
            log.warning("ingress.not_drained", messages=len(self._inbox), batches=len(self._busy))
