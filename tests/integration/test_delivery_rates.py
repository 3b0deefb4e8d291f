"""A provider's rate holds for all processes together, and no process keeps any of it for itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import InternalError

from gateway.delivery import rate
from gateway.delivery.links import Links
from gateway.delivery.outbox import Outbox
from gateway.delivery.rate import Bucket
from gateway.delivery.recorder import Recorder
from gateway.delivery.settlement import Rules, Untried
from gateway.storage import claims
from gateway.storage.database import connect
from notifiers.outcome import Accepted, CannotTell, Outcome, Outgoing, Settlement
from tests.integration.delivery_fixture import (
    DeliverProcess,
    StandIns,
    delivery_settings,
    eventually,
    execute,
    rows,
    seconds_of_sending,
)

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]

QUEUE = """
WITH people AS (
    INSERT INTO contacts (id, decision_id, alert_id, rule_id, customer_id, state, request, context)
    SELECT 'c' || n, 'd' || n, 'd' || n, 'r', 'customer', 'active', '{}', '{}' FROM generate_series(1, :count) AS n
)
INSERT INTO messages (id, contact_id, decision_id, customer_id, channel, step, address, purpose, template, title, body,
                      state, due_at)
SELECT 'm' || n, 'c' || n, 'd' || n, 'customer', :channel, 0, '+8190123400' || n, 'maintenance', 'alert', '', 'words',
       'queued', now()
FROM generate_series(1, :count) AS n
"""


class Telling:
    """A provider that takes everything, and remembers when."""

    def __init__(self, channel: str = "sms", provider: str = "twilio") -> None:
        self.channel = channel
        self.provider = provider
        self.asked: list[float] = []

    def send(self, message: Outgoing) -> Outcome:
        self.asked.append(time.monotonic())
        return Accepted(f"p-{message.message_id}")

    def settle(self, message: Outgoing, sent_after_ms: int) -> Settlement:
        return CannotTell()


@contextmanager
def sending(
    engine: Engine, owner: str, provider: Telling, per_second: float | None, *others: Telling
) -> Iterator[None]:
    """One process's outbox; ``others`` have no rate."""
    outbox = Outbox(
        engine,
        {each.channel: each for each in (provider, *others)},
        Links("http://127.0.0.1:9", "secret"),
        Rules(owner, 8, 30.0),
        threads=4,
        lease_s=30.0,
        clock=lambda: datetime.now(UTC),
        on_step_ended=lambda: None,
        rates=None if per_second is None else {provider.channel: per_second},
    )
    stop = threading.Event()
    running = threading.Thread(target=outbox.run, args=(stop,))
    running.start()
    try:
        yield
    finally:
        stop.set()
        outbox.wake()
        running.join()
        outbox.drain(5.0)
        outbox.close()


def accepted(engine: Engine) -> int:
    count: int = rows(engine, "SELECT count(*) FROM messages WHERE state = 'accepted'")[0][0]
    return count


def test_several_outboxes_send_no_more_than_one_would(engine: Engine, database_url: str) -> None:
    execute(engine, QUEUE, count=40, channel="sms")
    provider = Telling()
    others = [connect(database_url) for _ in range(3)]
    begun = time.monotonic()
    with ExitStack() as several:
        for number, each in enumerate(others):
            several.enter_context(sending(each, f"process-{number}", provider, 10.0))
        eventually(lambda: accepted(engine) == 40)
    for each in others:
        each.dispose()
    assert len(provider.asked) == 40
    for number, at in enumerate(sorted(provider.asked), start=1):
        # A machine that stands still makes a request late; early none may be. Half a one is for the two clocks.
        assert number <= 10 + 10 * (at - begun) + 0.5, "ten at once, and ten a second"


def test_processes_share_it_too_and_one_that_is_killed_keeps_nothing(
    engine: Engine, stand_ins: StandIns, database_url: str, tmp_path: Path
) -> None:
    settings = delivery_settings(stand_ins, rate={"sms": 5.0}, lease_seconds=2)
    execute(engine, QUEUE, count=20, channel="sms")
    processes = []
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        processes.append(DeliverProcess(database_url, settings, folder))
        processes[-1].start()
    try:
        eventually(lambda: accepted(engine) >= 6, within=60)
        processes.pop().kill()
        eventually(lambda: accepted(engine) == 20, within=60)
    finally:
        for process in processes:
            process.terminate()
    assert seconds_of_sending(engine) >= 2.99, "five at once, and fifteen more at five a second"


def test_nobody_takes_the_same_token_twice(engine: Engine, database_url: str) -> None:
    bucket = Bucket(per_second=0.001, size=50.0)
    other = connect(database_url, pool_size=8)

    def take(_: int) -> int:
        with other.begin() as connection:
            grants = rate.look(connection, {"p": bucket})
            count = min(3, grants["p"].whole)
            rate.spend(connection, grants, {"p": count})
            return count

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take, range(60))) == 50
    other.dispose()


def test_what_a_transaction_took_and_did_not_commit_is_there_again(engine: Engine) -> None:
    bucket = Bucket(per_second=0.001, size=5.0)
    with engine.connect() as connection:
        rate.spend(connection, rate.look(connection, {"p": bucket}), {"p": 5})
        connection.rollback()
    with engine.begin() as connection:
        grants = rate.look(connection, {"p": bucket})
        assert grants["p"].whole == 5
        rate.spend(connection, grants, {"p": 5})
    with engine.begin() as connection:
        assert rate.look(connection, {"p": bucket})["p"].whole == 0
        rate.spend(connection, rate.look(connection, {"p": bucket}), {"p": -2})
    with engine.begin() as connection:
        assert rate.look(connection, {"p": bucket})["p"].whole == 2


def test_while_one_hangs_with_a_bucket_in_its_hands_other_channels_go_on(
    engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.storage.rates.IDLE", "60s")
    execute(engine, QUEUE, count=3, channel="sms")
    execute(engine, QUEUE.replace("'m' || n", "'e' || n").replace("'c' || n", "'f' || n"), count=3, channel="email")
    hanging = connect(database_url)
    with hanging.connect() as connection:
        rate.look(connection, {"twilio": Bucket.of(10.0)})
        with sending(engine, "one", Telling(), 10.0, Telling("email", "smtp")):
            well = "SELECT channel, count(*) FROM messages WHERE state = 'accepted' GROUP BY 1"
            eventually(lambda: rows(engine, well) == [("email", 3)])
            connection.rollback()
            eventually(lambda: accepted(engine) == 6)
    hanging.dispose()


def test_and_it_loses_the_bucket_in_the_end(engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.storage.rates.IDLE", "1s")
    execute(engine, QUEUE, count=3, channel="sms")
    hanging = connect(database_url)
    with hanging.connect() as connection:
        rate.look(connection, {"twilio": Bucket.of(10.0)})
        with sending(engine, "one", Telling(), 10.0):
            eventually(lambda: accepted(engine) == 3)
        with pytest.raises(InternalError, match="idle-in-transaction timeout"):
            connection.exec_driver_sql("SELECT 1")
    hanging.dispose()


def test_an_outbox_that_hung_goes_on(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    execute(engine, QUEUE, count=3, channel="sms")
    looked = rate.look_if_free
    hung: list[float] = []
    monkeypatch.setattr("gateway.storage.rates.IDLE", "300ms")

    def hang(connection: Connection, buckets: Mapping[str, Bucket]) -> dict[str, rate.Grant]:
        found = looked(connection, buckets)
        if not hung:
            hung.append(time.monotonic())
            time.sleep(1.0)
        return found

    monkeypatch.setattr(rate, "look_if_free", hang)
    with sending(engine, "one", Telling(), 10.0):
        eventually(lambda: accepted(engine) == 3)
    assert hung


def test_a_database_whose_clock_was_put_back_does_not_hold_up_the_provider(engine: Engine) -> None:
    bucket = Bucket(per_second=20.0, size=20.0)
    execute(engine, "INSERT INTO rates VALUES ('p', 0, now() + interval '1 hour')")

    def whole() -> int:
        with engine.begin() as connection:
            return rate.look(connection, {"p": bucket})["p"].whole

    assert whole() == 0
    eventually(lambda: whole() >= 2)


def test_what_was_claimed_and_not_tried_uses_up_nothing_of_the_rate(engine: Engine) -> None:
    execute(engine, QUEUE, count=3, channel="sms")
    bucket = Bucket(per_second=1e-9, size=5.0)
    with engine.begin() as connection:
        rate.spend(connection, rate.look(connection, {"twilio": bucket}), {"twilio": 5})
        claimed = claims.claim(
            connection, {"sms": 3}, owner="one", lease_s=30, at=datetime.now(UTC), providers={"sms": "twilio"}
        )
    recorder = Recorder(engine, Rules("one", 8, 30.0), lambda: datetime.now(UTC), lambda: None, {"twilio": bucket})
    try:
        for message in [*claimed, claimed[0]]:  # one is told twice: it is given back once
            recorder.put(Untried(message))
        eventually(lambda: recorder.waiting == 0)
    finally:
        recorder.close()
    with engine.begin() as connection:
        assert rate.look(connection, {"twilio": bucket})["twilio"].whole == 3


def test_a_recorder_that_hung_gives_back_all_the_same(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    execute(engine, QUEUE, count=1, channel="sms")
    bucket = Bucket(per_second=1e-9, size=5.0)
    with engine.begin() as connection:
        rate.spend(connection, rate.look(connection, {"twilio": bucket}), {"twilio": 5})
        (claimed,) = claims.claim(
            connection, {"sms": 1}, owner="one", lease_s=30, at=datetime.now(UTC), providers={"sms": "twilio"}
        )
    looked, hung = rate.look, list[float]()
    monkeypatch.setattr("gateway.storage.rates.IDLE", "300ms")

    def hang(connection: Connection, buckets: Mapping[str, Bucket]) -> dict[str, rate.Grant]:
        found = looked(connection, buckets)
        if not hung:
            hung.append(time.monotonic())
            time.sleep(1.0)
        return found

    monkeypatch.setattr(rate, "look", hang)
    recorder = Recorder(engine, Rules("one", 8, 30.0), lambda: datetime.now(UTC), lambda: None, {"twilio": bucket})
    try:
        recorder.put(Untried(claimed))
        eventually(lambda: recorder.waiting == 0)
    finally:
        recorder.close()
    assert rows(engine, "SELECT state FROM messages") == [("queued",)]
    with engine.begin() as connection:
        assert looked(connection, {"twilio": bucket})["twilio"].whole == 1


def test_where_no_rate_is_set_nothing_is_looked_at_or_written(engine: Engine) -> None:
    execute(engine, QUEUE, count=3, channel="sms")
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *asked: statements.append(asked[2]))
    with sending(engine, "one", Telling(), None):
        eventually(lambda: accepted(engine) == 3)
    assert statements
    assert not [statement for statement in statements if "rates" in statement or "advisory" in statement]
