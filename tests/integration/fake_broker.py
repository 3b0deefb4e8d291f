"""A broker that speaks just enough MQTT 3.1.1 to send what a test wants and to record what comes back."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field

CONNECT, PUBACK, SUBSCRIBE, PINGREQ, DISCONNECT = 1, 4, 8, 12, 14


@dataclass
class Visit:
    """One connection of the client."""

    writer: asyncio.StreamWriter
    acknowledged: list[int] = field(default_factory=list)
    """Message ids of the PUBACKs, in the order in which they came."""
    said_goodbye: bool = False

    def publish(self, mid: int, topic: str, payload: bytes, *, dup: bool = False) -> None:
        name = topic.encode()
        body = len(name).to_bytes(2) + name + (mid.to_bytes(2) if mid else b"") + payload
        head = 0x30 | (2 if mid else 0) | (8 if dup else 0)
        self.writer.write(bytes([head]) + _length(len(body)) + body)


class FakeBroker:
    """Listens on loopback; every subscribed connection is put into ``visits``."""

    def __init__(self) -> None:
        self.visits: asyncio.Queue[Visit] = asyncio.Queue()
        self.refuses = False
        """Answer CONNECT with «not authorized»."""
        self.refused = 0
        self.port = 0
        self._server: asyncio.Server | None = None
        self._tls = False

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        self._tls = tls is not None
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"{'mqtts' if self._tls else 'mqtt'}://localhost:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visit = Visit(writer)
        try:
            while True:
                head = (await reader.readexactly(1))[0] >> 4
                body = await reader.readexactly(await _read_length(reader))
                if head == CONNECT and self.refuses:
                    self.refused += 1
                    writer.write(b"\x20\x02\x00\x05")
                elif head == CONNECT:
                    writer.write(b"\x20\x02\x01\x00")
                elif head == SUBSCRIBE:
                    topics = body.count(b"devices/")
                    writer.write(b"\x90" + bytes([2 + topics]) + body[:2] + b"\x01" * topics)
                    self.visits.put_nowait(visit)
                elif head == PUBACK:
                    visit.acknowledged.append(int.from_bytes(body))
                elif head == PINGREQ:
                    writer.write(b"\xd0\x00")
                elif head == DISCONNECT:
                    visit.said_goodbye = True
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


def _length(length: int) -> bytes:
    encoded = bytearray()
    while True:
        length, low = divmod(length, 128)
        encoded.append(low | (128 if length else 0))
        if not length:
            return bytes(encoded)


async def _read_length(reader: asyncio.StreamReader) -> int:
    length = shift = 0
    while True:
        byte = (await reader.readexactly(1))[0]
        length |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return length
