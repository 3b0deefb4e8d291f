"""What the ingress says to a broker, byte for byte: acknowledgements, reconnections, back-pressure, good-bye."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from devices.event import Event, Telemetry
from gateway.ingress import mqtt
from gateway.ingress.broker import Broker
from gateway.ingress.core import Core
from gateway.ingress.mqtt import MqttIngress
from gateway.log import RejectedRecord
from tests.certificates import self_signed
from tests.integration.fake_broker import FakeBroker

TOPICS = ("devices/+/telemetry",)
PATIENCE = 20.0


class GatedLog:
    """Stores a batch only when the test lets it: by the device of the batch's first event."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.rejected: list[RejectedRecord] = []
        self.asked: list[str] = []
        self._gates: dict[str, asyncio.Event] = {}

    def gate(self, device: str) -> asyncio.Event:
        return self._gates.setdefault(device, asyncio.Event())

    async def append(self, partition: int, events: list[Event]) -> int:
        first = events[0]
        assert isinstance(first, Telemetry)
        self.asked.append(first.device_id)
        await self.gate(first.device_id).wait()
        self.events += events
        return len(self.events)

    async def reject(self, *records: RejectedRecord) -> None:
        self.rejected += records


@pytest.fixture
async def broker() -> AsyncIterator[FakeBroker]:
    fake = FakeBroker()
    await fake.start()
    yield fake
    await fake.stop()


async def nothing_to_rewind(_client_id: str) -> int:
    """The fake broker sends again by itself, as the protocol wants."""
    return 0


@asynccontextmanager
async def ingress(broker: Broker, log: GatedLog) -> AsyncIterator[MqttIngress]:
    running, stop = MqttIngress(Core(log, 1), broker, TOPICS, nothing_to_rewind), asyncio.Event()
    task = asyncio.create_task(running.run(stop))
    try:
        yield running
    finally:
        stop.set()
        await task


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  # the other side of a socket has no event to wait for
            await asyncio.sleep(0.005)


async def test_acknowledgements_follow_the_log_in_the_order_of_arrival(broker: FakeBroker) -> None:
    log = GatedLog()
    async with ingress(Broker(url=broker.url), log):
        visit = await broker.visits.get()
        for mid, device in ((9, "a"), (2, "b"), (5, "c")):
            visit.publish(mid, f"devices/{device}/telemetry", b'{"n": 1}')
            await until(lambda device=device: device in log.asked)  # type: ignore[misc]
        log.gate("c").set()
        log.gate("b").set()
        await until(lambda: len(log.events) == 2)
        assert visit.acknowledged == []
        log.gate("a").set()
        await until(lambda: len(visit.acknowledged) == 3)
        assert visit.acknowledged == [9, 2, 5]


async def test_no_stale_acknowledgement_crosses_a_reconnection(broker: FakeBroker) -> None:
    log = GatedLog()
    async with ingress(Broker(url=broker.url), log):
        old = await broker.visits.get()
        for mid in (1, 2, 3):
            old.publish(mid, "devices/old/telemetry", b'{"n": 1}')
        await until(lambda: "old" in log.asked)
        old.writer.close()
        new = await broker.visits.get()
        for mid in (1, 2, 3):  # the same ids, other messages
            new.publish(mid, "devices/new/telemetry", b'{"n": 2}')
        await until(lambda: "new" in log.asked)
        log.gate("old").set()
        await until(lambda: len(log.events) == 3)
        await asyncio.sleep(0.1)
        assert (old.acknowledged, new.acknowledged) == ([], [])
        log.gate("new").set()
        await until(lambda: len(new.acknowledged) == 3)
        assert new.acknowledged == [1, 2, 3]


async def test_a_message_sent_again_on_the_same_connection_is_stored_and_acknowledged_once(broker: FakeBroker) -> None:
    log = GatedLog()
    async with ingress(Broker(url=broker.url), log):
        visit = await broker.visits.get()
        visit.publish(1, "devices/a/telemetry", b'{"n": 1}')
        await until(lambda: "a" in log.asked)
        visit.publish(1, "devices/a/telemetry", b'{"n": 1}', dup=True)
        visit.publish(2, "devices/a/telemetry", b'{"n": 2}')
        log.gate("a").set()
        await until(lambda: len(visit.acknowledged) == 2)
        assert visit.acknowledged == [1, 2]
        assert [event.values["n"] for event in log.events if isinstance(event, Telemetry)] == [1, 2]


async def test_while_the_log_is_away_nothing_is_acknowledged_and_memory_is_bounded(
    broker: FakeBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt, "MOST_BYTES", 1 << 20)
    log = GatedLog()
    async with ingress(Broker(url=broker.url), log) as running:
        visit = await broker.visits.get()
        visit.publish(1, "devices/a/telemetry", b'{"n": 1}')
        await until(lambda: "a" in log.asked)
        filling = b'{"n": "' + b"x" * 50_000 + b'"}'
        for mid in range(2, 1002):  # 50 MB
            visit.publish(mid, "devices/a/telemetry", filling)
        await until(lambda: running.full)
        await asyncio.sleep(0.3)
        assert visit.acknowledged == []
        assert running.held_bytes < 8 << 20
        log.gate("a").set()
        await until(lambda: len(visit.acknowledged) == 1001)
        assert visit.acknowledged == list(range(1, 1002))


async def test_a_stop_stores_and_acknowledges_what_arrived_and_says_goodbye(broker: FakeBroker) -> None:
    log = GatedLog()
    log.gate("a").set()
    async with ingress(Broker(url=broker.url), log):
        visit = await broker.visits.get()
        for mid in range(1, 501):
            visit.publish(mid, "devices/a/telemetry", b'{"n": 1}')
        await until(lambda: bool(log.asked))
    await until(lambda: visit.said_goodbye)
    assert len(visit.acknowledged) == len(log.events)
    assert visit.acknowledged == list(range(1, len(log.events) + 1))


async def test_what_mqtt_does_not_allow_ends_the_connection_and_a_new_one_is_made(broker: FakeBroker) -> None:
    log = GatedLog()
    log.gate("a").set()
    async with ingress(Broker(url=broker.url), log):
        visit = await broker.visits.get()
        visit.writer.write(b"\x32\xff\xff\xff\xff\xff")
        again = await broker.visits.get()
        again.publish(1, "devices/a/telemetry", b'{"n": 1}')
        await until(lambda: again.acknowledged == [1])


async def test_a_broker_that_refuses_us_is_asked_again_until_it_accepts(broker: FakeBroker) -> None:
    broker.refuses = True
    async with ingress(Broker(url=broker.url, username="x", password="wrong"), GatedLog()) as running:
        await until(lambda: broker.refused == 2)
        assert not running.ready
        broker.refuses = False
        await broker.visits.get()
        await until(lambda: running.ready)


async def test_over_tls_every_byte_is_read_and_the_certificate_is_checked(tmp_path: Path) -> None:
    tls, ca_file = secured(tmp_path)
    fake, log = FakeBroker(), GatedLog()
    log.gate("a").set()
    await fake.start(tls)
    try:
        async with ingress(Broker(url=fake.url, ca_file=ca_file), log):
            visit = await fake.visits.get()
            for mid in range(1, 301):
                visit.publish(mid, "devices/a/telemetry", b'{"n": "' + b"x" * 3000 + b'"}')
            await until(lambda: len(visit.acknowledged) == 300)
        async with ingress(Broker(url=fake.url), log) as stranger:
            await asyncio.sleep(0.3)
            assert fake.visits.empty()
            assert not stranger.ready
    finally:
        await fake.stop()


def test_a_url_that_is_none_is_refused_with_an_example() -> None:
    with pytest.raises(ValueError, match=r"mqtt\.url must look like mqtt://host:1883"):
        Broker(url="localhost:1883")


def secured(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS context for localhost, and the file that a client trusts it by."""
    cert_file, key_file = self_signed(folder, "127.0.0.1")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert_file, key_file)
    return context, cert_file
