"""The ingress role: everything between the broker and the log, for as long as the process lives."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import structlog

from devices.decoders.catalog import DECODERS
from gateway.ingress.broker import Broker
from gateway.ingress.core import Core
from gateway.ingress.mqtt import MqttIngress
from gateway.ingress.probes import probes
from gateway.log import EventLog, Limits, LogUnreachableError

log = structlog.get_logger()

CONNECT_SECONDS = 3.0
RETRY_SECONDS = 1.0
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class IngressSettings:
    """What the role needs to know."""

    broker: Broker
    log_url: str
    partitions: int
    limits: Limits = field(default_factory=Limits)
    topics: tuple[str, ...] = tuple(topic for decoder in DECODERS for topic in decoder.topics)
    probes_port: int | None = None
    """On loopback; None: no probes of its own (another server of the process has them)."""


class Ingress:
    """The role with its health."""

    def __init__(self, settings: IngressSettings) -> None:
        self._settings = settings
        self._log: EventLog | None = None
        self._mqtt: MqttIngress | None = None

    @property
    def ready(self) -> bool:
        """Whether the broker's messages reach us and the log takes them."""
        return self._log is not None and self._log.reachable and self._mqtt is not None and self._mqtt.ready

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set, then finish what has arrived (some seconds at most) and return.

        Broker and log may come late, go and come back.

        Raises:
            PartitionsChangedError: the log was made for another number of partitions.
            OSError: ``ca_file`` can't be read, or the probes' port is taken.
        """
        settings = self._settings
        async with AsyncExitStack() as stack:
            if settings.probes_port is not None:
                await stack.enter_async_context(probes(LOOPBACK, settings.probes_port, lambda: self.ready))
            self._log = await _opened_log(settings, stop)
            if self._log is None:
                return
            stack.push_async_callback(self._log.close)
            core = Core(self._log, settings.partitions)
            self._mqtt = MqttIngress(core, settings.broker, settings.topics, self._log.rewind_mqtt_session)
            await self._mqtt.run(stop)


async def run(settings: IngressSettings, stop: asyncio.Event) -> None:
    """Run the role without looking at its health; see ``Ingress.run``."""
    await Ingress(settings).run(stop)


async def _opened_log(settings: IngressSettings, stop: asyncio.Event) -> EventLog | None:
    while not stop.is_set():
        try:
            event_log = await EventLog.connect(settings.log_url, name=settings.broker.client_id, within=CONNECT_SECONDS)
        except LogUnreachableError as error:
            log.warning("ingress.log_unreachable", error=str(error))
        else:
            try:
                await event_log.ensure_streams(settings.partitions, settings.limits)
                return event_log
            except LogUnreachableError as error:
                log.warning("ingress.log_unreachable", error=str(error))
                await event_log.close()
        try:
            async with asyncio.timeout(RETRY_SECONDS):
                await stop.wait()
        except TimeoutError:
            pass
    return None
