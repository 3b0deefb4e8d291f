"""From decisions to rows: decision, alert, contact policy, message and timeline, as the worker writes them."""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, event, func, select

from devices.event import DeviceChanged, DeviceFacts, Telemetry
from gateway.delivery import means
from gateway.embedded.stack import EmbeddedStack
from gateway.settings import Settings as GatewaySettings
from gateway.storage import consents, customers
from gateway.storage.database import connect, migrate
from gateway.storage.tables import messages
from gateway.worker.partition import Folded
from gateway.worker.writer import Writer
from rules.decision import Outcome, Position
from rules.engine import step
from tests.benchmarks.engine import with_rules
from tests.benchmarks.figures import Figure, Section
from tests.benchmarks.made_rules import START_MS
from tests.benchmarks.settings import Settings
from tests.ports import free_port

DEVICES = 300
CALM, HOT = 4.0, 12.0


def run(settings: Settings) -> list[Section]:
    """Let each of 300 devices get hot and cool down again, several times over."""
    with tempfile.TemporaryDirectory(prefix="kizashi-bench-") as made:
        Path(made).chmod(0o755)
        stack = EmbeddedStack(Path(made) / "data", f"127.0.0.1:{free_port()}", want_nats=False, want_postgres=True)
        try:
            url = stack.start().database_url
            assert url is not None
            engine = connect(url)
            migrate(engine)
            return [_measured(settings, engine)]
        finally:
            stack.stop()


def _measured(settings: Settings, engine: Engine) -> Section:
    configured = GatewaySettings(public_url="http://127.0.0.1:8080", sandbox=True)
    statements = 0

    def count(*_: object) -> None:
        nonlocal statements
        statements += 1

    with engine.begin() as connection:
        _bring_in(connection)
        follow = means.follow(means.load(connection, configured))
    folded = _outcomes(settings.runs + 1)
    decisions = sum(len(record.outcomes) for record in folded[-1])
    rates: list[float] = []
    cpu_ms: list[float] = []
    with engine.connect() as connection:
        writer = Writer(connection, follow, lambda: datetime.now(UTC))
        for number, records in enumerate(folded):
            if number == 1:  # the first round was the warm-up
                event.listen(engine, "before_cursor_execute", count)
            started, cpu = time.perf_counter(), time.process_time()
            writer.commit(records)
            seconds = time.perf_counter() - started
            if number:
                rates.append(decisions / seconds)
                cpu_ms.append((time.process_time() - cpu) / decisions * 1e3)
                settings.say(f"{rates[-1]:,.0f} decisions/s, {cpu_ms[-1]:.2f} ms of the worker's CPU each")
        writer.close()
        queued = connection.execute(select(func.count()).select_from(messages)).scalar_one()
    if queued < decisions // 2 * settings.runs:
        raise RuntimeError(f"only {queued} messages were queued: the policy refused")
    return Section(
        "decide",
        "The worker's writer on the embedded PostgreSQL: firing and resolved decisions in turn, each with its contact "
        "with the customer (policy, plan, rendered push, timeline). Nothing is sent in this one.",
        [
            Figure("written", "decisions/s", tuple(rates)),
            Figure("CPU of the worker", "ms/decision", tuple(cpu_ms)),
            Figure("statements", "per decision", (statements / decisions / settings.runs,)),
        ],
    )


def _bring_in(connection: Connection) -> None:
    for number in range(1, DEVICES + 1):
        owner = f"owner-{number}"
        customers.put(
            connection,
            customers.Customer(id=owner, name=owner, time_zone="Asia/Tokyo", addresses={"push": [f"token-{number}"]}),
        )
        consents.put(connection, owner, consents.Consents({"safety": {"push": True}}, "benchmark"))


def _outcomes(rounds: int) -> list[list[Folded]]:
    """What the engine makes of each round: for every device firing, then resolved, one record for each reading."""
    state = with_rules()
    names = [f"blast-{number:05d}" for number in range(1, DEVICES + 1)]
    seq, made = 10, []
    for number, name in enumerate(names, start=1):
        step(
            state, DeviceChanged(START_MS, DeviceFacts(name, "blast-1", owner=f"owner-{number}")), Position(seq, number)
        )
        step(state, _reading(name, START_MS + 1, CALM), Position(seq, number))
    for each in range(rounds):
        records = []
        for offset, temperature in ((2, HOT), (3, CALM)):
            for name in names:
                seq += 1
                outcomes: list[Outcome] = step(
                    state, _reading(name, START_MS + each * 10 + offset, temperature), Position(seq, 0)
                )
                records.append(Folded(0, seq, tuple(outcomes)))
        made.append(records)
    return made


def _reading(name: str, at: int, temperature: float) -> Telemetry:
    return Telemetry(name, at, at + 5, {"temperature": temperature, "vibration": 2.0})
