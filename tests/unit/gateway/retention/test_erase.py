"""An erased customer leaves nothing, whatever was on its way; nobody else loses anything."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import OperationalError

from devices.event import DeviceChanged
from devices.partition import partition_of
from gateway.retention.erase import erase
from gateway.retention.export import LEFT_OUT, SECTIONS
from gateway.retention.plan import KEPT
from gateway.storage import claims, customers, decisions, erasures, messages, spending, timeline, turns
from gateway.storage.claims import Taken
from gateway.storage.customers import Customer
from gateway.storage.tables import metadata
from gateway.worker.partition import Folded
from gateway.worker.writer import Writer
from rules.decision import Decision, Intervention, Note
from tests.api_fixture import PARTITIONS, Calls, RememberingLog, app, call, log
from tests.unit.gateway.decided import CASE, NOTIFY, decided
from tests.unit.gateway.retention import past
from tests.unit.gateway.retention.past import count, dumped

__all__ = ["app", "call", "log"]

OURS, THEIRS = "901177553311", "802266448822"
WORD = Intervention("w1", past.ms(past.NOW), "acknowledge", "mika", "a1", "chiller-too-warm", "chiller-17", "aiko")


def seed(engine: Engine) -> None:
    with engine.begin() as connection:
        past.everything(connection, "canary-person", OURS)
        past.everything(connection, "kenji", THEIRS)


def everything(engine: Engine) -> str:
    with engine.connect() as connection:
        return dumped(connection)


def personal() -> set[str]:
    """Tables whose rows name a customer, or belong to a row that does."""
    found = {name for name, table in metadata.tables.items() if {"customer_id", "owner"} & set(table.columns.keys())}
    while True:
        below = {
            name
            for name, table in metadata.tables.items()
            if any(key.column.table.name in found | {"customers"} for key in table.foreign_keys)
        } - {"device_credentials"}
        if below <= found:
            return found
        found |= below


def test_every_table_that_can_speak_of_a_customer_is_exported() -> None:
    tables = {section.table.name for section in SECTIONS.values()} | set(LEFT_OUT)
    assert personal() <= tables


def test_the_seed_puts_a_row_into_each_of_them(engine: Engine) -> None:
    seed(engine)
    with engine.connect() as connection:
        assert {table for table in personal() if count(connection, table) < 2} == set()


def test_an_erased_customer_leaves_nothing_and_others_lose_nothing(engine: Engine) -> None:
    seed(engine)
    before = everything(engine)
    assert OURS in before
    others = sorted(line for line in before.splitlines() if THEIRS in line or "kenji" in line)
    hidden = _number_key(engine, f"+81{OURS}")
    assert hidden in before
    assert erase(engine, "canary-person") == 10
    after = everything(engine)
    for canary in (OURS, "canary-person", hidden):
        assert canary not in after, [line for line in after.splitlines() if canary in line]
    assert sorted(line for line in after.splitlines() if THEIRS in line or "kenji" in line) == others


def _number_key(engine: Engine, number: str) -> str:
    with engine.begin() as connection:
        keys = connection.execute(text("SELECT key FROM spending WHERE kind = 'number'")).scalars().all()
        assert spending.forget_numbers(connection, [number]) == 1
        left = connection.execute(text("SELECT key FROM spending WHERE kind = 'number'")).scalars().all()
        connection.rollback()
    (key,) = set(keys) - set(left)
    return str(key)


def test_what_is_left_of_them_is_a_hash_that_nobody_can_try_ids_on(engine: Engine) -> None:
    seed(engine)
    erase(engine, "canary-person")
    with engine.connect() as connection:
        assert count(connection, "erasures") == 1
        plain = connection.execute(text("SELECT digest = sha256('canary-person'::bytea) FROM erasures")).scalar_one()
    assert not plain
    assert "hash" in KEPT["erasures"]


def test_erasing_nobody_removes_nothing(engine: Engine) -> None:
    assert erase(engine, "nobody") == 0
    with engine.connect() as connection:
        assert count(connection, "erasures") == 0


def test_somebody_who_is_not_on_record_but_left_traces_can_be_erased(engine: Engine) -> None:
    with engine.begin() as connection:
        past.entry(connection, "e", 1, customer_id="ghost")
    assert erase(engine, "ghost") == 1


async def test_rules_are_told_that_the_device_has_no_owner(engine: Engine, call: Calls, log: RememberingLog) -> None:
    await call("PUT", "/v1/customers/aiko", json={"attributes": {"tier": OURS}, "locale": "ja"})
    await call("PUT", "/v1/devices/phone-1", json={"owner": "aiko"})
    assert (await call("DELETE", "/v1/customers/aiko")).status_code == 204
    await call("GET", "/v1/devices/phone-1")
    told = await _last_of(call, log)
    assert (told.facts.owner, told.facts.customer) == (None, None)


async def _last_of(call: Calls, log: RememberingLog) -> DeviceChanged:
    for _ in range(200):
        last = log.of(partition_of("phone-1", PARTITIONS))[-1]
        assert isinstance(last, DeviceChanged)
        if last.facts.owner is None:
            return last
        await asyncio.sleep(0.02)
    raise AssertionError("the rules were not told")


def test_what_a_worker_decides_from_old_events_names_nobody(engine: Engine) -> None:
    with engine.begin() as connection:
        customers.put(connection, Customer(id="aiko", name=OURS))
    erase(engine, "aiko")
    with engine.begin() as connection:
        kept = decisions.record(connection, decided(case=CASE, notify=NOTIFY))
        assert kept is not None
        assert kept.customer_id is None
        decisions.record_note(connection, Note("n1", 5, "status", "chiller-17", "aiko", "online", {}))
    assert "aiko" not in everything(engine)
    with engine.connect() as connection:
        assert [count(connection, name) for name in ("decisions", "alerts", "cases", "timeline")] == [1, 1, 1, 0]


def test_who_is_put_on_record_again_is_a_customer_like_any_other(engine: Engine) -> None:
    with engine.begin() as connection:
        customers.put(connection, Customer(id="aiko"))
    erase(engine, "aiko")
    with engine.begin() as connection:
        customers.put(connection, Customer(id="aiko"))
        assert count(connection, "erasures") == 0
        kept = decisions.record(connection, decided())
    assert kept is not None
    assert kept.customer_id == "aiko"


def test_what_another_transaction_was_writing_goes_too(engine: Engine) -> None:
    """A worker without a turn (its decision tells nobody) commits after the erasure has looked."""
    with engine.begin() as connection:
        customers.put(connection, Customer(id="aiko", name=OURS))
    with engine.connect() as worker:
        decisions.record(worker, decided())
        waited = threading.Event()

        def commit_at_last(_seconds: float) -> None:
            if not waited.is_set():
                with engine.connect() as other:
                    assert other.execute(text("SELECT count(*) FROM customers")).scalar_one() == 0
                worker.commit()
            waited.set()

        erase(engine, "aiko", sleep=commit_at_last)
    assert "aiko" not in everything(engine)


def test_what_a_transaction_was_writing_that_began_meanwhile_goes_too(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It began before the erasing one was committed, so it still saw a customer; and took its number later."""
    with engine.begin() as connection:
        customers.put(connection, Customer(id="aiko"))
    really, looks = erasures.erase, list[float]()
    with engine.connect() as worker:

        def and_meanwhile(connection: Any, customer_id: str) -> int:
            removed = really(connection, customer_id)
            if not looks:
                decisions.record_note(worker, Note("n1", 5, "status", "chiller-17", "aiko", OURS, {}))
            return removed

        def commit_at_last(_seconds: float) -> None:
            looks.append(_seconds)
            if len(looks) == 3:
                worker.commit()

        monkeypatch.setattr(erasures, "erase", and_meanwhile)
        erase(engine, "aiko", sleep=commit_at_last)
        worker.commit()
    assert "aiko" not in everything(engine)


def test_coming_back_while_the_rest_is_waited_for_is_not_undone(engine: Engine) -> None:
    with engine.begin() as connection:
        customers.put(connection, Customer(id="aiko"))

    def put_again(_seconds: float) -> None:
        with engine.begin() as connection:
            customers.put(connection, Customer(id="aiko", name="again"))

    erase(engine, "aiko", sleep=put_again)
    with engine.connect() as connection:
        found = customers.get(connection, "aiko")
    assert found is not None
    assert found.name == "again"


def test_it_waits_for_who_plans_a_contact_with_the_customer(engine: Engine) -> None:
    with engine.begin() as connection:
        customers.put(connection, Customer(id="aiko"))
    done: list[int] = []
    with engine.connect() as planner:
        turns.take(planner, ["aiko"])
        erasing = threading.Thread(target=lambda: done.append(erase(engine, "aiko", sleep=lambda _: None)))
        erasing.start()
        past.contact(planner, "new", 0, "active")
        past.message(planner, "new", 0, "queued")
        erasing.join(0.3)
        assert not done
        planner.commit()
    erasing.join(10)
    assert done
    assert "aiko" not in everything(engine)


@pytest.mark.parametrize("outcome", [WORD, decided("resolved", 5, case=CASE)], ids=["word", "end"])
def test_it_waits_for_a_worker_that_is_at_their_alerts_before_it_locks_anything(
    engine: Engine, outcome: Decision | Intervention
) -> None:
    """The worker locks an alert before its case and its contacts, erasing does not: each would wait for the other."""
    with engine.begin() as connection:
        customers.put(connection, Customer(id="aiko"))
        decisions.record(connection, decided(case=CASE))
    erasing = threading.Thread(target=erase, args=(engine, "aiko"), kwargs={"sleep": lambda _: None})
    waits_for: list[str] = []

    def while_it_is_written(*_: object) -> None:
        erasing.start()
        end = time.monotonic() + 10
        while not waits_for and time.monotonic() < end:
            with engine.connect() as looking:
                waits_for.extend(looking.execute(text("SELECT locktype FROM pg_locks WHERE NOT granted")).scalars())

    with engine.connect() as connection:
        writer = Writer(connection, while_it_is_written, lambda: past.NOW)
        writer.commit([Folded(0, 2, (outcome,))])
        writer.close()
    erasing.join(10)
    assert waits_for == ["advisory"]
    assert "aiko" not in everything(engine)


def test_a_send_that_ends_after_the_erasure_brings_nothing_back(engine: Engine) -> None:
    seed(engine)
    erase(engine, "canary-person")
    with engine.begin() as connection:
        changed = claims.record_accepted(connection, [Taken(f"m-{OURS}-1", "twilio", "SM9")], owner="me")
        assert not changed
        assert not claims.release(connection, f"m-{OURS}-1", "queued", owner="me", reason=None, due_in_s=0)
        assert not messages.advance(connection, f"m-{OURS}-1", "delivered", reason=None, provider_id="SM9")
    assert OURS not in everything(engine)


def test_a_deadlock_with_the_recorder_is_gone_through_again(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    seed(engine)
    really, tries = erasures.erase, []

    class DeadlockError(Exception):
        sqlstate = "40P01"

    def at_first_not(connection: Any, customer_id: str) -> int:
        tries.append(customer_id)
        if len(tries) == 1:
            raise OperationalError("DELETE", None, DeadlockError())
        return really(connection, customer_id)

    monkeypatch.setattr(erasures, "erase", at_first_not)
    assert erase(engine, "canary-person") > 0
    assert OURS not in everything(engine)


def test_many_records_and_an_erasure_at_once_end_well(engine: Engine) -> None:
    """Messages of one customer, locked in opposite orders by two threads: nobody hangs, nothing comes back."""
    with engine.begin() as connection:
        customers.put(connection, Customer(id="aiko", name=OURS))
        for number in range(60):
            past.contact(connection, f"{number:02}", 0, "active")
            past.message(connection, f"{number:02}", 0, "sending", lease_owner="me")
    ids = [f"m-{number:02}" for number in range(60)]

    def record() -> None:
        for name in reversed(ids):
            with engine.begin() as connection:
                for each in (name, ids[0]):
                    if claims.record_accepted(connection, [Taken(each, "twilio", "SM")], owner="me"):
                        timeline.add(connection, [timeline.Entry(each, "aiko", past.NOW, "message", OURS)])

    threads = [threading.Thread(target=record) for _ in range(2)]
    for thread in threads:
        thread.start()
    erase(engine, "aiko")
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert "aiko" not in everything(engine)


def test_sections_are_written_as_json(engine: Engine) -> None:
    """Every column of every exported table has a form that JSON knows."""
    seed(engine)
    with engine.connect() as connection:
        for section in SECTIONS.values():
            for row in connection.execute(select(section.table)).mappings():
                msgspec.json.encode(dict(row))
