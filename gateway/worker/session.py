"""One worker's life on one database connection: claim partitions, fold them, tick, checkpoint, give them back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

import structlog
from prometheus_client import Counter, Gauge
from sqlalchemy import Connection

from devices.event import Tick
from gateway.log import Batch, EventLog
from gateway.storage import checkpoints
from gateway.worker.derived import append, told_apart
from gateway.worker.ownership import Ownership
from gateway.worker.partition import Folded, OwnedPartition
from gateway.worker.writer import Follow, Save, Writer
from rules.decision import Derivation

log = structlog.get_logger()

TICK_SECONDS = 1.0
HEARTBEAT_SECONDS = 1.0

EVENTS = Counter("kizashi_events_folded", "Events of devices folded")
OWNED = Gauge("kizashi_partitions_owned", "Partitions that this worker owns")


class Session:
    """Ends with an exception as soon as anything is uncertain; the next session starts from the checkpoints."""

    def __init__(
        self,
        *,
        worker_id: str,
        connection: Connection,
        event_log: EventLog,
        partitions: int,
        checkpoint_seconds: float,
        follow: Follow,
        clock: Callable[[], datetime],
    ) -> None:
        self._log = event_log
        self._clock = clock
        self._checkpoint_seconds = checkpoint_seconds
        self._writer = Writer(connection, follow, clock)
        self._ownership = Ownership(connection, worker_id, partitions)
        self._connection = connection
        self._owned: dict[int, OwnedPartition] = {}
        self._readers: dict[int, asyncio.Task[None]] = {}
        self._partitions = partitions
        self._turns: dict[int, asyncio.Lock] = {}
        """Of a partition: held from the fold of records until what follows from them stands in the log, and by a
        checkpoint, which thus never covers what could still be lost."""

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set, then checkpoint and give everything back.

        Raises:
            ExceptionGroup: the database or the log failed; what was not committed is folded again by the next owner.
        """
        await self._writer.call(self._ownership.announce)
        try:
            async with asyncio.TaskGroup() as tasks:
                endless = [tasks.create_task(self._writer.run()), tasks.create_task(self._tick())]
                endless.append(tasks.create_task(self._checkpoint_in_turn()))
                keeper = tasks.create_task(self._keep_partitions(tasks))
                await stop.wait()
                keeper.cancel()
                await asyncio.gather(keeper, return_exceptions=True)
                await self._give_all_back()
                for task in endless:
                    task.cancel()
        finally:
            OWNED.set(0)
            self._writer.close()

    async def _keep_partitions(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            await self._writer.call(self._ownership.heartbeat)
            gained, surplus = await self._writer.call(self._ownership.rebalance)
            for partition in sorted(gained):
                await self._take(partition, tasks)
            for partition in sorted(surplus):
                await self._give_back(partition)
            OWNED.set(len(self._owned))
            await asyncio.sleep(HEARTBEAT_SECONDS)

    async def _take(self, number: int, tasks: asyncio.TaskGroup) -> None:
        checkpoint = await self._writer.call(self._load, number)
        owned = OwnedPartition(number, checkpoint)
        self._owned[number] = owned
        self._turns[number] = asyncio.Lock()
        self._readers[number] = tasks.create_task(self._fold(owned))
        log.info("worker.partition_taken", partition=number, seq=checkpoint.seq, subjects=len(checkpoint.subjects))

    def _load(self, number: int) -> checkpoints.Checkpoint:
        with self._connection.begin():
            return checkpoints.load(self._connection, number)

    async def _fold(self, owned: OwnedPartition) -> None:
        async for batches in self._log.read(owned.number, owned.seq):
            async with self._turns[owned.number]:
                await self._fold_records(owned, batches)
            # The other partitions and the clock get their turn, also while this one has a backlog.
            await asyncio.sleep(0)

    async def _fold_records(self, owned: OwnedPartition, batches: list[Batch]) -> None:
        derived: list[Derivation] = []
        for batch in batches:
            before = owned.events
            outcomes = owned.fold(batch.seq, batch.events)
            EVENTS.inc(owned.events - before)
            if outcomes:
                for_the_log, rest = told_apart(outcomes)
                derived += for_the_log
                if rest:
                    await self._put(owned, Folded(owned.number, batch.seq, rest))
        if derived:
            await self._append(owned, derived)

    async def _append(self, owned: OwnedPartition, derived: list[Derivation]) -> None:
        try:
            await append(self._log, self._partitions, derived)
        except BaseException:
            # Whatever ends this: nothing may claim that these stand in the log.
            owned.forfeit()
            raise

    async def _tick(self) -> None:
        """Time is an event: each owner writes it to its partitions' log and reads it back from there."""
        while True:
            started = time.monotonic()
            at = int(self._clock().timestamp() * 1000)
            await asyncio.gather(*(self._log.append(number, [Tick(at)]) for number in list(self._owned)))
            await asyncio.sleep(max(0.05, TICK_SECONDS - (time.monotonic() - started)))

    async def _checkpoint_in_turn(self) -> None:
        """One partition after the other, spread over the interval, so that none holds the connection for long."""
        while True:
            numbers = sorted(self._owned)
            pause = self._checkpoint_seconds / max(len(numbers), 1)
            for number in numbers:
                await self._checkpoint(number)
                await asyncio.sleep(pause)
            if not numbers:
                await asyncio.sleep(pause)

    async def _checkpoint(self, number: int) -> None:
        owned = self._owned.get(number)
        if owned is None:
            return
        async with self._turns[number]:
            if owned.changed():
                await self._put(owned, Save((number, owned.checkpoint(), owned.newest_at)))

    async def _put(self, owned: OwnedPartition, item: Folded | Save) -> None:
        try:
            await self._writer.put(item)
        except asyncio.CancelledError:
            # The item is lost, so a later checkpoint would claim what was never written.
            owned.forfeit()
            raise

    async def _give_back(self, number: int) -> None:
        reader = self._readers.pop(number)
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
        await self._checkpoint(number)
        self._owned.pop(number)
        self._turns.pop(number)
        await self._writer.drained()
        await self._writer.call(self._ownership.release, number)
        log.info("worker.partition_given_back", partition=number)

    async def _give_all_back(self) -> None:
        for number in sorted(self._owned):
            await self._give_back(number)
        await self._writer.call(self._ownership.leave)


def utc_now() -> datetime:
    """The wall clock: the only place where the worker reads it."""
    return datetime.now(UTC)
