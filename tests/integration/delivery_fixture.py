"""What the delivery tests stand on: stand-in providers in their own process, deliver processes, and decisions."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from gateway.delivery.contacts import contact, hold_back
from gateway.delivery.means import load as load_means
from gateway.delivery.rendering import Means
from gateway.delivery.run import Deliverer
from gateway.settings import Settings
from gateway.storage import alerts, consents, customers, decisions
from gateway.storage.consents import Consents
from gateway.storage.customers import Customer
from gateway.storage.database import connect
from rules.decision import Decision, Intervention, NotifyAction, Position, derived_id

ALL = {"push": True, "sms": True, "email": True}
AUTH_TOKEN = "sandbox-token"
ACCOUNT = "AC00000000000000000000000000000001"
AT_ALL_HOURS = {"offers": "", "maintenance": "", "service": ""}
"""No quiet hours: tests run at night too."""


class StandIns:
    """The sandbox process and its switches."""

    def __init__(self, process: subprocess.Popen[str], url: str, smtp_port: int) -> None:
        self._process = process
        self.url = url
        self.smtp_port = smtp_port
        self._http = httpx.Client(base_url=url, timeout=60, trust_env=False)

    def fault(self, provider: str, mode: str, **more: object) -> None:
        answer = self._http.post("/sandbox/faults", json={"provider": provider, "mode": mode, **more})
        assert answer.status_code == 200, answer.text

    def requests(self, **match: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._http.get("/sandbox/requests", params=match).json()
        return found

    def messages(self, **match: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._http.get("/sandbox/messages", params=match).json()
        return found

    def close(self) -> None:
        self._http.close()
        self._process.terminate()
        self._process.wait(30)


@pytest.fixture(scope="module")
def stand_in_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIns]:
    yield from start_stand_ins()


def start_stand_ins(*options: str) -> Iterator[StandIns]:
    arguments = [sys.executable, "-m", "notifiers.sandbox", "--twilio-auth-token", AUTH_TOKEN, *options]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        ready = json.loads(process.stdout.readline())
        stand_ins = StandIns(process, ready["url"], ready["smtp_port"])
        yield stand_ins
        stand_ins.close()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def stand_ins(stand_in_process: StandIns) -> StandIns:
    """The module's stand-ins, all well at the beginning of each test."""
    for provider in ("fcm", "twilio", "smtp"):
        stand_in_process.fault(provider, "ok")
    return stand_in_process


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = connect(database_url)
    yield engine
    engine.dispose()


def delivery_settings(stand_ins: StandIns, **delivery: object) -> Settings:
    return Settings.model_validate(
        {
            "public_url": "http://127.0.0.1:9",
            "fcm": {"project_id": "test", "base_url": stand_ins.url},
            "twilio": {
                "account_sid": ACCOUNT,
                "auth_token": AUTH_TOKEN,
                "from": "+15005550006",
                "base_url": stand_ins.url,
            },
            "smtp": {
                "host": "127.0.0.1",
                "port": stand_ins.smtp_port,
                "starttls": False,
                "from": "alerts@example.com",
            },
            "policy": {"quiet_hours": AT_ALL_HOURS},
            # A lease that ends while its holder still lives, on a machine that stood still, is a message sent twice.
            "delivery": {"threads": 6, "lease_seconds": 30, "settle_seconds": 0.3, **delivery},
        }
    )


@contextlib.contextmanager
def delivering(engine: Engine, settings: Settings, clock: Callable[[], datetime] | None = None) -> Iterator[Deliverer]:
    """A deliver role in this process."""
    deliverer = Deliverer(engine, settings, clock)
    deliverer.start()
    try:
        yield deliverer
    finally:
        deliverer.stop(3.0)


class DeliverProcess:
    """A deliver role in a process of its own, to be killed."""

    def __init__(self, database_url: str, settings: Settings, folder: Path) -> None:
        self._environment = as_environment(settings, database_url)
        self._folder = folder
        self._log = folder / "deliver.log"
        self._begins = 0
        """Where in the log the present process begins."""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._begins = log.tell()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gateway.delivery.run"],
                env=self._environment,
                cwd=self._folder,
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(30)

    def terminate(self) -> float:
        """SIGTERM; returns how many seconds it took to end, and checks that it ended well."""
        assert self._process is not None
        eventually(self._listens_to_signals, within=60)
        begun = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(30) == 0
        return time.monotonic() - begun

    def _listens_to_signals(self) -> bool:
        """Until then SIGTERM ends it as it ends any program: at once, and not with 0."""
        return b"deliver.started" in self._log.read_bytes()[self._begins :]


def as_environment(settings: Settings, database_url: str) -> dict[str, str]:
    """What a process of the gateway is started with."""
    named: dict[str, object] = {
        "PUBLIC_URL": settings.public_url,
        "FCM__PROJECT_ID": settings.fcm.project_id,
        "FCM__BASE_URL": settings.fcm.base_url,
        "TWILIO__ACCOUNT_SID": ACCOUNT,
        "TWILIO__AUTH_TOKEN": AUTH_TOKEN,
        "TWILIO__FROM": "+15005550006",
        "TWILIO__BASE_URL": settings.twilio.base_url,
        "SMTP__HOST": settings.smtp.host,
        "SMTP__PORT": settings.smtp.port,
        "SMTP__STARTTLS": "false",
        "SMTP__FROM": "alerts@example.com",
        "POLICY__QUIET_HOURS": json.dumps(AT_ALL_HOURS),
        "DELIVERY__THREADS": settings.delivery.threads,
        "DELIVERY__LEASE_SECONDS": settings.delivery.lease_seconds,
        "DELIVERY__SETTLE_SECONDS": settings.delivery.settle_seconds,
        "DELIVERY__MAX_ATTEMPTS": settings.delivery.max_attempts,
        "DELIVERY__RATE": json.dumps(settings.delivery.rate),
    }
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path.cwd()),
        "KIZASHI_DATABASE__URL": database_url,
        **{f"KIZASHI_{name}": str(value) for name, value in named.items()},
    }


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def a_customer(engine: Engine, customer_id: str = "hanako", **values: Any) -> None:
    """A customer with one address a channel who agrees to everything, unless ``values`` say otherwise."""
    granted = values.pop("granted", {"maintenance": ALL, "offers": ALL})
    addresses = {"push": [f"token-{customer_id}-silent"], "sms": "+819012345678", "email": f"{customer_id}@example.com"}
    customer = Customer(
        **{
            "id": customer_id,
            "name": "Hanako",
            "time_zone": "UTC",
            "addresses": addresses,
            "preferred_channels": ["push", "sms", "email"],
            **values,
        }
    )
    with engine.begin() as connection:
        customers.put(connection, customer)
        consents.put(connection, customer_id, Consents(granted, "test"))


def a_decision(name: str = "1", **values: Any) -> Decision:
    """A firing decision of ``hanako``'s chiller that asks for all three channels."""
    decision_id = values.pop("id", derived_id("d", name))
    return Decision(
        **{
            "id": decision_id,
            "rule_id": "too-warm",
            "rule_version": "v1",
            "subject": f"chiller-{name}",
            "at": now_ms(),
            "transition": "firing",
            "alert_id": decision_id,
            "severity": "major",
            "purpose": "maintenance",
            "position": Position(1, 0),
            "customer_id": "hanako",
            "store_id": None,
            "summary": f"chiller-{name}: temperature has been above 8 °C for 10 minutes",
            "values": {"temperature": 9.5},
            "explanation": {},
            "notify": NotifyAction("alert", ("push", "sms", "email")),
            **values,
        }
    )


def resolved(decision: Decision, **values: Any) -> Decision:
    """The end of ``decision``'s alert."""
    return a_decision(
        decision.subject.removeprefix("chiller-"),
        **{
            "id": derived_id("d", decision.id, "resolved"),
            "alert_id": decision.alert_id,
            "transition": "resolved",
            "customer_id": decision.customer_id,
            "rule_id": decision.rule_id,
            "purpose": decision.purpose,
            "notify": decision.notify,
            **values,
        },
    )


def means_of(engine: Engine, settings: Settings) -> Means:
    with engine.begin() as connection:
        return load_means(connection, settings)


def decide(engine: Engine, means: Means, *made: Decision, at: datetime | None = None) -> None:
    """What the worker does: the decision and what follows from it, in one transaction."""
    for decision in made:
        with engine.begin() as connection:
            if decisions.record(connection, decision):
                now = at or datetime.now(UTC)
                contact(connection, decision, means.templates, means.policy, now, means.links)


def heed(
    engine: Engine,
    first: Decision,
    action: Any,
    *,
    by: str = "mika",
    number: int = 1,
    until: int | None = None,
    at: datetime | None = None,
) -> bool:
    """What the worker does with a word on the alert that ``first`` fired; false where nothing follows from it.

    ``number`` tells words of one kind apart; ``until`` is ms.
    """
    now = at or datetime.now(UTC)
    word = Intervention(
        derived_id("i", first.id, action, number), int(now.timestamp() * 1000), action, by, first.id, first.rule_id,
        first.subject, first.customer_id, until,
    )  # fmt: skip
    with engine.begin() as connection:
        heeded = alerts.heed(connection, word)
        if heeded:
            hold_back(connection, word, now)
        return heeded


def rows(engine: Engine, query: str, **parameters: object) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query), parameters)]


def execute(engine: Engine, statement: str, **parameters: object) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement), parameters)


def seconds_of_sending(engine: Engine) -> float:
    """From the first SMS that left to the last one that a rate let go, by the clock that the rate goes by."""
    query = "SELECT extract(epoch FROM (SELECT at FROM rates WHERE name = 'twilio') - min(first_sent_at)) FROM messages"
    [(seconds,)] = rows(engine, query + " WHERE channel = 'sms'")
    return float(seconds)


def states(engine: Engine) -> dict[str, str]:
    """Channel to state; for tests with one message a channel."""
    return dict(rows(engine, "SELECT channel, state FROM messages"))


def time_is_up(engine: Engine) -> None:
    """Nobody has answered for as long as the rule allows."""
    execute(engine, "UPDATE contacts SET due_at = now() WHERE due_at IS NOT NULL")


def eventually(condition: Callable[[], object], within: float = 30.0) -> None:
    """Return once ``condition`` holds; fail with its last value where it does not ``within`` seconds."""
    end = time.monotonic() + within
    while not (last := condition()):
        assert time.monotonic() < end, f"still {last!r} after {within} s"
        time.sleep(0.03)
