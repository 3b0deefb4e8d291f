"""Play a scenario against a broker: the only place where simulated time meets the clock and the network."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import signal
import time
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

from firmware_sim.cast import Actor, encode
from firmware_sim.wire.broker import Broker, Login
from firmware_sim.wire.connection import Connection
from firmware_sim.wire.link import Link, OwnLink, SharedLink, status
from firmware_sim.wire.outbox import Outbox

_BREATH = 100
"""Steps between two looks at the sockets, when many are due at once."""
_LAST_CALL_S = 5.0
_REPORT_EVERY_S = 1.0
_SHARED_WINDOW = 512
_SHARED_LIMIT = 200_000


@dataclass(slots=True)
class Progress:
    """How it goes, or went."""

    seconds: float = 0.0
    said: Counter[str] = field(default_factory=Counter)
    """Messages said, by kind."""
    sent: int = 0
    acknowledged: int = 0
    waiting: int = 0
    dropped: int = 0
    connections: int = 0
    connected: int = 0
    reconnects: int = 0
    behind: float = 0.0
    """Seconds by which the last step was late: above a second or so this machine is too slow for the scenario."""
    refused: str = ""
    """Why some connection does not stand."""


@dataclass(frozen=True, slots=True)
class Network:
    """How the devices reach the broker."""

    broker: Broker
    shared_login: Login = field(default_factory=Login)
    credentials: Mapping[str, Login] = field(default_factory=dict)
    """A connection for each of these devices; without any, ``shared`` connections for all."""
    shared: int = 1


class Stage:
    """The devices' connections and the clock that drives their models."""

    def __init__(self, actors: list[Actor], network: Network, seed: int) -> None:
        self._actors = actors
        self._network = network
        self._rng = Random(f"{seed}/network")
        self._connections: list[Connection] = []
        self._said: Counter[str] = Counter()
        self._seconds = 0.0
        self._behind = 0.0
        self._end = asyncio.Event()

    async def play(self, seconds: float | None, watch: Callable[[Progress], None]) -> Progress:
        """Run for ``seconds`` (None: until SIGINT or SIGTERM), say goodbye, wait a little for what is unacknowledged.

        Args:
            seconds: real time.
            watch: told about once a second how it goes.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._end.set)
        links = self._links()
        tasks = [asyncio.create_task(connection.run()) for connection in self._connections]
        watcher = asyncio.create_task(self._watch(watch))
        try:
            await self._act(links, seconds)
            for link in links:
                link.farewell()
            await self._last_call()
        finally:
            for task in [watcher, *tasks]:
                task.cancel()
            await asyncio.gather(watcher, *tasks, return_exceptions=True)
            for connection in self._connections:
                connection.close()
        return self.progress()

    def progress(self) -> Progress:
        """Where things stand now."""
        boxes = [connection.outbox for connection in self._connections]
        return Progress(
            seconds=self._seconds,
            said=Counter(self._said),
            sent=sum(box.sent for box in boxes),
            acknowledged=sum(box.acknowledged for box in boxes),
            waiting=sum(map(len, boxes)),
            dropped=sum(box.dropped for box in boxes),
            connections=len(self._connections),
            connected=sum(connection.connected for connection in self._connections),
            reconnects=sum(max(0, connection.connects - 1) for connection in self._connections),
            behind=self._behind,
            refused=next((connection.refused for connection in self._connections if connection.refused), ""),
        )

    def _links(self) -> list[Link]:
        if self._network.credentials:
            return [self._own_link(actor.device_id) for actor in self._actors]
        label = f"kizashi-sim-{time.time_ns():x}"
        self._connections = [self._shared(f"{label}-{n}") for n in range(self._network.shared)]
        return [SharedLink(a.device_id, self._shared_by(a.device_id)) for a in self._actors]

    def _own_link(self, device_id: str) -> Link:
        connection = Connection(
            device_id,
            self._network.broker,
            self._network.credentials[device_id],
            Random(self._rng.random()),
            will=status(device_id, "offline", retain=True),
            greeting=status(device_id, "online", retain=True, transient=True),
        )
        self._connections.append(connection)
        return OwnLink(device_id, connection)

    def _shared(self, client_id: str) -> Connection:
        outbox = Outbox(limit=_SHARED_LIMIT, window=_SHARED_WINDOW)
        rng = Random(self._rng.random())
        return Connection(client_id, self._network.broker, self._network.shared_login, rng, outbox=outbox)

    def _shared_by(self, device_id: str) -> Connection:
        return self._connections[zlib.crc32(device_id.encode()) % len(self._connections)]

    async def _act(self, links: list[Link], seconds: float | None) -> None:
        started, epoch_ms = time.monotonic(), time.time_ns() // 1_000_000
        queue = [(actor.due, number) for number, actor in enumerate(self._actors)]
        heapq.heapify(queue)
        steps = 0
        while queue and not self._end.is_set():
            due, number = queue[0]
            if seconds is not None and due > seconds:
                due = seconds
            steps += 1
            self._seconds = time.monotonic() - started
            if due > self._seconds or steps % _BREATH == 0:
                await self._pause(due - self._seconds)
            self._behind = max(0.0, time.monotonic() - started - due)
            if seconds is not None and due >= seconds:
                break
            actor, link = self._actors[number], links[number]
            for said in actor.act(link.cut):
                self._said[said.kind] += 1
                link.say(encode(actor.device_id, said, epoch_ms + round(due * 1000)))
            heapq.heapreplace(queue, (actor.due, number))
        self._seconds = time.monotonic() - started

    async def _pause(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._end.wait(), seconds)

    async def _last_call(self) -> None:
        """Wait for the acknowledgements of those whom the broker has heard at all; a short run may end before that."""

        async def heard(connection: Connection) -> None:
            await connection.answered()
            if connection.connects:
                await connection.drained()

        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*map(heard, self._connections)), _LAST_CALL_S)

    async def _watch(self, watch: Callable[[Progress], None]) -> None:
        while True:
            await asyncio.sleep(_REPORT_EVERY_S)
            watch(self.progress())
