"""The deliver role. ``python -m gateway.delivery.run`` runs it alone; add processes to send more."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import structlog
from sqlalchemy import Engine

from gateway.delivery import bounces, means, operations, providers, spending
from gateway.delivery.links import Links
from gateway.delivery.listen import listen
from gateway.delivery.mailbox import Mailbox
from gateway.delivery.outbox import Outbox
from gateway.delivery.pacer import Pacer
from gateway.delivery.rendering import Means
from gateway.delivery.settlement import Rules
from gateway.delivery.wording import Wording
from gateway.ingress.probes import probes
from gateway.pauses import spare_what_stays
from gateway.settings import Settings
from gateway.storage import wake
from gateway.storage.database import connect, wait_until_reachable

log = structlog.get_logger()

LOOPBACK = "127.0.0.1"
STOP_SECONDS = 6.0
"""For what is under way at SIGTERM; the rest is left to its lease."""
CLAIM_SECONDS = 1.0
CONNECTIONS = 5
DATABASE_SECONDS = 60.0


def deliverer_name() -> str:
    """Unique per start, and tells a person where to look."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


class Deliverer:
    """The role with its health."""

    def __init__(self, engine: Engine, settings: Settings, clock: Callable[[], datetime] | None = None) -> None:
        """Build notifiers, templates and policy.

        Args:
            engine: the database.
            settings: the deployment's.
            clock: UTC, by which customers' nights and expiries are judged; the machine's, unless said otherwise.

        Raises:
            ValueError: ``policy.quiet_hours`` is not understood.
            TemplateError: ``templates.dir`` is not a folder.
            OperationalError: the database is away.
        """
        clock = clock or utc_now
        wording = Wording(engine, settings.templates.dir)
        with engine.begin() as connection:
            equipment = Means(wording.templates, means.policy_of(settings), means.links_of(connection, settings))
            spending.review(connection, equipment.policy.money, utc_now())
        self._engine = engine
        self._stop = threading.Event()
        delivery = settings.delivery
        self._outbox = Outbox(
            engine,
            providers.build(settings),
            equipment.links,
            Rules(deliverer_name(), delivery.max_attempts, delivery.settle_seconds),
            threads=delivery.threads,
            lease_s=delivery.lease_seconds,
            clock=clock,
            on_step_ended=self._step_ended,
            spares=providers.spares(settings),
            rates=delivery.rate,
        )
        self._pacer = Pacer(engine, equipment, clock, self._outbox.wake)
        self._threads = [
            threading.Thread(target=self._outbox.run, args=(self._stop,), name="outbox", daemon=True),
            threading.Thread(target=self._pacer.run, args=(self._stop,), name="pacer", daemon=True),
            threading.Thread(target=wording.run, args=(self._stop, self._pacer.reword), name="wording", daemon=True),
            threading.Thread(target=listen, args=(engine, self._heard, self._stop), name="listen", daemon=True),
            *self._mailbox(settings, equipment.links),
            *self._watch(settings),
        ]

    @property
    def ready(self) -> bool:
        """Whether all of its threads live."""
        return all(thread.is_alive() for thread in self._threads)

    def start(self) -> None:
        """Begin to send."""
        for thread in self._threads:
            thread.start()

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Claim nothing more, finish what is under way within ``seconds``."""
        self._stop.set()
        self._outbox.wake()
        self._pacer.wake()
        for thread in self._threads:
            thread.join(CLAIM_SECONDS)  # a claim that is being made still hands its messages out
        left = self._outbox.drain(seconds)
        self._outbox.close()
        if left:
            log.warning("deliver.left_to_lease", messages=left)

    def _mailbox(self, settings: Settings, links: Links) -> list[threading.Thread]:
        """The thread that looks for bounces, where there is a mailbox for them."""
        imap = settings.smtp.bounce_imap
        if imap.host is None:
            return []
        mailbox = Mailbox(imap, lambda mail: bounces.take(self._engine, mail, links, utc_now()))
        return [threading.Thread(target=mailbox.run, args=(self._stop,), name="mailbox", daemon=True)]

    def _watch(self, settings: Settings) -> list[threading.Thread]:
        """The thread that tells the operations team of troubles, where it wants to be told."""
        watch = operations.watch(self._engine, settings, utc_now)
        if watch is None:
            return []
        return [threading.Thread(target=watch.run, args=(self._stop,), name="operations", daemon=True)]

    def _step_ended(self) -> None:
        self._pacer.wake()

    def _heard(self, payload: str) -> None:
        self._outbox.wake()
        if payload != wake.QUEUED:
            self._pacer.wake()


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


async def deliver(*, engine: Engine, settings: Settings, stop: asyncio.Event, probes_port: int | None = None) -> None:
    """Deliver until ``stop`` is set, then finish what is under way (8 s at most) and return.

    Args:
        engine: at least five connections.
        settings: the whole of them.
        stop: set it to end.
        probes_port: ``/healthz``, ``/readyz`` and ``/metrics`` on loopback; ``None``: none.

    Raises:
        ValueError: ``policy.quiet_hours`` is not understood.
        TemplateError: ``templates.dir`` is not a folder.
        RuntimeError: a thread of the role has died.
    """
    deliverer = await asyncio.to_thread(Deliverer, engine, settings)
    async with AsyncExitStack() as stack:
        if probes_port is not None:
            await stack.enter_async_context(probes(LOOPBACK, probes_port, lambda: deliverer.ready))
        deliverer.start()
        log.info("deliver.started")
        try:
            while deliverer.ready:
                try:
                    async with asyncio.timeout(1.0):
                        await stop.wait()
                    return
                except TimeoutError:
                    continue
            raise RuntimeError("a thread of the deliver role has died; see the log above")
        finally:
            await asyncio.to_thread(deliverer.stop)


def run(settings: Settings, database_url: str, *, probes_port: int | None = None) -> None:
    """Deliver until SIGTERM or SIGINT; see ``deliver``."""
    engine = connect(database_url, pool_size=CONNECTIONS)

    async def until_signalled() -> None:
        wait_until_reachable(engine, seconds=DATABASE_SECONDS)
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        spare_what_stays()
        await deliver(engine=engine, settings=settings, stop=stop, probes_port=probes_port)

    asyncio.run(until_signalled())
    engine.dispose()


def main() -> None:
    """``python -m gateway.delivery.run [PROBES_PORT]``."""
    from gateway import addresses, logs
    from gateway.settings import load

    logs.configure(role="deliver")
    settings = load()
    url = settings.database.url.get_secret_value() if settings.database.url else addresses.find(settings).database_url
    run(settings, url, probes_port=int(sys.argv[1]) if len(sys.argv) > 1 else None)


if __name__ == "__main__":
    main()
