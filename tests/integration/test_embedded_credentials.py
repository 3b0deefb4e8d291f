"""Devices' credentials at the real MQTT listener: each says and hears what is its own, and nothing else."""

from __future__ import annotations

import asyncio
import os
import queue
import signal
import socket
import subprocess
import threading
import urllib.parse
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import nats.errors
import paho.mqtt.client as paho
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from gateway.embedded.auth_callout import AuthCallout, hash_password, serve_auth_callout
from gateway.embedded.stack import EmbeddedStack, StackAddresses
from tests.integration.embedded_fixture import ANY_PORT, child, until

pytestmark = pytest.mark.stack

REFUSED = 5  # MQTT 3.1.1: not authorised
QUIET_SECONDS = 0.4


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, StackAddresses]]:
    folder = tmp_path_factory.mktemp("credentials") / "data"
    stack = EmbeddedStack(folder, ANY_PORT, want_nats=True, want_postgres=False)
    addresses = stack.start()
    yield folder, addresses
    stack.stop()


class Gateway:
    """The gateway's side: it answers the server's questions from ``stored`` and hears all that devices say."""

    def __init__(self, addresses: StackAddresses) -> None:
        self.addresses = addresses
        self.stored = {name: hash_password(f"secret of {name}") for name in ("A", "B", "shop.7")}
        self.heard: list[tuple[str, str]] = []
        self.client = Client()
        self.callout: AuthCallout | None = None

    async def start(self) -> None:
        await self.client.connect(str(self.addresses.log_url), reconnect_time_wait=0, max_reconnect_attempts=-1)
        await self.client.subscribe(">", cb=self._hear)
        await self.open()

    async def open(self) -> None:
        self.callout = await serve_auth_callout(self.client, str(self.addresses.issuer_seed), self._lookup)

    async def close(self) -> None:
        if self.callout is not None:
            await self.callout.stop()
            self.callout = None

    async def _lookup(self, username: str) -> str | None:
        if username == "breaks":
            raise ConnectionError("the database is away")
        return self.stored.get(username)

    async def _hear(self, message: Msg) -> None:
        if message.subject.startswith(("devices.", "elsewhere")):
            self.heard.append((message.subject, message.data.decode()))


@pytest.fixture
async def gateway(running: tuple[Path, StackAddresses]) -> AsyncIterator[Gateway]:
    made = Gateway(running[1])
    await made.start()
    yield made
    await made.close()
    await made.client.close()


class Device:
    """paho, as a device uses it."""

    def __init__(self, gateway: Gateway, name: str, client_id: str | None = None, password: str | None = None) -> None:
        self.commands: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.outcome: ReasonCode | None = None
        self.granted: list[ReasonCode] = []
        self._answered = threading.Event()
        self._subscribed = threading.Event()
        self._where = urllib.parse.urlsplit(str(gateway.addresses.mqtt_url))
        self.paho = paho.Client(CallbackAPIVersion.VERSION2, client_id or name, reconnect_on_failure=False)
        self.paho.username_pw_set(name, password or f"secret of {name}")
        self.paho.on_connect = self._on_connect
        self.paho.on_subscribe = self._on_subscribe
        self.paho.on_message = lambda _client, _data, message: self.commands.put(message.payload.decode())

    def _on_connect(self, _client: paho.Client, _data: Any, _flags: Any, reason: ReasonCode, _props: Any) -> None:
        self.outcome = reason
        self._answered.set()

    def _on_subscribe(self, _client: paho.Client, _data: Any, _mid: int, codes: list[ReasonCode], _props: Any) -> None:
        self.granted = codes
        self._subscribed.set()

    def connect(self) -> bool:
        """Whether the server let it in."""
        self.paho.connect(str(self._where.hostname), int(self._where.port or 0))
        self.paho.loop_start()
        assert self._answered.wait(15)
        return self.outcome is not None and not self.outcome.is_failure

    def subscribe(self, topic: str, qos: int = 1) -> bool:
        """Whether the server granted it."""
        self._subscribed.clear()
        self.paho.subscribe(topic, qos)
        assert self._subscribed.wait(10)
        return not self.granted[0].is_failure

    def say(self, topic: str, payload: str, qos: int = 1) -> None:
        self.paho.publish(topic, payload, qos).wait_for_publish(10)

    def leave(self) -> None:
        self.paho.disconnect()
        self.paho.loop_stop()

    def die(self) -> None:
        """Drop the connection without a word, so that the last will is due."""
        wire = self.paho.socket()
        assert isinstance(wire, socket.socket)
        wire.shutdown(socket.SHUT_RDWR)
        self.paho.loop_stop()


@pytest.fixture
async def device_a(gateway: Gateway) -> AsyncIterator[Device]:
    device = Device(gateway, "A")
    assert await asyncio.to_thread(device.connect)
    yield device
    await asyncio.to_thread(device.leave)


@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_a_device_says_what_is_its_own(gateway: Gateway, device_a: Device, qos: int) -> None:
    await asyncio.to_thread(device_a.say, "devices/A/telemetry", "mine", qos)
    await asyncio.to_thread(until, lambda: ("devices.A.telemetry", "mine") in gateway.heard)


@pytest.mark.parametrize(
    "topic", ["devices/B/telemetry", "devices/A", "elsewhere", "devices/AB/telemetry", "devices/a/x"]
)
@pytest.mark.parametrize("qos", [0, 1])
async def test_nobody_hears_what_a_device_says_as_another(
    gateway: Gateway, device_a: Device, topic: str, qos: int
) -> None:
    # A session that breaks the rules may be cut, so that the proof of liveness comes from a second one.
    device_a.paho.publish(topic, "forged", qos)
    await asyncio.sleep(QUIET_SECONDS)
    assert [said for said in gateway.heard if said[1] == "forged"] == []


async def test_a_device_hears_its_commands_and_no_others(gateway: Gateway, device_a: Device) -> None:
    assert await asyncio.to_thread(device_a.subscribe, "devices/A/commands")
    assert await asyncio.to_thread(device_a.subscribe, "devices/A/commands/#")
    for topic in ("devices.B.commands", "devices.A.commands"):
        await gateway.client.publish(topic, topic.encode())
    assert await asyncio.to_thread(device_a.commands.get, timeout=10) == "devices.A.commands"


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize(
    "topic", ["#", "devices/#", "devices/+/commands", "devices/B/commands", "devices/A/telemetry", "+/+/+", "$SYS/#"]
)
async def test_a_device_can_not_listen_to_others(device_a: Device, topic: str, qos: int) -> None:
    assert not await asyncio.to_thread(device_a.subscribe, topic, qos)


async def test_the_servers_own_subjects_are_closed(device_a: Device) -> None:
    for topic in ("$MQTT/sub/#", "$JS/API/#", "$SYS/REQ/USER/AUTH", "_INBOX/#"):
        assert not await asyncio.to_thread(device_a.subscribe, topic, 0)


@pytest.mark.parametrize(("topic", "comes"), [("devices/A/status", True), ("devices/B/status", False)])
async def test_a_last_will_obeys_the_same_rule(gateway: Gateway, topic: str, comes: bool) -> None:
    device = Device(gateway, "A", client_id="will")
    device.paho.will_set(topic, "offline", qos=1)
    assert await asyncio.to_thread(device.connect)
    await asyncio.to_thread(device.die)
    if comes:
        await asyncio.to_thread(until, lambda: ("devices.A.status", "offline") in gateway.heard)
    else:
        await asyncio.sleep(QUIET_SECONDS)
        assert gateway.heard == []


async def test_an_id_with_a_full_stop_is_one_level(gateway: Gateway) -> None:
    # The server takes a full stop in a topic but not in an MQTT client id.
    device = Device(gateway, "shop.7", client_id="shop-7")
    assert await asyncio.to_thread(device.connect)
    assert await asyncio.to_thread(device.subscribe, "devices/shop.7/commands/#")
    await asyncio.to_thread(device.say, "devices/shop.7/telemetry", "x")
    await asyncio.to_thread(until, lambda: ("devices.shop//7.telemetry", "x") in gateway.heard)
    await asyncio.to_thread(device.leave)


@pytest.mark.parametrize(
    ("name", "client_id", "password"),
    [
        ("A", None, "secret of B"),
        ("A", None, hash_password("secret of A")),
        ("nobody", None, None),
        ("*", None, None),
        ("gateway", None, "wrong"),
        ("A", "B", None),
        ("A", "kizashi-ingress", None),
        ("A", "Kizashi", None),
    ],
)
async def test_others_are_refused(gateway: Gateway, name: str, client_id: str | None, password: str | None) -> None:
    device = Device(gateway, name, client_id or "any", password)
    assert not await asyncio.to_thread(device.connect)
    await asyncio.to_thread(device.leave)


async def test_a_client_without_a_name_is_refused(gateway: Gateway) -> None:
    device = Device(gateway, "A")
    device.paho.username_pw_set(None)
    assert not await asyncio.to_thread(device.connect)
    await asyncio.to_thread(device.leave)


async def test_a_device_can_not_come_in_by_the_other_protocol(gateway: Gateway) -> None:
    where = urllib.parse.urlsplit(str(gateway.addresses.log_url))
    client = Client()
    with pytest.raises(nats.errors.Error, match="Authorization"):
        await client.connect(f"nats://A:secret%20of%20A@{where.hostname}:{where.port}", allow_reconnect=False)
    await client.close()  # a connection that is refused at once is left open by nats-py


async def test_a_revoked_credential_does_not_come_in_again(gateway: Gateway) -> None:
    for let_in in (True, False):
        device = Device(gateway, "B")
        assert await asyncio.to_thread(device.connect) is let_in
        await asyncio.to_thread(device.leave)
        gateway.stored.pop("B", None)


async def test_a_session_taken_over_by_another_device_gives_none_of_its_commands(gateway: Gateway) -> None:
    first = Device(gateway, "A", client_id="shared")
    first.paho._clean_session = False
    assert await asyncio.to_thread(first.connect)
    assert await asyncio.to_thread(first.subscribe, "devices/A/commands/#")
    await asyncio.to_thread(first.leave)
    second = Device(gateway, "B", client_id="shared")
    second.paho._clean_session = False
    await gateway.client.publish("devices.A.commands.1", b"while away")
    assert await asyncio.to_thread(second.connect)
    await gateway.client.publish("devices.A.commands.2", b"while there")
    await asyncio.sleep(QUIET_SECONDS)
    assert second.commands.empty()
    await asyncio.to_thread(second.leave)


async def test_without_an_answer_nobody_comes_in_and_with_one_again_all_do(gateway: Gateway) -> None:
    await gateway.close()
    shut_out = Device(gateway, "A")
    assert not await asyncio.to_thread(shut_out.connect)
    await gateway.open()
    let_in = Device(gateway, "A")
    assert await asyncio.to_thread(let_in.connect)
    for device in (shut_out, let_in):
        await asyncio.to_thread(device.leave)


async def test_a_look_up_that_fails_refuses_one_device_and_serves_the_next(gateway: Gateway) -> None:
    broken = Device(gateway, "breaks")
    refused = asyncio.create_task(asyncio.to_thread(broken.connect))
    fine = Device(gateway, "A")
    assert await asyncio.to_thread(fine.connect)
    assert not await refused
    for device in (broken, fine):
        await asyncio.to_thread(device.leave)


async def test_the_answers_go_on_after_the_server_was_killed(
    gateway: Gateway, running: tuple[Path, StackAddresses]
) -> None:
    before = child(running[0], "nats")
    os.kill(before.pid or 0, signal.SIGKILL)
    await asyncio.to_thread(until, lambda: child(running[0], "nats").pid not in {None, before.pid})
    await asyncio.to_thread(until, lambda: child(running[0], "nats").state == "ready")
    async with asyncio.timeout(60):
        while ("elsewhere.again", "") not in gateway.heard:  # once it is: the subscriptions are there again
            if gateway.client.is_connected:
                await gateway.client.publish("elsewhere.again")
            await asyncio.sleep(0.05)
    device = Device(gateway, "A")
    assert await asyncio.to_thread(device.connect)
    await asyncio.to_thread(device.leave)


def _connect_packet(name: str) -> bytes:
    """MQTT 3.1.1 CONNECT, clean session, with name and password."""

    def text(value: str) -> bytes:
        return len(value).to_bytes(2, "big") + value.encode()

    body = text("MQTT") + bytes([4, 0b1100_0010, 0, 60]) + text(name) + text(name) + text(f"secret of {name}")
    assert len(body) < 128
    return bytes([0x10, len(body)]) + body


async def _connack(gateway: Gateway, name: str) -> int:
    where = urllib.parse.urlsplit(str(gateway.addresses.mqtt_url))
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        writer.write(_connect_packet(name))
        return (await asyncio.wait_for(reader.readexactly(4), 20))[3]
    finally:
        writer.close()
        await writer.wait_closed()


async def test_two_hundred_devices_come_in_at_the_same_moment(gateway: Gateway) -> None:
    names = [f"d{number}" for number in range(200)]
    gateway.stored |= {name: hash_password(f"secret of {name}") for name in names[:-1]}
    outcomes = await asyncio.gather(*(_connack(gateway, name) for name in names))
    assert outcomes == [0] * 199 + [REFUSED]


@pytest.mark.debian
async def test_mosquittos_own_client_is_let_in_and_refused_alike(gateway: Gateway) -> None:
    where = urllib.parse.urlsplit(str(gateway.addresses.mqtt_url))

    def publish(name: str, password: str) -> subprocess.CompletedProcess[str]:
        server = ["mosquitto_pub", "-h", str(where.hostname), "-p", str(where.port), "-u", name, "-P", password]
        said = ["-t", "devices/A/telemetry", "-m", "from mosquitto", "-q", "1"]
        return subprocess.run([*server, *said], capture_output=True, text=True, timeout=20, check=False)

    assert (await asyncio.to_thread(publish, "A", "secret of A")).returncode == 0
    await asyncio.to_thread(until, lambda: ("devices.A.telemetry", "from mosquitto") in gateway.heard)
    refused = await asyncio.to_thread(publish, "A", "wrong")
    assert refused.returncode == REFUSED
    assert "not authorised" in refused.stderr


async def test_the_gateways_own_client_needs_nobodys_answer(gateway: Gateway) -> None:
    await gateway.close()
    own = Device(gateway, "gateway", client_id="kizashi-ingress", password=str(gateway.addresses.mqtt_password))
    assert await asyncio.to_thread(own.connect)
    assert await asyncio.to_thread(own.subscribe, "devices/#")
    await asyncio.to_thread(own.leave)
