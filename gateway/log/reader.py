"""Reading one partition, or all of them, in order, from a position, for ever.

The consumer is ephemeral, pulled, without acknowledgements: the server remembers nothing that matters, the position is
the reader's. Whatever breaks the order (a gap in the consumer's own numbers, a lost connection, a server that starts
again and has forgotten the consumer, silence) ends the consumer, and a new one starts behind the last record handed on.

The client library's ordered consumer is not used: it counts a record as delivered before it queues it, so one that is
dropped from a full queue is skipped, and it answers flow control four times a second at most.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from typing import NamedTuple

import msgspec
import nats
import structlog
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js import api

from gateway.log.errors import LogRewoundError
from gateway.log.link import UNBOUNDED, Link
from gateway.log.streams import EVENTS, every_partition, partition_in, subject_of

log = structlog.get_logger()

WINDOW = 64
"""Records asked for at a time: bounds what a slow reader holds (times the largest record)."""
HEARTBEAT_SECONDS = 2.0
SILENCE_SECONDS = 3 * HEARTBEAT_SECONDS
ASK_SECONDS = 30.0
FORGET_SECONDS = 60.0
"""The server drops a consumer that asks for nothing so long: a reader that died, or one that folds slowly."""
RETRY_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0)
REQUEST_ENDED = ("404", "408")


class Record(NamedTuple):
    """One stored record: sequence in the stream, time of storage (ms), records behind it, payload, partition."""

    seq: int
    at: int
    pending: int
    data: bytes
    partition: int = 0


class ConsumerEndedError(Exception):
    """This consumer can't go on; the next one starts behind the last record handed on."""


async def follow(link: Link, partition: int | None, after_seq: int) -> AsyncGenerator[list[Record], None]:
    """Yield the partition's records behind ``after_seq``, as many at a time as have arrived (``None``: of all of them).

    Raises:
        LogRewoundError: the log ends before ``after_seq``.
    """
    position, failures = after_seq, 0
    while True:
        consumer = _Consumer(link, partition)
        try:
            await consumer.open(position)
            _honour_cancellation()
            while True:
                records = await consumer.arrived()
                position, failures = records[-1].seq, 0
                yield records
        except (ConsumerEndedError, nats.errors.Error, TimeoutError) as reason:
            log.info("log.reader_resumes", partition=partition, after_seq=position, reason=repr(reason))
        finally:
            await consumer.close()
        await asyncio.sleep(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
        failures += 1
        await link.up.wait()


def _honour_cancellation() -> None:
    """End this task if it was told to.

    The client library's requests use ``asyncio.wait_for``, which before Python 3.12 forgets a cancellation that comes
    at the same moment as the answer.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


class _Consumer:
    """One ephemeral consumer: opened behind a position, good until its first irregularity."""

    def __init__(self, link: Link, partition: int | None) -> None:
        self._link = link
        self._partition = partition
        self._name = ""
        self._inbox = ""
        self._subscription: Subscription | None = None
        self._arrived: deque[Record] = deque()
        self._delivered = 0
        self._asked = 0
        self._broken: str | None = None
        self._wake = asyncio.Event()

    async def open(self, after_seq: int) -> None:
        link = self._link
        link.on_return.add(self._on_return)
        await self._check_bounds(after_seq)
        info = await link.js.add_consumer(
            EVENTS,
            api.ConsumerConfig(
                deliver_policy=api.DeliverPolicy.BY_START_SEQUENCE,
                opt_start_seq=after_seq + 1,
                filter_subject=every_partition() if self._partition is None else subject_of(self._partition),
                ack_policy=api.AckPolicy.NONE,
                mem_storage=True,
                num_replicas=1,
                inactive_threshold=FORGET_SECONDS,
            ),
        )
        self._name = info.name
        self._inbox = link.nc.new_inbox()
        self._subscription = await link.nc.subscribe(
            self._inbox, cb=self._on_message, pending_msgs_limit=UNBOUNDED, pending_bytes_limit=UNBOUNDED
        )

    async def close(self) -> None:
        self._link.on_return.discard(self._on_return)
        if self._link.nc.is_closed:
            return
        if self._subscription is not None:
            await self._subscription.unsubscribe()
        if self._name and self._link.nc.is_connected:
            await self._link.nc.publish(f"$JS.API.CONSUMER.DELETE.{EVENTS}.{self._name}")

    async def arrived(self) -> list[Record]:
        """Wait for records; returns all that are there.

        Raises:
            ConsumerEndedError: this consumer can't go on.
        """
        await self._ask()
        while not self._arrived:
            if self._broken is not None:
                raise ConsumerEndedError(self._broken)
            self._wake.clear()
            try:
                async with asyncio.timeout(SILENCE_SECONDS):
                    await self._wake.wait()
            except TimeoutError as error:
                raise ConsumerEndedError("the server is silent") from error
            if not self._arrived:
                await self._ask()
        records = list(self._arrived)
        self._arrived.clear()
        return records

    async def _check_bounds(self, after_seq: int) -> None:
        state = (await self._link.js.stream_info(EVENTS)).state
        if after_seq > state.last_seq:
            raise LogRewoundError(self._partition or 0, after_seq, state.last_seq)
        if 0 < after_seq < state.first_seq - 1:
            log.error("log.position_expired", partition=self._partition, after_seq=after_seq, first_seq=state.first_seq)

    async def _ask(self) -> None:
        if self._broken is not None or self._asked > WINDOW // 2:
            return
        want = WINDOW - self._asked
        self._asked += want
        request = {"batch": want, "expires": int(ASK_SECONDS * 1e9), "idle_heartbeat": int(HEARTBEAT_SECONDS * 1e9)}
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{EVENTS}.{self._name}"
        await self._link.nc.publish(subject, msgspec.json.encode(request), reply=self._inbox)

    async def _on_message(self, message: Msg) -> None:
        if self._broken is None:
            status = message.headers.get("Status") if message.headers else None
            if status is None:
                self._on_record(message)
            else:
                self._on_status(status, message.headers or {})
        self._wake.set()

    def _on_record(self, message: Msg) -> None:
        about = message.metadata
        if about.sequence.consumer != self._delivered + 1:
            self._broken = f"delivery {self._delivered + 1} is missing, {about.sequence.consumer} came"
            return
        self._delivered += 1
        self._asked -= 1
        at = int(about.timestamp.timestamp() * 1000)
        partition = partition_in(message.subject) if self._partition is None else self._partition
        self._arrived.append(Record(about.sequence.stream, at, about.num_pending, message.data, partition))

    def _on_status(self, status: str, headers: dict[str, str]) -> None:
        if status == "100":
            return
        if status in REQUEST_ENDED:
            self._asked -= min(int(headers.get("Nats-Pending-Messages", self._asked)), self._asked)
            return
        self._broken = f"{status} {headers.get('Description', '')}".strip()

    def _on_return(self) -> None:
        self._broken = "the connection was lost meanwhile"
        self._wake.set()
