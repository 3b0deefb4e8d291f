"""The connection to the MQTT broker: made again for ever, subscribed, driven by the event loop."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import uniform
from typing import Any
from urllib.parse import urlsplit

import structlog
from paho.mqtt import client as paho
from paho.mqtt.client import ConnectFlags, DisconnectFlags
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.ingress import counters
from gateway.ingress.mqtt_client import BulkClient, Inbound, dial
from gateway.log import LogUnreachableError

log = structlog.get_logger()

QOS = 1
KEEPALIVE_SECONDS = 30
CONNECT_SECONDS = 5.0
SUBSCRIBED_SECONDS = 10.0
"""From the TCP connection to the broker's answer to our subscriptions."""
FIRST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 5.0
PORTS = {"mqtt": 1883, "tcp": 1883, "mqtts": 8883, "ssl": 8883}


@dataclass(frozen=True, kw_only=True)
class Broker:
    """Where the broker is, and who we are there."""

    url: str
    """``mqtt://host:port``, or ``mqtts://…`` for TLS."""
    username: str | None = None
    password: str | None = None
    ca_file: Path | None = None
    """PEM; without it the system's certificate authorities."""
    client_id: str = "kizashi-ingress"
    """Names the session that the broker keeps for us: the same at each start, one for each ingress process."""

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in PORTS or not parts.hostname:
            raise ValueError(f"mqtt.url must look like mqtt://host:1883 or mqtts://host:8883, not {self.url!r}")

    @property
    def host(self) -> str:
        """Name or address."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The URL's, or the scheme's usual one."""
        parts = urlsplit(self.url)
        return parts.port or PORTS[parts.scheme]

    def tls(self) -> ssl.SSLContext | None:
        """What to trust, for ``mqtts``.

        Raises:
            OSError: ``ca_file`` can't be read, or holds no certificate.
        """
        if urlsplit(self.url).scheme not in ("mqtts", "ssl"):
            return None
        return ssl.create_default_context(cafile=self.ca_file)


Rewind = Callable[[str], Awaitable[object]]
"""``EventLog.rewind_mqtt_session``."""


class Connection:
    """One persistent session at the broker.

    ``receive`` gets each message, ``forget`` is called when a connection ended: its message ids mean nothing any more.
    ``rewind`` is called before each connection, so that what was not acknowledged comes again before anything newer.
    """

    def __init__(
        self,
        broker: Broker,
        topics: Sequence[str],
        receive: Callable[[Inbound], None],
        forget: Callable[[], None],
        rewind: Rewind,
    ) -> None:
        self._broker = broker
        self._rewind = rewind
        self._topics = topics
        self._tls = broker.tls()
        self._forget = forget
        self._client = _client(broker, receive)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_disconnect = self._on_disconnect
        self._client.on_socket_close = self._on_socket_close
        self._settled = asyncio.Event()
        self._lost = asyncio.Event()
        self._paused = False
        self._served = False
        self.ready = False
        """Subscribed to every topic on a connection that stands."""

    async def keep(self) -> None:
        """Connect, and connect again, until cancelled."""
        wait = FIRST_WAIT_SECONDS
        try:
            while True:
                if await self._once():
                    wait = FIRST_WAIT_SECONDS
                await asyncio.sleep(uniform(wait / 2, wait))  # noqa: S311  # jitter, no secret
                wait = min(2 * wait, LONGEST_WAIT_SECONDS)
        finally:
            self.close()

    def acknowledge(self, mids: Sequence[int]) -> None:
        """Send acknowledgements for messages of the present connection, in this order."""
        if self._client.socket() is not None and mids:
            self._client.ack_many(mids)
            self._write()

    def pause(self) -> None:
        """Read no more; the broker's own limits and TCP hold back the rest."""
        self._paused = True
        if (sock := self._client.socket()) is not None:
            asyncio.get_running_loop().remove_reader(sock.fileno())

    def resume(self) -> None:
        """Read again."""
        self._paused = False
        self._listen()

    def close(self) -> None:
        """Say good-bye; the session stays with the broker."""
        self._client.close()

    async def _once(self) -> bool:
        """Live through one connection; returns whether it came to be ready."""
        self._settled.clear()
        self._lost.clear()
        self._served = False
        try:
            await self._rewind(self._broker.client_id)
            self._client.begin(await asyncio.to_thread(self._dial))
        except LogUnreachableError as error:
            log.warning("ingress.session_not_rewound", error=str(error))
            return False
        except OSError as error:
            log.warning("ingress.broker_unreachable", url=self._broker.url, error=str(error))
            return False
        counters.RECONNECTS.inc()
        self._listen()
        pulse = asyncio.create_task(self._pulse())
        try:
            await self._wait_until_ready()
            await self._lost.wait()
        finally:
            pulse.cancel()
        return self._served

    def _dial(self) -> socket.socket:
        broker = self._broker
        return dial(broker.host, broker.port, self._tls, CONNECT_SECONDS)

    async def _wait_until_ready(self) -> None:
        try:
            async with asyncio.timeout(SUBSCRIBED_SECONDS):
                await self._settled.wait()
        except TimeoutError:
            log.warning("ingress.broker_silent", url=self._broker.url)
            self.close()

    async def _pulse(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            self._client.loop_misc()
            self._write()

    def _listen(self) -> None:
        if self._paused or (sock := self._client.socket()) is None:
            return
        asyncio.get_running_loop().add_reader(sock.fileno(), self._read)
        self._read()

    def _read(self) -> None:
        if self._paused:
            return
        self._client.loop_read()
        self._write()
        if self._client.holds_more:
            asyncio.get_running_loop().call_soon(self._read)

    def _write(self) -> None:
        sock = self._client.socket()
        if sock is None or not self._client.want_write():
            return
        self._client.loop_write()
        if self._client.want_write() and self._client.socket() is sock:
            asyncio.get_running_loop().add_writer(sock.fileno(), self._on_writable)

    def _on_writable(self) -> None:
        if (sock := self._client.socket()) is not None:
            asyncio.get_running_loop().remove_writer(sock.fileno())
            self._write()

    def _on_connect(
        self, _client: Any, _data: Any, flags: ConnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if reason.is_failure:
            log.error("ingress.broker_refused", url=self._broker.url, reason=str(reason))
            return
        log.info("ingress.broker_connected", url=self._broker.url, session_present=flags.session_present)
        self._client.subscribe([(topic, QOS) for topic in self._topics])

    def _on_subscribe(
        self, _client: Any, _data: Any, _mid: int, reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        refused = [topic for topic, reason in zip(self._topics, reasons, strict=False) if reason.is_failure]
        if refused:
            log.error("ingress.subscription_refused", topics=refused, mend="allow this user to read these topics")
        self.ready = self._served = not refused
        counters.BROKER_UP.set(self.ready)
        self._settled.set()

    def _on_disconnect(
        self, _client: Any, _data: Any, _flags: DisconnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        log.info("ingress.broker_disconnected", url=self._broker.url, reason=str(reason))

    def _on_socket_close(self, _client: Any, _data: Any, sock: paho.SocketLike) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(sock.fileno())
        loop.remove_writer(sock.fileno())
        self.ready = False
        counters.BROKER_UP.set(0)
        self._forget()
        self._lost.set()
        self._settled.set()


def _client(broker: Broker, receive: Callable[[Inbound], None]) -> BulkClient:
    client = BulkClient(broker.client_id, receive)
    client.enable_logger(logging.getLogger("paho"))
    if broker.username is not None:
        client.username_pw_set(broker.username, broker.password)
    client.connect_async(broker.host, broker.port, KEEPALIVE_SECONDS)
    return client
