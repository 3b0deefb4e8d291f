"""The API as a server on a port."""

from __future__ import annotations

import asyncio
import socket

import httpx
import pytest
from fastapi import FastAPI

from gateway.api.run import PortTakenError, listening_socket, serve
from tests.api_fixture import app, engine, log

__all__ = ["app", "engine", "log"]


async def test_it_answers_until_it_is_told_to_stop(app: FastAPI) -> None:
    listening = listening_socket("127.0.0.1:0")
    port = listening.getsockname()[1]
    stop = asyncio.Event()
    serving = asyncio.create_task(serve(app, listening, stop))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
        assert (await client.get("/healthz")).json() == {"status": "alive"}
        assert (await client.get("/readyz")).json()["status"] == "ready"
    stop.set()
    await asyncio.wait_for(serving, 15)


async def test_a_body_over_the_limit_is_refused_before_it_is_sent(app: FastAPI) -> None:
    listening = listening_socket("127.0.0.1:0")
    stop = asyncio.Event()
    serving = asyncio.create_task(serve(app, listening, stop))
    reader, writer = await asyncio.open_connection(*listening.getsockname()[:2])
    writer.write(b"POST /hooks/x HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
    await writer.drain()
    status = await asyncio.wait_for(reader.readline(), 10)
    assert b" 413 " in status
    writer.close()
    stop.set()
    await asyncio.wait_for(serving, 15)


def test_a_taken_port_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            PortTakenError, match=rf"^http\.bind: can't listen on 127\.0\.0\.1:{port}: .*; stop what"
        ) as caught:
            listening_socket(f"127.0.0.1:{port}")
    assert "\n" not in str(caught.value)
