"""Receipts a second: an app has its push; its message and contact are moved on, and the timeline says so."""

from __future__ import annotations

import asyncio
import resource
import tempfile
import time
from pathlib import Path

import httpx
from fastapi import FastAPI
from sqlalchemy import Engine, event, text

from gateway.api import hooks
from gateway.delivery.links import Links
from gateway.settings import Settings as GatewaySettings
from tests.benchmarks.figures import Figure, Section
from tests.benchmarks.outbox import durable_postgres
from tests.benchmarks.settings import Settings

RECEIPTS = 3_000
AT_ONCE = 8
URL = "http://127.0.0.1:8080"

_CONTACTS = text("""
INSERT INTO contacts (id, decision_id, alert_id, rule_id, customer_id, state, step, request, context, due_at)
SELECT 'c' || n, 'd' || n, 'd' || n, 'r', 'customer' || n, 'active', 1,
       '{"escalate_after_ms": 900000, "purpose": "maintenance", "device_id": "chiller"}', '{}',
       now() + interval '15 min'
FROM generate_series(1, :count) AS n
""")
_MESSAGES = text("""
INSERT INTO messages (id, contact_id, decision_id, customer_id, channel, step, address, purpose, template, title, body,
                      state, due_at, first_sent_at, provider, provider_id)
SELECT 'm_' || md5(n::text), 'c' || n, 'd' || n, 'customer' || n, 'push', 0, 'token' || n, 'maintenance', 'alert',
       'Your chiller is too warm', 'The chiller chiller-' || n || ' has been above 8 °C for ten minutes.',
       'accepted', now(), now(), 'fcm', 'p' || n
FROM generate_series(1, :count) AS n
RETURNING id
""")
_OPEN = text("SELECT count(*) FROM contacts WHERE state <> 'acknowledged'")


def run(settings: Settings) -> list[Section]:
    """Acknowledge some thousand pushes, a few at a time."""
    with tempfile.TemporaryDirectory(prefix="kizashi-bench-") as folder, durable_postgres(Path(folder)) as fresh:
        found = [asyncio.run(_round(settings, fresh())) for _ in range(settings.runs)]
    rates, cpu, statements = zip(*found, strict=True)
    figures = [
        Figure("acknowledged pushes", "receipts/s", rates),
        Figure("CPU of the API's process and of its client", "ms/receipt", cpu),
        Figure("statements", "per receipt", statements[:1]),
    ]
    method = (
        f"{RECEIPTS:,} pushes that their provider has accepted, each of a customer of its own who would be escalated "
        f"to; {AT_ONCE} requests at a time to `POST /hooks/push/{{id}}`, in one process without a network, in a "
        "PostgreSQL that loses nothing (fsync)."
    )
    return [Section("receipts", method, figures)]


async def _round(settings: Settings, engine: Engine) -> tuple[float, float, float]:
    """Receipts a second, ms of CPU for each, statements for each."""
    with engine.begin() as connection:
        connection.execute(_CONTACTS, {"count": RECEIPTS})
        ids = list(connection.execute(_MESSAGES, {"count": RECEIPTS}).scalars())
    statements = 0

    def count(*_: object) -> None:
        nonlocal statements
        statements += 1

    event.listen(engine, "before_cursor_execute", count)
    signed = Links(URL, "a secret of the benchmark")
    door = FastAPI()
    door.include_router(hooks.router(engine, GatewaySettings(), signed))
    waiting = iter([signed.push_ack(each) for each in ids])

    async with httpx.AsyncClient(transport=httpx.ASGITransport(door)) as client:

        async def acknowledge() -> None:
            for url in waiting:
                (await client.post(url, json={"event": "opened"})).raise_for_status()

        begun, spent = time.monotonic(), _cpu()
        await asyncio.gather(*(acknowledge() for _ in range(AT_ONCE)))
        took, spent = time.monotonic() - begun, _cpu() - spent
    with engine.connect() as connection:
        left = connection.execute(_OPEN).scalar_one()
    engine.dispose()
    if left:
        raise RuntimeError(f"{left} of {RECEIPTS} contacts were not moved on")
    settings.say(f"{RECEIPTS / took:,.0f} receipts/s")
    return RECEIPTS / took, spent / RECEIPTS * 1e3, statements / RECEIPTS


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
