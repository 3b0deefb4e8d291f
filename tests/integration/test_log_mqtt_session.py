"""After a reconnection a NATS server sends first, and in order, what was not acknowledged: only if it was asked to."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from gateway.log import EventLog
from tests.integration.nats_fixture import NatsServer

pytestmark = pytest.mark.stack

CLIENT_ID = "kizashi-test"
TOPIC = "devices/a/telemetry"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    running = NatsServer(tmp_path / "nats")
    running.start()
    yield running
    running.kill()


class Listener:
    """A session that listens and acknowledges only what it is told to."""

    def __init__(self, server: NatsServer, acknowledge: Callable[[int], bool]) -> None:
        self.got: list[int] = []
        self._changed = threading.Condition()
        self._subscribed = threading.Event()
        self._acknowledge = acknowledge
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=CLIENT_ID, clean_session=False, manual_ack=True
        )
        self._client.on_message = self._on_message
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_connect = lambda client, *_: client.subscribe([("devices/+/telemetry", 1), ("other/+", 1)])
        self._client.connect("127.0.0.1", server.mqtt_port)
        self._client.loop_start()
        assert self._subscribed.wait(10)

    def _on_message(self, client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        number = int(message.payload)
        if self._acknowledge(number):
            client.ack(message.mid, message.qos)
        with self._changed:
            self.got.append(number)
            self._changed.notify()

    def wait_for(self, number: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: number in self.got, 10), self.got

    def pull_the_plug(self) -> None:
        """End the connection without a good-bye."""
        sock = self._client.socket()
        assert sock is not None
        sock.close()
        self._client.loop_stop()


def publish(server: NatsServer, numbers: range) -> None:
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", server.mqtt_port)
    client.loop_start()
    for number in numbers:
        client.publish(TOPIC, str(number), 1).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # paho's thread and the pulled plug
@pytest.mark.parametrize("kill_the_server", [False, True])
async def test_what_was_not_acknowledged_comes_first_and_in_order(server: NatsServer, *, kill_the_server: bool) -> None:
    first = Listener(server, acknowledge=lambda number: number < 4)
    publish(server, range(10))
    first.wait_for(9)
    first.pull_the_plug()
    publish(server, range(10, 15))
    if kill_the_server:
        server.kill()
        server.start()

    log = await EventLog.connect(server.url, name="test")
    again = await log.rewind_mqtt_session(CLIENT_ID)
    await log.close()
    second = Listener(server, acknowledge=lambda _: True)
    second.wait_for(14)
    second.pull_the_plug()

    # What was acknowledged a moment before a kill may come again: the server writes that down a little later.
    assert second.got == list(range(second.got[0], 15))
    assert second.got[0] <= 4
    assert again >= 6


async def test_a_server_that_is_not_the_broker_has_nothing_to_rewind(server: NatsServer) -> None:
    log = await EventLog.connect(server.url, name="test")
    assert await log.rewind_mqtt_session("nobody") == 0
    await log.close()
