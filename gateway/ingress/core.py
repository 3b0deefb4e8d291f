"""What all ways in have in common: decode, sort by partition, store; set aside what can't be read."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

import structlog

from devices.decoders.catalog import decode
from devices.event import DeviceSaid, Event, Millis
from devices.partition import partition_of
from devices.rejected import Rejected
from gateway.ingress import counters
from gateway.log import RejectedRecord, preview

log = structlog.get_logger()

KINDS = {"Telemetry": "telemetry", "Status": "status", "Location": "location", "DeviceEvent": "event"}
DECODER_FAILED = "decoder_failed"


class Message(NamedTuple):
    """One message as it came in from a device."""

    topic: str
    payload: bytes
    received_at: Millis
    retained: bool = False
    """The broker's stored copy, sent because we subscribed: not news, and of unknown age."""


class Log(Protocol):
    """What the ingress wants of the event log."""

    async def append(self, partition: int, events: list[Event]) -> int:
        """Store events of one partition, in order."""
        ...

    async def reject(self, *records: RejectedRecord) -> None:
        """Store what was refused."""
        ...


class Core:
    """Decodes and stores. Returns from ``accept`` and ``store`` only once the log has everything."""

    def __init__(self, event_log: Log, partitions: int) -> None:
        self._log = event_log
        self._partitions = partitions

    async def accept(self, source: str, messages: Sequence[Message]) -> None:
        """Decode ``messages`` in order and store what they say; what can't be read goes to the rejected stream."""
        said: list[DeviceSaid] = []
        refused: list[RejectedRecord] = []
        for message in messages:
            if message.retained:
                counters.IGNORED.labels("retained").inc()
                continue
            try:
                said += decode(*message[:3])
            except Rejected as error:
                refused.append(record_of(source, message, error.reason, error.detail))
            except Exception as error:  # a decoder's own fault must not stop everybody else's events
                log.exception("ingress.decoder_failed", topic=message.topic)
                refused.append(record_of(source, message, DECODER_FAILED, f"{type(error).__name__}: {error}"))
        await self.store(source, said, refused)

    async def store(self, source: str, said: Iterable[DeviceSaid], refused: Sequence[RejectedRecord]) -> None:
        """Store events, each in its device's partition, and what was refused; all at the same time."""
        started = time.perf_counter()
        by_partition: dict[int, list[Event]] = {}
        kinds: Counter[str] = Counter()
        for event in said:
            by_partition.setdefault(partition_of(event.device_id, self._partitions), []).append(event)
            kinds[type(event).__name__] += 1
        appends = [self._log.append(partition, events) for partition, events in by_partition.items()]
        if refused:
            await asyncio.gather(self._log.reject(*refused), *appends)
        else:
            await asyncio.gather(*appends)
        counters.STORE_SECONDS.observe(time.perf_counter() - started)
        for kind, number in kinds.items():
            counters.EVENTS.labels(source, KINDS[kind]).inc(number)
        for record in refused:
            counters.REJECTED.labels(source, record.reason).inc()


def record_of(source: str, message: Message, reason: str, detail: str) -> RejectedRecord:
    """Describe a refused message for the rejected stream."""
    return RejectedRecord(
        at=message.received_at,
        source=source,
        topic=preview(message.topic.encode("utf-8", "backslashreplace")),
        reason=str(reason),
        detail=detail,
        payload_preview=preview(message.payload),
    )
