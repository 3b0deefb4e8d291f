"""Messages a second through the outbox: claimed, sent, recorded, against providers that answer at once."""

from __future__ import annotations

import contextlib
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, text

from gateway.delivery.links import Links
from gateway.delivery.outbox import Outbox
from gateway.delivery.settlement import Rules
from gateway.settings import Settings as GatewaySettings
from gateway.storage.database import connect
from notifiers.outcome import Accepted, CannotTell, Outcome, Outgoing, Settlement
from tests.benchmarks.figures import Figure, Section
from tests.benchmarks.settings import Settings
from tests.ports import free_port
from tests.postgres_fixture import PostgresForTests

CHANNELS = ("push", "sms", "email")
MESSAGES = 12_000
LONGEST_S = 120.0
CONNECTIONS = 4
ANSWER_S = 0.1
"""How long a usual provider takes."""

_CONTACTS = text("""
INSERT INTO contacts (id, decision_id, alert_id, rule_id, customer_id, state, request, context)
SELECT 'c' || n, 'd' || n, 'd' || n, 'r', 'customer' || n, 'active', '{}', '{}' FROM generate_series(1, :count) AS n
""")
_MESSAGES = text("""
INSERT INTO messages (id, contact_id, decision_id, customer_id, channel, step, address, purpose, template, title, body,
                      state, due_at)
SELECT 'm_' || md5(n::text), 'c' || n, 'd' || n, 'customer' || n, (CAST(:channels AS text[]))[1 + n % 3], 0,
       'address' || n, 'maintenance', 'alert', 'Your chiller is too warm',
       'The chiller chiller-' || n || ' has been above 8 °C for ten minutes. Please look whether its door is closed.',
       'queued', now()
FROM generate_series(1, :count) AS n
""")
_LEFT = text("SELECT count(*) FROM messages WHERE state <> 'accepted'")
_DURABLE = ("fsync", "synchronous_commit", "full_page_writes")


class Prompt:
    """A provider that takes everything after ``seconds``."""

    def __init__(self, channel: str, seconds: float) -> None:
        self.channel = channel
        self.provider = f"prompt-{channel}"
        self._seconds = seconds

    def send(self, message: Outgoing) -> Outcome:
        """Take it."""
        if self._seconds:
            time.sleep(self._seconds)
        return Accepted(f"p-{message.message_id}")

    def settle(self, message: Outgoing, sent_after_ms: int) -> Settlement:
        """Never asked."""
        return CannotTell()


def run(settings: Settings) -> list[Section]:
    """Queue some thousand messages, and let one process send them."""
    with tempfile.TemporaryDirectory(prefix="kizashi-bench-") as folder, durable_postgres(Path(folder)) as fresh:
        at_once = [_said(settings, _sent(fresh(), MESSAGES, 0.0, None)) for _ in range(settings.runs)]
        usual = [_said(settings, _sent(fresh(), MESSAGES, ANSWER_S, 160)) for _ in range(settings.runs)]
    figures = [
        Figure("providers that answer at once, threads as shipped", "messages/s", tuple(at_once)),
        Figure(f"providers that take {ANSWER_S:g} s, 160 threads", "messages/s", tuple(usual)),
    ]
    method = (
        f"{MESSAGES:,} queued messages on three channels, each of a customer of its own; one process claims, sends and "
        "records them, with their timeline entries, in a PostgreSQL that loses nothing (fsync). From the first claim "
        "to the last record. The providers are functions: this is the outbox alone."
    )
    return [Section("outbox", method, figures)]


@contextlib.contextmanager
def durable_postgres(folder: Path) -> Iterator[Callable[[], Engine]]:
    """A server as durable as the shipped one; yields what makes a fresh database."""
    folder.chmod(0o755)
    server = PostgresForTests(folder, free_port())
    server.start()
    try:
        administrator = connect(server.url("postgres")).execution_options(isolation_level="AUTOCOMMIT")
        with administrator.connect() as connection:
            for name in _DURABLE:
                connection.execute(text(f"ALTER SYSTEM SET {name} = on"))
            connection.execute(text("SELECT pg_reload_conf()"))
        administrator.dispose()
        yield lambda: connect(server.url(server.fresh()), pool_size=CONNECTIONS)
    finally:
        server.stop()


def _sent(engine: Engine, count: int, seconds: float, threads: int | None) -> float:
    """Messages a second over ``count`` messages."""
    with engine.begin() as connection:
        connection.execute(_CONTACTS, {"count": count})
        connection.execute(_MESSAGES, {"count": count, "channels": list(CHANNELS)})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE messages"))
    delivery = GatewaySettings().delivery
    outbox = Outbox(
        engine,
        {channel: Prompt(channel, seconds) for channel in CHANNELS},
        Links("https://example.com", "a secret of the benchmark"),
        Rules("benchmark", delivery.max_attempts, delivery.settle_seconds),
        threads=threads or delivery.threads,
        lease_s=delivery.lease_seconds,
        clock=lambda: datetime.now(UTC),
        on_step_ended=lambda: None,
    )
    stop = threading.Event()
    running = threading.Thread(target=outbox.run, args=(stop,), name="outbox", daemon=True)
    begun = time.monotonic()
    running.start()
    try:
        _wait(engine, begun + LONGEST_S)
        return count / (time.monotonic() - begun)
    finally:
        stop.set()
        outbox.wake()
        running.join()
        outbox.close()
        engine.dispose()


def _wait(engine: Engine, end: float) -> None:
    while True:
        with engine.connect() as connection:
            left = connection.execute(_LEFT).scalar_one()
        if not left:
            return
        if time.monotonic() > end:
            raise RuntimeError(f"{left} messages are not recorded after {LONGEST_S:g} s")
        time.sleep(0.05)


def _said(settings: Settings, rate: float) -> float:
    settings.say(f"{rate:,.0f} messages/s")
    return rate
