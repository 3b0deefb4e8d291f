"""The event log from a time on: all partitions in the order in which their records were stored.

A consumer of its own, without acknowledgements: the workers' positions are theirs and stay where they are.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Final

import msgspec

from devices.event import Millis, decode_batch
from gateway.log import EventLog, LogError, Record
from gateway.past.past import Chunk, PastError, SetAside

CONNECT_SECONDS: Final = 10.0
PATIENCE_SECONDS: Final = 30.0
"""How long the log may be away meanwhile."""


class LogRange:
    """What was stored from ``since`` on and before ``until``, as it stands at the first look."""

    makes_ticks = False

    def __init__(self, url: str, partitions: int, since: Millis, until: Millis | None = None) -> None:
        self._url = url
        self._since = since
        self._until = until
        self.partitions = partitions
        self.set_aside = SetAside()
        self.remarks: list[str] = []
        self.whole = False
        self.connect_seconds = CONNECT_SECONDS

    def chunks(self) -> Iterator[Chunk]:
        """Everything, once.

        Raises:
            PastError: the log does not answer.
        """
        with asyncio.Runner() as runner:
            arriving = self._chunks()
            try:
                while (found := runner.run(_next(arriving))) is not None:
                    yield from found
            except (LogError, TimeoutError) as error:
                reason = str(error) or f"the log did not answer for {PATIENCE_SECONDS:g} seconds"
                raise PastError(f"{reason}: is `kizashi serve` running?") from error
            finally:
                runner.run(_closed(arriving))

    async def _chunks(self) -> AsyncIterator[list[Chunk]]:
        event_log = await EventLog.connect(self._url, name="kizashi-backtest", within=self.connect_seconds)
        try:
            first, last = await event_log.first_seq(), await event_log.last_seq_of_all()
            after = max(await event_log.seq_before(self._since), first - 1)
            self.whole = after == 0
            async with contextlib.aclosing(event_log.read_everything(after, last)) as arriving:
                async for records in arriving:
                    if records and records[0].seq == first and first > 1:
                        self._say_where_it_begins(records[0].at)
                    yield [self._chunk(record, after, last) for record in records if self._wanted(record)]
                    if records and not self._wanted(records[-1]):
                        return
        finally:
            await event_log.close()

    def _wanted(self, record: Record) -> bool:
        return self._until is None or record.at < self._until

    def _chunk(self, record: Record, after: int, last: int) -> Chunk:
        progress = (record.seq - after) / max(last - after, 1)
        try:
            events = decode_batch(record.data)
        except msgspec.DecodeError as error:
            self.set_aside.add(f"record {record.seq}", str(error))
            events = []
        return Chunk(record.partition, record.seq, events, progress)

    def _say_where_it_begins(self, at: Millis) -> None:
        begins = datetime.fromtimestamp(at / 1000, UTC)
        self.remarks.append(
            f"the log reaches back to {begins:%Y-%m-%d %H:%M} UTC only: what was before is not looked at"
        )


async def _next(arriving: AsyncIterator[list[Chunk]]) -> list[Chunk] | None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await anext(arriving, None)


async def _closed(arriving: AsyncIterator[list[Chunk]]) -> None:
    if hasattr(arriving, "aclose"):
        await arriving.aclose()
