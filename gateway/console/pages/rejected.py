"""What came in and could not be used, and why."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from markupsafe import Markup
from nicegui import ui
from starlette.requests import Request

from gateway.api.access import caller_of
from gateway.api.context import Log
from gateway.console.frame import Console, live, page
from gateway.console.markup import H, ago, chip, empty, joined, number, words
from gateway.log import LogError, RejectedRecord

SHOWN = 50
REFRESH_SECONDS = 2.0
LOG_SECONDS = 3.0


def register(console: Console) -> None:
    """Add the page."""

    @ui.page("/rejected")
    async def rejected(request: Request) -> None:
        async def render() -> Markup:
            return await _whole(console.api.log)

        first = await render()
        with page(console, caller_of(request), "rejected", "Rejected"):
            live(render, seconds=REFRESH_SECONDS, first=first)


async def _whole(log: Log) -> Markup:
    try:
        async with asyncio.timeout(LOG_SECONDS):
            count, records = await log.rejected_count(), await log.recent_rejected(SHOWN)
    except (LogError, TimeoutError):
        away = empty("The event log can't be reached", "It is tried again by itself.")
        return H('<div class="top"><h1>Rejected</h1></div><div class="card">{}</div>').format(away)
    top = H(
        '<div class="top"><h1>Rejected</h1><span class="grow"></span><span class="muted">{} in all</span></div>'
    ).format(number(count))
    return H('{}<div class="card">{}</div>').format(top, _list(records))


def _list(records: list[RejectedRecord]) -> Markup:
    if not records:
        return empty("Nothing was rejected", "Everything that came in could be read.")
    now = datetime.now(UTC)
    return joined(_row(record, now) for record in records)


def _row(record: RejectedRecord, now: datetime) -> Markup:
    at = datetime.fromtimestamp(record.at / 1000, UTC)
    return H(
        '<div class="refused"><div><time class="muted" datetime="{}">{}</time><div class="sources">{}</div></div>'
        '<div>{}</div><div class="said"><div>{}</div><div class="muted small">{}</div><pre>{}</pre></div></div>'
    ).format(
        at.isoformat(),
        ago(at, now),
        chip(record.source),
        chip(words(record.reason), "warning"),
        record.detail,
        record.topic,
        record.payload_preview,
    )
