"""The registry's way into the log: what is written about devices, stores and rules becomes an event.

A row is written with ``logged = false`` and appended afterwards, by whoever comes first: the request that wrote it, or
the sweeper, which also picks up what imports wrote and what a crash left. The row stays locked from reading it to
marking it, so a device's older version never follows a newer one into the log.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import Protocol

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from devices.event import DeviceChanged, DeviceFacts, Event, Millis, RulesChanged, StoreChanged
from devices.partition import partition_of
from gateway.log import LogError
from gateway.storage import customers, devices, rule_sets, stores

_log = structlog.get_logger(__name__)

APPEND_SECONDS = 5.0
SWEEP_SECONDS = 2.0
BATCH = 500


class Appending(Protocol):
    """The part of the event log that the feed needs."""

    @property
    def reachable(self) -> bool:
        """Whether the connection stands at this moment."""
        ...

    async def append(self, partition: int, events: list[Event]) -> object:
        """Return once the log has ``events``, in this order."""
        ...


class LogAwayError(Exception):
    """The log did not take an append. The row is kept and follows later."""


class InventoryFeed:
    """Appends registry rows to the log. ``publish_…`` and ``sweep`` block and belong on a worker thread."""

    def __init__(
        self,
        engine: Engine,
        log: Appending,
        *,
        partitions: int,
        loop: asyncio.AbstractEventLoop,
        now_ms: Callable[[], Millis],
    ) -> None:
        self._engine = engine
        self._log = log
        self._partitions = partitions
        self._loop = loop
        self._now_ms = now_ms
        self._wake = asyncio.Event()

    def publish_device(self, device_id: str) -> bool:
        """Append this device's present row; false when the log is away (the sweeper goes on)."""
        return self._quietly(lambda: self._devices(device_id))

    def publish_store(self, store_id: str) -> bool:
        """Append this store's present row to every partition; false when the log is away."""
        return self._quietly(lambda: self._stores(store_id))

    def publish_rules(self) -> bool:
        """Append the newest rule set to every partition if the log lacks it; false when the log is away."""
        return self._quietly(self._rules)

    def sweep(self) -> int:
        """Append everything that waits; how many rows that was.

        Raises:
            LogAwayError: the log did not take it.
        """
        done = 0
        while (more := self._devices() + self._stores() + self._rules()) > 0:
            done += more
        return done

    def wake(self) -> None:
        """Sweep now. From the event loop only."""
        self._wake.set()

    async def keep_sweeping(self) -> None:
        """Sweep when woken and every few seconds, until cancelled."""
        while True:
            try:
                await asyncio.to_thread(self.sweep)
            except (LogAwayError, SQLAlchemyError) as error:
                _log.warning("inventory.waiting", error=str(error).splitlines()[0])
                await asyncio.sleep(SWEEP_SECONDS)
            try:
                # Not wait_for: in Python 3.11 it swallows a cancellation that comes together with the wake-up.
                async with asyncio.timeout(SWEEP_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                continue
            finally:
                self._wake.clear()

    def _quietly(self, publish: Callable[[], int]) -> bool:
        try:
            publish()
        except LogAwayError as error:
            _log.warning("inventory.waiting", error=str(error))
            return False
        return True

    def _devices(self, device_id: str | None = None) -> int:
        with self._engine.begin() as connection:
            claimed = devices.claim_unlogged(connection, limit=BATCH, device_id=device_id)
            if not claimed:
                return 0
            ids = [device.id for device in claimed]
            try:
                # Owners are read once the devices are locked: whoever changes one from now on has them logged again.
                for partition, events in self._by_partition(customers.device_facts(connection, claimed)).items():
                    self._append(partition, events)
                devices.mark_logged(connection, ids)
                connection.commit()
            except SQLAlchemyError:
                # The log may have this version, and by now somebody else a newer one: have the present row logged
                # once more, so that whatever came last in the log is what the registry says.
                self._again(lambda again: devices.mark_logged(again, ids, logged=False))
                raise
            return len(claimed)

    def _stores(self, store_id: str | None = None) -> int:
        with self._engine.begin() as connection:
            claimed = stores.claim_unlogged(connection, store_id=store_id)
            if not claimed:
                return 0
            ids = [store.id for store in claimed]
            now = self._now_ms()
            try:
                self._append_everywhere([StoreChanged(now, store.facts) for store in claimed])
                stores.mark_logged(connection, ids)
                connection.commit()
            except SQLAlchemyError:
                self._again(lambda again: stores.mark_logged(again, ids, logged=False))
                raise
            return len(claimed)

    def _rules(self) -> int:
        with self._engine.begin() as connection:
            waiting = rule_sets.claim_unpublished(connection)
            if waiting is None:
                return 0
            self._append_everywhere([RulesChanged(self._now_ms(), waiting.version, waiting.files)])
            rule_sets.mark_published(connection, waiting.version)
            return 1

    def _by_partition(self, known: list[DeviceFacts]) -> dict[int, list[Event]]:
        now = self._now_ms()
        found: dict[int, list[Event]] = defaultdict(list)
        for facts in known:
            found[partition_of(facts.id, self._partitions)].append(DeviceChanged(now, facts))
        return found

    def _append_everywhere(self, events: list[Event]) -> None:
        for partition in range(self._partitions):
            self._append(partition, events)

    def _append(self, partition: int, events: list[Event]) -> None:
        if not self._log.reachable:  # rows stay locked while an append waits: do not even begin
            raise LogAwayError("the log is not connected")
        future = asyncio.run_coroutine_threadsafe(self._appended(partition, events), self._loop)
        try:
            future.result(APPEND_SECONDS + 1)
        except (TimeoutError, LogError) as error:
            raise LogAwayError(
                f"the log did not take partition {partition}: {error or type(error).__name__}"
            ) from error

    async def _appended(self, partition: int, events: list[Event]) -> None:
        async with asyncio.timeout(APPEND_SECONDS):
            await self._log.append(partition, events)

    def _again(self, mark: Callable[[Connection], None]) -> None:
        try:
            with self._engine.begin() as connection:
                mark(connection)
        except SQLAlchemyError as error:
            _log.warning("inventory.mark_lost", error=type(error).__name__)
