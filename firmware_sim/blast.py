"""A load generator for benchmarks: many events a second for as little CPU as Python allows.

``python -m firmware_sim.blast --broker mqtt://… --devices 10000 --rate 8000 --seconds 10 --qos 1 --connections 4``

All payloads have one length, so that a device's packet head is made once; a packet is four ready pieces joined. Sockets
are looked at once a tick instead of at each acknowledgement. A device always uses the same connection: its order holds.
``ts`` is the wall clock in ms and grows for each event of a device, if need be ahead of the clock (few devices, high
rate), since two events of one device at one time would be one event.
"""

from __future__ import annotations

import json
import math
import resource
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Annotated

import typer

from firmware_sim.wire.broker import Broker, BrokerError, Login, parse_broker
from firmware_sim.wire.packets import (
    CONNACK,
    CONNACK_BYTES,
    DISCONNECT,
    PUBACK_BYTES,
    ProtocolError,
    connect,
    count_pubacks,
    publish_head,
)

_LAST_IDENTIFIER = 65_535
_IDENTIFIERS = [number.to_bytes(2, "big") for number in range(_LAST_IDENTIFIER + 1)]
_VARIANTS = 64
_LAST_CALL_S = 5.0
_BUFFER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Load:
    """What to send. ``hot_every`` N: each Nth event of a connection is hot (0: none); all in real seconds."""

    devices: int
    rate: float
    seconds: float
    qos: int = 1
    connections: int = 4
    window: int = 2_000
    hot_every: int = 0
    tick: float = 0.005
    device_id: str = "blast-{n:05d}"


@dataclass(slots=True)
class Outcome:
    """What happened. ``acknowledged`` is 0 at QoS 0; CPU is this process's, without the making of tables."""

    sent: int = 0
    acknowledged: int = 0
    seconds: float = 0.0
    rate: float = 0.0
    """Events a second, acknowledged ones at QoS 1."""
    cpu_seconds: float = 0.0
    cpu_us_per_event: float = 0.0
    starved: float = field(default=0.0)
    """Share of the ticks on which a window was full: above a little, the broker is the limit."""


def tails(*, hot: bool) -> list[bytes]:
    """Ends of payloads, all of one length: 3 to 5 °C and 1 to 3 mm/s, hot ones 11 to 13 °C and 12 to 14 mm/s."""
    temperature, vibration = (12.0, 13.0) if hot else (4.0, 2.0)
    waves = [math.sin(2 * math.pi * n / _VARIANTS) for n in range(_VARIANTS)]
    return [f',"temperature":{temperature + w:5.2f},"vibration":{vibration - w:5.2f}}}'.encode() for w in waves]


class Lane:
    """One connection with its devices."""

    def __init__(self, sock: socket.socket, device_ids: list[str], load: Load) -> None:
        self._socket = sock
        self._load = load
        self._calm, self._hot = tails(hot=False), tails(hot=True)
        size = len(_ts_part(0)) + len(self._calm[0])
        self._heads = [publish_head(f"devices/{name}/telemetry", size, load.qos) for name in device_ids]
        self._unsent = b""
        self._unread = b""
        self._ts = 0
        self.sent = 0
        self.acknowledged = 0

    @property
    def room(self) -> int:
        """How many more events may be under way."""
        if self._unsent:
            return 0
        return self._load.window - (self.sent - self.acknowledged) if self._load.qos else self._load.window

    def read(self) -> None:
        """Count the acknowledgements that have arrived.

        Raises:
            ConnectionError: the broker closed.
            ProtocolError: it sent something else.
        """
        try:
            received = self._socket.recv(_BUFFER_BYTES)
        except BlockingIOError:
            return
        if not received:
            raise ConnectionResetError("the broker closed the connection")
        received = self._unread + received
        whole = len(received) - len(received) % PUBACK_BYTES
        self._unread = received[whole:]
        self.acknowledged += count_pubacks(received[:whole])

    def send(self, count: int, now_ms: int) -> None:
        """Send the next ``count`` events, as far as the socket takes them; the rest goes on the next call.

        Raises:
            ConnectionError: the broker is gone.
        """
        if count > 0:
            self._unsent += b"".join(self._packets(count, now_ms))
        if self._unsent:
            try:
                self._unsent = self._unsent[self._socket.send(self._unsent) :]
            except BlockingIOError:
                return

    def _packets(self, count: int, now_ms: int) -> Iterator[bytes]:
        heads, qos = self._heads, self._load.qos
        hot_every = self._load.hot_every or sys.maxsize
        left = count
        while left:
            # One time stamp for at most one event of each device.
            self._ts = max(now_ms, self._ts + 1)
            ts = _ts_part(self._ts)
            for number in range(self.sent, self.sent + min(left, len(heads))):
                yield heads[number % len(heads)]
                if qos:
                    yield _IDENTIFIERS[number % _LAST_IDENTIFIER + 1]
                yield ts
                yield (self._calm if (number + 1) % hot_every else self._hot)[number % _VARIANTS]
            sent = min(left, len(heads))
            self.sent += sent
            left -= sent

    def close(self) -> None:
        """Say goodbye."""
        self._socket.setblocking(True)
        self._socket.sendall(self._unsent + DISCONNECT)
        self._socket.close()


def open_lane(broker: Broker, login: Login, client_id: str) -> socket.socket:
    """A socket on which the broker has accepted us.

    Raises:
        OSError: no broker there.
        ProtocolError: it refused.
    """
    sock = socket.create_connection((broker.host, broker.port), timeout=5.0)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(connect(client_id, login))
    answer = b""
    while len(answer) < CONNACK_BYTES:
        received = sock.recv(CONNACK_BYTES - len(answer))
        if not received:
            sock.close()
            raise ProtocolError("the broker closed the connection at CONNECT: wrong user name or password?")
        answer += received
    if answer[0] != CONNACK or answer[3] != 0:
        sock.close()
        raise ProtocolError(f"the broker refused the connection: {answer.hex()}")
    sock.setblocking(False)
    return sock


def blast(broker: Broker, login: Login, load: Load) -> Outcome:
    """Send ``load`` and wait up to five seconds for the last acknowledgements.

    Raises:
        OSError: the broker is not there or went away.
        ProtocolError: it refused, or sent what a publisher can't expect.
    """
    label = f"blast-{time.time_ns():x}"
    names = [load.device_id.format(n=n) for n in range(1, load.devices + 1)]
    lanes = [
        Lane(open_lane(broker, login, f"{label}-{n}"), names[n :: load.connections], load)
        for n in range(load.connections)
    ]
    outcome = Outcome()
    cpu, started = _cpu_seconds(), time.monotonic()
    _pour(lanes, load, outcome, started)
    _wait_for_acknowledgements(lanes, load)
    outcome.seconds = time.monotonic() - started
    outcome.cpu_seconds = _cpu_seconds() - cpu
    outcome.sent = sum(lane.sent for lane in lanes)
    outcome.acknowledged = sum(lane.acknowledged for lane in lanes)
    outcome.rate = (outcome.acknowledged if load.qos else outcome.sent) / outcome.seconds
    outcome.cpu_us_per_event = outcome.cpu_seconds / max(1, outcome.sent) * 1e6
    for lane in lanes:
        lane.close()
    return outcome


def _pour(lanes: list[Lane], load: Load, outcome: Outcome, started: float) -> None:
    each = load.rate / len(lanes)
    ticks = full = 0
    while (elapsed := time.monotonic() - started) < load.seconds:
        now_ms = time.time_ns() // 1_000_000
        for lane in lanes:
            lane.read()
            due = int(each * elapsed) - lane.sent
            full += due > lane.room
            ticks += 1
            lane.send(min(due, lane.room), now_ms)
        time.sleep(max(0.0, load.tick - (time.monotonic() - started - elapsed)))
    outcome.starved = full / max(1, ticks)


def _wait_for_acknowledgements(lanes: list[Lane], load: Load) -> None:
    limit = time.monotonic() + _LAST_CALL_S
    while load.qos and time.monotonic() < limit and any(lane.acknowledged < lane.sent for lane in lanes):
        for lane in lanes:
            lane.send(0, 0)
            lane.read()
        time.sleep(load.tick)


def _ts_part(ts: int) -> bytes:
    return b'{"ts":%13d' % ts


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


app = typer.Typer(add_completion=False, context_settings={"help_option_names": ["-h", "--help"]})


@app.command()
def command(
    *,
    broker: Annotated[str, typer.Option(help="mqtt://host:port, without TLS.")] = "mqtt://127.0.0.1:1883",
    username: Annotated[str | None, typer.Option()] = None,
    password: Annotated[str | None, typer.Option(envvar="KIZASHI_SIM_PASSWORD")] = None,
    devices: Annotated[int, typer.Option(min=1)] = 10_000,
    rate: Annotated[float, typer.Option(min=1, help="Events a second, all connections together.")] = 8_000.0,
    seconds: Annotated[float, typer.Option(min=0.1)] = 10.0,
    qos: Annotated[int, typer.Option(min=0, max=1)] = 1,
    connections: Annotated[int, typer.Option(min=1, max=500)] = 4,
    window: Annotated[int, typer.Option(min=1, max=30_000, help="Unacknowledged events a connection.")] = 2_000,
    hot_every: Annotated[int, typer.Option(min=0, help="Each Nth event crosses the thresholds; 0: none.")] = 0,
    tick_ms: Annotated[float, typer.Option(min=0.1, help="How often to send and to look for answers.")] = 5.0,
    device_id: Annotated[str, typer.Option(help="{n} counts from 1.")] = "blast-{n:05d}",
) -> None:
    """Publish telemetry as fast as asked; prints counts, rate and CPU as JSON."""
    try:
        address = parse_broker(broker)
        if address.tls:
            raise BrokerError("no TLS here: use mqtt://")
        device_id.format(n=1)
    except (BrokerError, KeyError, IndexError, ValueError) as error:
        raise typer.BadParameter(str(error)) from error
    if connections > devices:
        raise typer.BadParameter("fewer devices than connections", param_hint="--connections")
    load = Load(devices, rate, seconds, qos, connections, window, hot_every, tick_ms / 1000, device_id)
    try:
        outcome = blast(address, Login(username, password), load)
    except (OSError, ProtocolError) as error:
        print(f"{broker}: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
    print(json.dumps({name: round(value, 4) for name, value in asdict(outcome).items()}))
    raise typer.Exit(1 if qos and outcome.acknowledged < outcome.sent else 0)


if __name__ == "__main__":
    app()
