"""The small server for probes."""

from __future__ import annotations

import asyncio

from gateway.ingress.probes import probes


async def get(port: int, path: str) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer.decode()


async def test_readiness_health_and_metrics_are_served() -> None:
    ready = False
    async with probes("127.0.0.1", 0, lambda: ready) as port:
        assert (await get(port, "/readyz")).startswith("HTTP/1.1 503 ")
        ready = True
        assert (await get(port, "/readyz")).startswith("HTTP/1.1 200 ")
        assert (await get(port, "/healthz")).endswith("ok\n")
        assert "kizashi_ingress_waiting_messages" in await get(port, "/metrics")
        assert (await get(port, "/secret")).startswith("HTTP/1.1 404 ")


async def test_nonsense_gets_no_answer_and_the_next_one_is_served() -> None:
    async with probes("127.0.0.1", 0, lambda: True) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\r\n\r\n")
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        assert (await get(port, "/healthz")).startswith("HTTP/1.1 200 ")
