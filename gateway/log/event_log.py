"""The event log as the rest of the gateway sees it: append, read from a position, set aside."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterable
from datetime import UTC, datetime
from itertools import count
from random import uniform
from typing import Self

import msgspec
import nats
import structlog
from nats.js import api
from nats.js.errors import NotFoundError

from devices.event import Event, Millis, decode_batch, encode_batch
from gateway.log import streams
from gateway.log.errors import LogUnreachableError
from gateway.log.link import Link, NotStoredError
from gateway.log.mqtt_session import rewind
from gateway.log.reader import Record, follow
from gateway.log.records import Batch, RejectedRecord, preview

log = structlog.get_logger()

MAX_RECORD_BYTES = 512 << 10
"""Half of the server's default ``max_payload``: a larger batch is stored as several records."""
REJECTS_IN_FLIGHT = 64
PROBE_SECONDS = 5.0
"""The server forgets a consumer so soon that was only made to be looked at."""
FIRST_WAIT_SECONDS = 0.05
LONGEST_WAIT_SECONDS = 2.0


class EventLog:
    """One process's door to the log. Safe to share among the tasks of one event loop."""

    def __init__(self, link: Link, name: str) -> None:
        self._link = link
        self._partitions: int | None = None
        self._turn: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._rejecting = asyncio.Semaphore(REJECTS_IN_FLIGHT)
        self._ids = (f"{name}-{run}-{number}" for run in [secrets.token_hex(8)] for number in count(1))

    @classmethod
    async def connect(cls, url: str, *, name: str, within: float = 10.0) -> Self:
        """Connect to the NATS server(s) at ``url``; later interruptions heal by themselves.

        Args:
            url: ``nats://user:password@host:port``.
            name: what the server calls this connection.
            within: seconds to try.

        Raises:
            LogUnreachableError: nobody answered.
        """
        link = Link()
        await link.open(url, name=name, within=within)
        return cls(link, name)

    async def close(self) -> None:
        """Disconnect. Appends that still wait are cancelled."""
        await self._link.close()

    @property
    def reachable(self) -> bool:
        """Whether the connection stands at this moment."""
        return self._link.up.is_set()

    async def ensure_streams(self, partitions: int, limits: streams.Limits | None = None) -> None:
        """Make the streams where they are missing, and bring their limits up to date.

        Raises:
            PartitionsChangedError: the log was made for another number of partitions.
            LogUnreachableError: JetStream does not answer.
        """
        try:
            await streams.ensure(self._link.js, partitions, limits or streams.Limits())
        except nats.errors.Error as error:
            raise LogUnreachableError(f"the log's streams can't be made: {error!r}") from error
        self._partitions = partitions

    async def append(self, partition: int, events: list[Event], *, message_id: str | None = None) -> int:
        """Store ``events``, in order, behind everything appended to ``partition`` before; returns the last sequence.

        Returns once the server has them. Waits as long as the server is away, so a caller that waits for its answer
        (and holds no more than it may) is the bound on memory. One append a partition is under way at a time: a
        record that had to be repeated can't be overtaken.

        Args:
            partition: to which.
            events: what happened.
            message_id: a name for these very events: appended again under it, the server stores them once for as long
                as it remembers (two minutes). Without one they are told from all others.

        Raises:
            ValueError: no events, or no such partition.
        """
        if not events or not 0 <= partition < (self._partitions or partition + 1):
            raise ValueError(f"append wants events and a partition below {self._partitions}, not {partition}")
        subject = streams.subject_of(partition)
        seq = 0
        async with self._turn[partition]:
            for number, record in enumerate(_records(events)):
                seq = await self._store(subject, record, message_id and f"{message_id}.{number}")
        return seq

    async def read(self, partition: int, after_seq: int) -> AsyncGenerator[list[Batch], None]:
        """Yield the partition's batches behind ``after_seq``, in order and without end, all that have arrived at once.

        Resumes by itself when the server was away. A record that is no batch is set aside as rejected and yielded
        without events, so that the position moves on.

        Raises:
            LogRewoundError: the log ends before ``after_seq``.
        """
        async for records in follow(self._link, partition, after_seq):
            yield [await self._opened(partition, record) for record in records]

    async def read_raw(self, partition: int, after_seq: int = 0) -> AsyncGenerator[list[Record], None]:
        """Yield the partition's records behind ``after_seq`` undecoded, up to what is its end now, and stop.

        Raises:
            LogRewoundError: the log ends before ``after_seq``.
            LogUnreachableError: the server does not answer.
        """
        last = await self.last_seq(partition)
        if last <= after_seq:
            return
        async with contextlib.aclosing(follow(self._link, partition, after_seq)) as arriving:
            async for records in arriving:
                yield [record for record in records if record.seq <= last]
                if records[-1].seq >= last or records[-1].pending == 0:
                    return

    async def read_everything(self, after_seq: int, until_seq: int) -> AsyncGenerator[list[Record], None]:
        """Yield all partitions' records behind ``after_seq`` up to ``until_seq``, undecoded, in the order of storage.

        Raises:
            LogRewoundError: the log ends before ``after_seq``.
            LogUnreachableError: the server does not answer.
        """
        if until_seq <= after_seq:
            return
        async with contextlib.aclosing(follow(self._link, None, after_seq)) as arriving:
            async for records in arriving:
                yield [record for record in records if record.seq <= until_seq]
                if records[-1].seq >= until_seq or records[-1].pending == 0:
                    return

    async def seq_before(self, at: Millis) -> int:
        """Find the sequence behind which everything stands that was stored at ``at`` or later, in any partition.

        Raises:
            LogUnreachableError: the server does not answer.
        """
        wanted = api.ConsumerConfig(
            deliver_policy=api.DeliverPolicy.BY_START_TIME,
            opt_start_time=datetime.fromtimestamp(at / 1000, UTC),
            filter_subject=streams.every_partition(),
            ack_policy=api.AckPolicy.NONE,
            mem_storage=True,
            num_replicas=1,
            inactive_threshold=PROBE_SECONDS,
        )
        try:
            found = await self._link.js.add_consumer(streams.EVENTS, wanted)
            await self._link.js.delete_consumer(streams.EVENTS, found.name or "")
        except nats.errors.Error as error:
            raise LogUnreachableError(repr(error)) from error
        return found.delivered.stream_seq if found.delivered is not None else 0

    async def last_seq_of_all(self) -> int:
        """Find the sequence of the newest record of any partition, 0 where there was never one.

        Raises:
            LogUnreachableError: the server does not answer.
        """
        try:
            return (await self._link.js.stream_info(streams.EVENTS)).state.last_seq
        except nats.errors.Error as error:
            raise LogUnreachableError(repr(error)) from error

    async def first_seq(self) -> int:
        """Find the sequence of the oldest record that the log still keeps, of any partition; 1: nothing is gone yet.

        Raises:
            LogUnreachableError: the server does not answer.
        """
        try:
            return max((await self._link.js.stream_info(streams.EVENTS)).state.first_seq, 1)
        except nats.errors.Error as error:
            raise LogUnreachableError(repr(error)) from error

    async def last_seq(self, partition: int) -> int:
        """Find the sequence of the partition's last record, 0 where there is none.

        Raises:
            LogUnreachableError: the server does not answer.
        """
        try:
            message = await self._link.js.get_last_msg(streams.EVENTS, streams.subject_of(partition))
        except NotFoundError:
            return 0
        except nats.errors.Error as error:
            raise LogUnreachableError(repr(error)) from error
        return message.seq or 0

    async def move_past(self, seq: int) -> None:
        """Empty the log and let it go on behind ``seq``: the mend where it lost its end and checkpoints are ahead.

        Raises:
            LogUnreachableError: the server does not answer.
        """
        try:
            await self._link.js.purge_stream(streams.EVENTS, seq=seq + 1)
        except nats.errors.Error as error:
            raise LogUnreachableError(repr(error)) from error

    async def rewind_mqtt_session(self, client_id: str) -> int:
        """See ``mqtt_session.rewind``: before ``client_id`` connects to a broker that may be this very server.

        Raises:
            LogUnreachableError: the server does not answer.
        """
        return await rewind(self._link.nc, client_id)

    async def reject(self, *records: RejectedRecord) -> None:
        """Store what was refused; waits, like ``append``, until the server has it."""
        await asyncio.gather(*(self._reject(record, next(self._ids)) for record in records))

    async def rejected_count(self) -> int:
        """Count what was ever rejected, also what the stream no longer keeps.

        Raises:
            LogUnreachableError: the server does not answer.
        """
        try:
            return (await self._link.js.stream_info(streams.REJECTED)).state.last_seq
        except nats.errors.Error as error:
            raise LogUnreachableError(repr(error)) from error

    async def recent_rejected(self, n: int) -> list[RejectedRecord]:
        """Read the last ``n`` rejected records, newest first.

        Raises:
            LogUnreachableError: the server does not answer.
        """
        last = await self.rejected_count()
        found = await asyncio.gather(*(self._rejected(seq) for seq in range(last, max(last - n, 0), -1)))
        return [record for record in found if record is not None]

    async def _rejected(self, seq: int) -> RejectedRecord | None:
        try:
            message = await self._link.js.get_msg(streams.REJECTED, seq)
            return msgspec.json.decode(message.data or b"", type=RejectedRecord)
        except (NotFoundError, msgspec.DecodeError):
            return None
        except nats.errors.Error as error:
            raise LogUnreachableError(repr(error)) from error

    async def _reject(self, record: RejectedRecord, message_id: str) -> None:
        async with self._rejecting:
            await self._store(streams.REJECTED_SUBJECT, msgspec.json.encode(record), message_id)

    async def _store(self, subject: str, record: bytes, message_id: str | None = None) -> int:
        """Repeat under one id until the server has it: a repeat after a lost answer is no second record."""
        message_id = message_id or next(self._ids)
        wait = FIRST_WAIT_SECONDS
        while True:
            try:
                return await self._link.store(subject, record, message_id)
            except NotStoredError as reason:
                log.warning("log.append_repeated", subject=subject, reason=str(reason))
            await asyncio.sleep(uniform(wait / 2, wait))  # noqa: S311  # jitter, no secret
            wait = min(2 * wait, LONGEST_WAIT_SECONDS)
            await self._link.up.wait()

    async def _opened(self, partition: int, record: Record) -> Batch:
        try:
            return Batch(record.seq, decode_batch(record.data), record.pending)
        except msgspec.DecodeError as error:
            log.warning("log.record_undecodable", partition=partition, seq=record.seq, error=str(error))
            refused = RejectedRecord(
                at=record.at,
                source="log",
                topic=f"{streams.subject_of(partition)}#{record.seq}",
                reason="undecodable_record",
                detail=str(error),
                payload_preview=preview(record.data),
            )
            await self._reject(refused, f"undecodable-{record.seq}")
            return Batch(record.seq, [], record.pending)


def _records(events: list[Event]) -> Iterable[bytes]:
    """Pack ``events`` into as few records as the server's limit on payloads allows."""
    record = encode_batch(events)
    if len(record) <= MAX_RECORD_BYTES or len(events) == 1:
        return [record]
    half = len(events) // 2
    return [*_records(events[:half]), *_records(events[half:])]
