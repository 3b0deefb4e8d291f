"""Whether the process lives, whether it can work, and its numbers."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from gateway.api import metrics
from gateway.api.context import Api, Here
from gateway.log import LogError
from gateway.storage import overview
from gateway.storage.tables import partitions

router = APIRouter(tags=["health"])

CHECK_SECONDS = 3.0


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process is alive and answers."""
    return {"status": "alive"}


@router.get("/readyz")
async def readyz(api: Here) -> JSONResponse:
    """200 when database and log can be reached, else 503; the body says which of them can't.

    Rules and templates that can't be used are told too, and do not count: those that held before still do.
    """
    database, log = await asyncio.gather(_database(api), _log(api))
    parts = {"database": database or "reachable", "log": log or "reachable"}
    ready = database is None and log is None
    if ready:
        parts |= await run_in_threadpool(_refused, api)
    content: dict[str, Any] = {"status": "ready" if ready else "not ready", **parts}
    return JSONResponse(content, 200 if ready else 503)


@router.get("/metrics", response_class=Response)
async def get_metrics(api: Here) -> Response:
    """All numbers, in the text format of Prometheus."""
    rejected = await _rejected(api)
    numbers = await run_in_threadpool(_overview, api)
    text = metrics.exposition(numbers, rejected, now_ms=api.now_ms())
    return Response(text, media_type=CONTENT_TYPE_LATEST)


def _overview(api: Api) -> overview.Overview:
    with api.engine.connect() as connection:
        return overview.read(connection)


async def _rejected(api: Api) -> int | None:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await api.log.rejected_count()
    except (LogError, TimeoutError):
        return None


async def _database(api: Api) -> str | None:
    def ask() -> None:
        with api.engine.connect() as connection:
            connection.execute(select(partitions.c.partition).limit(1)).all()

    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await run_in_threadpool(ask)
    except SQLAlchemyError as error:
        return f"not reachable ({type(error).__name__}); look at database.url and at PostgreSQL itself"
    except TimeoutError:
        return f"no answer within {CHECK_SECONDS:g} seconds"
    return None


def _refused(api: Api) -> dict[str, str]:
    """What can't be used of the folders that are followed."""
    with api.engine.connect() as connection:
        found = {"rules": overview.refused_rules(connection), "templates": overview.refused_templates(connection)}
    return {what: why for what, why in found.items() if why is not None}


async def _log(api: Api) -> str | None:
    if not api.log.reachable:
        return "not connected; look at log.url and at NATS itself"
    if await _rejected(api) is None:
        return f"JetStream gave no answer within {CHECK_SECONDS:g} seconds"
    return None
