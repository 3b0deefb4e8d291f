"""One MQTT 3.1.1 connection that comes back by itself and loses nothing it was given, up to its bound.

paho-mqtt does the protocol; the event loop watches its socket, so that one thread carries any number of connections.
Only connecting blocks (name, TCP, TLS), and that is done on a thread. paho is never given more than the window, and
gives back what is unacknowledged when the connection ends: its own redelivery after a reconnect would send a message
said in the meantime before the older ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from random import Random
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from firmware_sim.wire.backoff import wait_seconds
from firmware_sim.wire.broker import Broker, Login
from firmware_sim.wire.outbox import Message, Outbox

KEEPALIVE_S = 30
CONNECT_TIMEOUT_S = 5.0
_HOUSEKEEPING_S = 1.0

_log = logging.getLogger("kizashi-sim")


class Connection:
    """A client of the broker under its own client id, with an optional last will."""

    def __init__(
        self,
        client_id: str,
        broker: Broker,
        login: Login,
        rng: Random,
        *,
        will: Message | None = None,
        greeting: Message | None = None,
        outbox: Outbox | None = None,
    ) -> None:
        self.client_id = client_id
        self.outbox = Outbox() if outbox is None else outbox
        self.connects = 0
        self.refused = ""
        """Why the broker did not want us, last time; empty when it did."""
        self._broker = broker
        self._rng = rng
        self._greeting = greeting
        self._connected = False
        self._over = asyncio.Event()
        self._answered = asyncio.Event()
        self._acknowledged = asyncio.Event()
        self._away_for = 0.0
        self._socket: Any = None
        self._client = self._new_client(login, will)

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted us and the socket stands."""
        return self._connected

    def say(self, message: Message) -> None:
        """Send ``message`` now, or as soon as there is a connection and room in the window."""
        self.outbox.put(message)
        self._pump()

    def cut(self, away_for: float) -> None:
        """Lose the connection as a pulled plug would, without a word, and stay away for so many seconds."""
        self._away_for = away_for
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    async def run(self) -> None:
        """Connect, and again after each loss, until cancelled."""
        attempt = 0
        while True:
            if await self._connect():
                attempt = 0 if await self._until_over() else attempt
            if self._away_for > 0:
                away, self._away_for = self._away_for, 0.0
                await asyncio.sleep(away)
            else:
                await asyncio.sleep(wait_seconds(attempt, self._rng))
                attempt += 1

    async def answered(self) -> None:
        """Wait until the broker has said yes or no once, or turned out not to be there."""
        await self._answered.wait()

    async def drained(self) -> None:
        """Wait until everything said is acknowledged."""
        while len(self.outbox):
            self._acknowledged.clear()
            await self._acknowledged.wait()

    def close(self) -> None:
        """Part in peace: the last will is not published."""
        self._client.disconnect()
        self._unwatch()

    def _new_client(self, login: Login, will: Message | None) -> Client:
        client = Client(CallbackAPIVersion.VERSION2, client_id=self.client_id, clean_session=True)
        client.max_inflight_messages_set(0)
        client.connect_timeout = CONNECT_TIMEOUT_S
        if login.username is not None:
            client.username_pw_set(login.username, login.password)
        if self._broker.tls:
            client.tls_set(ca_certs=str(self._broker.ca_file) if self._broker.ca_file else None)
        if will is not None:
            client.will_set(will.topic, will.payload, qos=1, retain=will.retain)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_socket_close = self._on_socket_close
        client.connect_async(self._broker.host, self._broker.port, keepalive=KEEPALIVE_S)
        return client

    async def _connect(self) -> bool:
        self._over.clear()
        self._client.drop_out_messages()
        try:
            await asyncio.to_thread(self._client.reconnect)
        except OSError as error:
            if not self.refused:
                _log.info("%s cannot reach %s:%s: %s", self.client_id, self._broker.host, self._broker.port, error)
            self.refused = str(error)
            self._answered.set()
            return False
        self._socket = self._client.socket()
        if self._socket is None:
            return False
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._read)
        return True

    async def _until_over(self) -> bool:
        """Keep the connection going; True when the broker had accepted it."""
        before = self.connects
        if self._away_for > 0:
            self.cut(self._away_for)  # asked for while connecting
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), _HOUSEKEEPING_S)
            self._client.loop_misc()
            self._flush()
        self._unwatch()
        self._answered.set()
        self.outbox.connection_lost()
        return self.connects > before

    def _read(self) -> None:
        # TLS may hold more decrypted bytes than the socket shows.
        while self._client.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS:
            pending = getattr(self._socket, "pending", None)
            if pending is None or not pending():
                break
        self._pump()

    def _pump(self) -> None:
        while self._connected and (message := self.outbox.next()) is not None:
            info = self._client.publish(message.topic, message.payload, qos=1, retain=message.retain)
            self.outbox.was_sent(info.mid, message)
        self._flush()

    def _flush(self) -> None:
        """Write what paho holds back; what the socket does not take now goes when it is writable."""
        if self._socket is None or not self._client.want_write():
            return
        self._client.loop_write()
        if self._socket is not None and self._client.want_write():
            asyncio.get_running_loop().add_writer(self._socket.fileno(), self._writable)

    def _writable(self) -> None:
        self._client.loop_write()
        if self._socket is not None and not self._client.want_write():
            asyncio.get_running_loop().remove_writer(self._socket.fileno())
        self._pump()

    def _unwatch(self) -> None:
        if self._socket is not None and self._socket.fileno() >= 0:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._socket.fileno())
            loop.remove_writer(self._socket.fileno())
        self._socket = None

    def _on_connect(
        self, _client: Client, _data: Any, _flags: ConnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self._answered.set()
        if reason.is_failure:
            if self.refused != str(reason):
                _log.warning("%s was refused by the broker: %s", self.client_id, reason)
            self.refused = str(reason)
            return
        self.connects += 1
        self.refused = ""
        self._connected = True
        if self._greeting is not None:
            self.outbox.put_first(self._greeting)

    def _on_disconnect(
        self, _client: Client, _data: Any, _flags: DisconnectFlags, _reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self._connected = False
        self._over.set()

    def _on_publish(self, _client: Client, _data: Any, mid: int, _reason: ReasonCode, _properties: Properties) -> None:
        self.outbox.was_acknowledged(mid)
        self._acknowledged.set()

    def _on_socket_close(self, _client: Client, _data: Any, _sock: Any) -> None:
        # Called while the descriptor is still open. During reconnect() nothing is watched, so the thread is no danger.
        self._unwatch()
