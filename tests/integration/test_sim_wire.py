"""The simulator against a real broker: last will, a killed broker, order and completeness."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from firmware_sim.blast import Load, blast
from firmware_sim.cast import assemble
from firmware_sim.run import Network, Stage
from firmware_sim.scenario import load
from firmware_sim.wire.broker import Broker, Login
from firmware_sim.wire.connection import Connection
from firmware_sim.wire.link import OwnLink, status
from firmware_sim.wire.outbox import Message
from tests.certificates import self_signed
from tests.ports import free_port

LOOPBACK = "127.0.0.1"
SERVER = Path(sys.executable).with_name("nats-server")


class BrokerProcess:
    """One nats-server with MQTT that can be killed and started again on the same data."""

    def __init__(self, folder: Path, mqtt_options: str = "") -> None:
        self._folder = folder
        self.mqtt_port, self.nats_port = free_port(), free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._configuration = folder / "server.conf"
        self._configuration.write_text(
            f"server_name: sim-test\nlisten: {LOOPBACK}:{self.nats_port}\n"
            f"jetstream {{ store_dir: {json.dumps(str(folder))} }}\n"
            f"mqtt {{ host: {LOOPBACK}, port: {self.mqtt_port}\n{mqtt_options}\n}}\n"
        )

    def start(self) -> None:
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen([SERVER, "-c", self._configuration], stderr=log)

    def kill(self, number: int = signal.SIGKILL) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()
            self._process = None

    @property
    def address(self) -> Broker:
        return Broker(LOOPBACK, self.mqtt_port)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[BrokerProcess]:
    process = BrokerProcess(tmp_path)
    process.start()
    yield process
    process.kill(signal.SIGTERM)


@asynccontextmanager
async def heard(broker: BrokerProcess, topic: str) -> AsyncIterator[list[tuple[str, bytes]]]:
    """What arrives, as (topic, payload), at a session which the broker keeps while it or the listener is away."""
    messages: list[tuple[str, bytes]] = []
    listening = threading.Event()
    client = Client(CallbackAPIVersion.VERSION2, client_id="listener", clean_session=False)
    client.reconnect_delay_set(1, 1)

    def subscribe(*_: object) -> None:
        client.subscribe(topic, qos=1)

    client.on_connect = subscribe
    client.on_subscribe = lambda *_: listening.set()
    client.on_message = lambda _client, _data, message: messages.append((message.topic, bytes(message.payload)))
    client.connect_async(LOOPBACK, broker.mqtt_port)
    client.loop_start()
    try:
        await until(listening.is_set)
        yield messages
    finally:
        client.disconnect()
        await asyncio.to_thread(client.loop_stop)


async def until(true: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for a condition; the limit only ends a failing test."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.02)


@asynccontextmanager
async def connected(broker: BrokerProcess, device_id: str) -> AsyncIterator[tuple[Connection, OwnLink]]:
    connection = Connection(
        device_id,
        broker.address,
        Login(),
        Random(1),
        will=status(device_id, "offline", retain=True),
        greeting=status(device_id, "online", retain=True, transient=True),
    )
    task = asyncio.create_task(connection.run())
    try:
        yield connection, OwnLink(device_id, connection)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        connection.close()


async def test_a_pulled_plug_makes_the_broker_publish_the_last_will_and_the_device_comes_back_online(
    broker: BrokerProcess,
) -> None:
    async with heard(broker, "devices/w/status") as messages, connected(broker, "w") as (_, link):
        await until(lambda: len(messages) == 1)
        link.cut(0.3)
        await until(lambda: len(messages) == 3)
    assert [payload for _, payload in messages] == [b"online", b"offline", b"online"]


async def test_what_is_said_while_the_device_is_away_arrives_afterwards_in_order(broker: BrokerProcess) -> None:
    async with heard(broker, "devices/a/telemetry") as messages, connected(broker, "a") as (connection, link):
        await until(lambda: connection.connected)
        for n in range(300):
            if n == 100:
                link.cut(0.2)
            link.say(Message("devices/a/telemetry", str(n).encode()))
            await asyncio.sleep(0.001)
        await asyncio.wait_for(connection.drained(), 30)
        await until(lambda: ("devices/a/telemetry", b"299") in messages)
    assert _first_arrivals(messages) == list(range(300))


async def test_nothing_is_lost_and_nothing_overtakes_when_the_broker_is_killed_and_restarted(
    broker: BrokerProcess,
) -> None:
    async with heard(broker, "devices/+/telemetry") as live, connected(broker, "k") as (connection, link):
        await until(lambda: connection.connected)
        for n in range(600):
            if n == 200:
                broker.kill()
            if n == 400:
                broker.start()
            link.say(Message("devices/k/telemetry", str(n).encode()))
            await asyncio.sleep(0.001)
        await asyncio.wait_for(connection.drained(), 30)
        assert connection.connects >= 2
        assert connection.outbox.dropped == 0
        assert connection.outbox.acknowledged >= 600
        await until(lambda: ("devices/k/telemetry", b"599") in live)
    assert _first_arrivals(live) == list(range(600))


async def test_a_whole_stage_on_a_shared_connection_delivers_every_message_it_said(broker: BrokerProcess) -> None:
    scenario = load("demo")
    async with heard(broker, "devices/+/+") as messages:
        stage = Stage(assemble(scenario, 7, 1.0), Network(broker.address, shared=2), 7)
        done = await stage.play(2.5, lambda _: None)
        await until(lambda: len(messages) >= done.acknowledged)
    assert done.waiting == done.dropped == 0
    devices = {topic.split("/")[1] for topic, _ in messages}
    assert devices == {*scenario.machines, *scenario.people}
    assert sum(topic.endswith("/telemetry") for topic, _ in messages) == done.said["telemetry"]


async def test_the_load_generator_sends_what_it_counts_as_valid_payloads_in_order_per_device(
    broker: BrokerProcess,
) -> None:
    load = Load(devices=7, rate=2_000, seconds=0.5, connections=2, hot_every=5)
    async with heard(broker, "devices/+/telemetry") as messages:
        outcome = await asyncio.to_thread(blast, broker.address, Login(), load)
        await until(lambda: len(messages) >= outcome.sent)
    assert outcome.acknowledged == outcome.sent == len(messages) > 0
    times: dict[str, list[int]] = {}
    hot = 0
    for topic, payload in messages:
        reading = json.loads(payload)
        assert set(reading) == {"ts", "temperature", "vibration"}
        times.setdefault(topic, []).append(reading["ts"])
        hot += reading["temperature"] > 8
    assert sorted(times) == [f"devices/blast-{n:05d}/telemetry" for n in range(1, 8)]
    assert all(earlier < later for seen in times.values() for earlier, later in pairwise(seen))
    assert abs(hot - outcome.sent / 5) <= 2


# paho leaves the socket of a failed TLS handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
async def test_over_tls_the_broker_is_trusted_by_the_given_authority_only(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path, "127.0.0.1")
    process = BrokerProcess(
        tmp_path, f"tls {{ cert_file: {json.dumps(str(certificate))}, key_file: {json.dumps(str(key))} }}"
    )
    process.start()
    trusting = Broker(LOOPBACK, process.mqtt_port, tls=True, ca_file=certificate)
    connection = Connection("t", trusting, Login(), Random(1))
    stranger = Connection("s", Broker(LOOPBACK, process.mqtt_port, tls=True), Login(), Random(1))
    tasks = [asyncio.create_task(c.run()) for c in (connection, stranger)]
    try:
        for n in range(200):
            connection.say(Message("devices/t/telemetry", b"x" * 50 * n))
        await asyncio.wait_for(connection.drained(), 30)
        await until(lambda: "CERTIFICATE_VERIFY_FAILED" in stranger.refused)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        connection.close()
        stranger.close()
        process.kill(signal.SIGTERM)
    assert connection.outbox.acknowledged == 200
    assert stranger.connects == 0


def _first_arrivals(messages: list[tuple[str, bytes]]) -> list[int]:
    """The numbers in the order of their first arrival: a QoS 1 repeat is not an error, a late first one is."""
    return list(dict.fromkeys(int(payload) for _, payload in messages))
