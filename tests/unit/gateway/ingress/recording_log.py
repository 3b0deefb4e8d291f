"""A log that keeps what it is given in lists."""

from __future__ import annotations

from devices.event import Event
from gateway.log import RejectedRecord


class RecordingLog:
    """What was appended, by partition, and what was rejected."""

    def __init__(self) -> None:
        self.partitions: dict[int, list[Event]] = {}
        self.rejected: list[RejectedRecord] = []

    async def append(self, partition: int, events: list[Event]) -> int:
        self.partitions.setdefault(partition, []).extend(events)
        return len(self.partitions[partition])

    async def reject(self, *records: RejectedRecord) -> None:
        self.rejected += records
