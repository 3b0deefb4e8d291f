"""Who looks when: a claim that took all that was due is not repeated for each message that leaves."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, event

from gateway.delivery import outbox as module
from gateway.delivery.links import Links
from gateway.delivery.listen import listen
from gateway.delivery.outbox import Outbox
from gateway.delivery.settlement import Rules
from gateway.storage import wake
from notifiers.outcome import Accepted, CannotTell, Outcome, Outgoing, Settlement
from tests.integration.delivery_fixture import eventually, execute, rows

pytestmark = pytest.mark.stack

QUEUE = """
WITH made AS (
    INSERT INTO contacts (id, decision_id, alert_id, rule_id, customer_id, state, request, context)
    SELECT 'c' || n, 'd' || n, 'a' || n, 'r', 'somebody', 'active', '{"escalate_after_ms": null}', '{}'
    FROM generate_series(1, :count) AS n RETURNING id
)
INSERT INTO messages (id, contact_id, decision_id, customer_id, channel, step, address, purpose, template, title, body,
                      state, due_at)
SELECT 'm' || n, 'c' || n, 'd' || n, 'somebody', 'push', 0, 't' || n, 'safety', 'alert', 't', 'b', 'queued', now()
FROM generate_series(1, :count) AS n
"""


class Prompt:
    """Accepts all at once, as soon as it may."""

    channel = "push"
    provider = "prompt"

    def __init__(self) -> None:
        self.may = threading.Event()
        self.may.set()

    def send(self, message: Outgoing) -> Outcome:
        assert self.may.wait(60)
        return Accepted(f"p-{message.message_id}")

    def settle(self, message: Outgoing, sent_after_ms: int) -> Settlement:
        return CannotTell()


@contextmanager
def sending(engine: Engine, threads: int, provider: Prompt) -> Iterator[Outbox]:
    outbox = Outbox(
        engine, {"push": provider}, Links("http://127.0.0.1:9", "secret"), Rules("one", 8, 30.0),
        threads=threads, lease_s=30.0, clock=lambda: datetime.now(UTC), on_step_ended=lambda: None,
    )  # fmt: skip
    stop = threading.Event()
    running = threading.Thread(target=outbox.run, args=(stop,))
    running.start()
    try:
        yield outbox
    finally:
        stop.set()
        outbox.wake()
        running.join()
        outbox.drain(5.0)
        outbox.close()


def left(engine: Engine) -> int:
    count: int = rows(engine, "SELECT count(*) FROM messages WHERE state <> 'accepted'")[0][0]
    return count


def test_what_one_claim_took_whole_is_not_looked_for_again(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    claims: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "lane.free FOR UPDATE" in statement:
            claims.append(statement)

    monkeypatch.setattr(module, "POLL_S", 60.0)  # nobody comes back to it by chance
    execute(engine, QUEUE, count=6)
    event.listen(engine, "before_cursor_execute", note)
    provider = Prompt()
    provider.may.clear()
    with sending(engine, 8, provider) as outbox:
        # None leaves while the claim is still being made: that one would have to be looked after.
        eventually(lambda: claims and not outbox._more)
        provider.may.set()
        eventually(lambda: left(engine) == 0 and not outbox.under_way)
    assert len(claims) == 1


def test_where_more_is_due_than_there_are_threads_each_that_is_free_takes_more(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "POLL_S", 60.0)  # nobody comes back to it by chance
    execute(engine, QUEUE, count=50)
    with sending(engine, 2, Prompt()):
        eventually(lambda: left(engine) == 0)


def test_a_listener_is_told_what_the_wake_up_is_about(engine: Engine) -> None:
    heard: list[str] = []
    stop = threading.Event()
    listening = threading.Thread(target=listen, args=(engine, heard.append, stop))
    listening.start()
    try:
        eventually(lambda: heard == [""])  # it listens
        with engine.begin() as connection:
            wake.notify(connection, wake.OUTBOX, wake.QUEUED)
        eventually(lambda: heard == ["", wake.QUEUED])
        with engine.begin() as connection:
            wake.notify(connection, wake.OUTBOX)
        eventually(lambda: heard == ["", wake.QUEUED, ""])
    finally:
        stop.set()
        listening.join()
