"""The roles of ``kizashi serve --role``: each wires its part to the stack and runs until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog

from gateway.addresses import Addresses
from gateway.pauses import spare_what_stays
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.log import EventLog

log = structlog.get_logger()

LOOPBACK = "127.0.0.1"
LOG_SECONDS = 60.0
DATABASE_SECONDS: Final = 60.0
"""How long a role waits for the database at its start."""
API_CONNECTIONS = 20

Role = Callable[[Settings, Addresses, int | None], None]
"""Settings, where the stack is, and the port of this process's own probes, if it shall have them."""


def ingress(settings: Settings, found: Addresses, probes_port: int | None) -> None:
    """From the broker to the log; with the embedded NATS server also the answers to who may connect."""
    from gateway.ingress.broker import Broker
    from gateway.ingress.run import IngressSettings
    from gateway.ingress.run import run as run_ingress
    from gateway.retention.plan import log_limits

    broker = Broker(
        url=found.mqtt_url,
        username=found.mqtt_username,
        password=found.mqtt_password,
        ca_file=Path(found.mqtt_ca_file) if found.mqtt_ca_file else None,
    )
    role = IngressSettings(
        broker=broker,
        log_url=found.log_url,
        partitions=settings.log.partitions,
        limits=log_limits(settings),
        probes_port=probes_port,
    )

    async def work(stop: asyncio.Event) -> None:
        if found.issuer_seed is None:
            await run_ingress(role, stop)
            return
        async with _answering_credentials(found, found.issuer_seed):
            await run_ingress(role, stop)

    _until_signalled(work)


@asynccontextmanager
async def _answering_credentials(found: Addresses, issuer_seed: str) -> AsyncIterator[None]:
    """Tell the embedded NATS server who may connect, from the credentials in the database."""
    import nats

    from gateway.embedded.auth_callout import serve_auth_callout
    from gateway.storage import credentials
    from gateway.storage.database import connect

    engine = connect(found.database_url)

    def stored(device_id: str) -> str | None:
        with engine.connect() as connection:
            return credentials.password_hash(connection, device_id)

    async def lookup(username: str) -> str | None:
        return await asyncio.to_thread(stored, username)

    connection = await nats.connect(
        found.log_url, name="kizashi-auth", max_reconnect_attempts=-1, reconnect_time_wait=0.2, connect_timeout=5
    )
    callout = await serve_auth_callout(connection, issuer_seed, lookup)
    try:
        yield
    finally:
        await callout.stop()
        await connection.close()
        engine.dispose()


def worker(settings: Settings, found: Addresses, probes_port: int | None) -> None:
    """From the log to decisions."""
    from gateway.delivery import means
    from gateway.delivery.rendering import Means
    from gateway.delivery.wording import Wording, followed
    from gateway.ingress.probes import probes
    from gateway.storage.database import connect, wait_until_reachable
    from gateway.worker.run import run as run_worker

    engine = connect(found.database_url)
    wait_until_reachable(engine, seconds=DATABASE_SECONDS)

    async def work(stop: asyncio.Event) -> None:
        wording = Wording(engine, settings.templates.dir)
        with engine.begin() as connection:
            equipment = Means(wording.templates, means.policy_of(settings), means.links_of(connection, settings))
        event_log = await _open_log(settings, found, "kizashi-worker")
        async with AsyncExitStack() as stack:
            stack.callback(engine.dispose)
            stack.push_async_callback(event_log.close)
            stack.enter_context(followed(wording))
            if probes_port is not None:
                await stack.enter_async_context(probes(LOOPBACK, probes_port, lambda: event_log.reachable))
            await run_worker(
                engine=engine,
                event_log=event_log,
                partitions=settings.log.partitions,
                checkpoint_seconds=settings.worker.checkpoint_seconds,
                follow=means.follow(equipment, lambda: wording.templates),
                stop=stop,
            )

    _until_signalled(work)


def deliver(settings: Settings, found: Addresses, probes_port: int | None) -> None:
    """From the outbox to the providers."""
    from gateway.delivery.run import run as run_delivery

    run_delivery(settings, found.database_url, probes_port=probes_port)


def api(settings: Settings, found: Addresses, probes_port: int | None) -> None:
    """The HTTP API, the webhooks and the console."""
    from gateway import rules_watch, templates_watch
    from gateway.api import hooks
    from gateway.api.app import create_app
    from gateway.api.run import listening_socket, serve
    from gateway.delivery import means
    from gateway.delivery.wording import followed
    from gateway.ingress.probes import probes
    from gateway.retention.chore import Chore
    from gateway.storage.database import connect, wait_until_reachable

    listening = listening_socket(settings.http.bind)
    engine = connect(found.database_url, pool_size=API_CONNECTIONS)
    wait_until_reachable(engine, seconds=DATABASE_SECONDS)

    async def work(stop: asyncio.Event) -> None:
        event_log = await _open_log(settings, found, "kizashi-api")
        async with AsyncExitStack() as stack:
            stack.callback(engine.dispose)
            stack.push_async_callback(event_log.close)
            if probes_port is not None:
                await stack.enter_async_context(probes(LOOPBACK, probes_port, lambda: event_log.reachable))
            with engine.begin() as connection:
                links = means.links_of(connection, settings)
            app = create_app(settings, engine, event_log, hooks=[hooks.router(engine, settings, links)])
            app.state.jobs.append(Chore(engine, settings.retention).until_stopped)
            wording = stack.enter_context(followed(app.state.api.wording))
            if settings.templates.dir is not None:
                app.state.jobs.append(partial(templates_watch.watch, engine, settings.templates.dir))
            if settings.rules.dir is not None:
                app.state.jobs.append(partial(rules_watch.watch, engine, settings.rules.dir, wording.known))
            await serve(app, listening, stop)

    _until_signalled(work)


async def _open_log(settings: Settings, found: Addresses, name: str) -> EventLog:
    from gateway.log import EventLog
    from gateway.retention.plan import log_limits

    event_log = await EventLog.connect(found.log_url, name=name, within=LOG_SECONDS)
    await event_log.ensure_streams(settings.log.partitions, log_limits(settings))
    return event_log


ROLES: Final[dict[str, Role]] = {"ingress": ingress, "worker": worker, "deliver": deliver, "api": api}


def _until_signalled(work: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    """Run ``work`` on a fast event loop; SIGTERM and SIGINT set its event."""
    import uvloop

    async def main() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        spare_what_stays()
        await work(stop)

    uvloop.run(main())
