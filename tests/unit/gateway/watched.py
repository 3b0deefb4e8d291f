"""Watches of a folder, while they run and until they have done what a test waits for."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any


@contextlib.asynccontextmanager
async def running(watch: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """The watch while the context lasts; it must not end by itself."""
    task = asyncio.create_task(watch)
    try:
        yield
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(look: Callable[[], bool], within: float = 15.0) -> None:
    """Wait for ``look``, which may read the database."""
    end = asyncio.get_running_loop().time() + within
    while not await asyncio.to_thread(look):
        assert asyncio.get_running_loop().time() < end
        await asyncio.sleep(0.05)
