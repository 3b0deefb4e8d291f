"""What a customer said, and since when that can be shown."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, text, update

from gateway.storage import consents, customers
from gateway.storage.consents import Consents
from gateway.storage.customers import Customer
from gateway.storage.tables import consents as table

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
SAID = {"offers": {"push": True, "sms": False}, "maintenance": {"push": True}}


@pytest.fixture
def since_2020(connection: Connection) -> Connection:
    """Somebody who said something in 2020."""
    customers.put(connection, Customer(id="c1"))
    consents.put(connection, "c1", Consents(SAID, "paper form"))
    connection.execute(update(table).values(at=LONG_AGO))
    return connection


def old(connection: Connection) -> set[tuple[str, str]]:
    """What still stands since 2020."""
    rows = connection.execute(text("SELECT purpose, channel FROM consents WHERE at < '2021-01-01'"))
    return {(row.purpose, row.channel) for row in rows}


def test_what_is_said_again_just_so_keeps_its_time(since_2020: Connection) -> None:
    consents.put(since_2020, "c1", Consents(SAID, "paper form"))
    assert old(since_2020) == {("offers", "push"), ("offers", "sms"), ("maintenance", "push")}
    assert consents.get(since_2020, "c1") == Consents(SAID, "paper form", LONG_AGO)


def test_only_what_changes_is_new(since_2020: Connection) -> None:
    now = {"offers": {"push": True, "sms": True}, "service": {"push": True}}
    consents.put(since_2020, "c1", Consents(now, "paper form"))
    assert consents.get(since_2020, "c1").granted == now
    assert old(since_2020) == {("offers", "push")}


def test_another_source_is_another_word(since_2020: Connection) -> None:
    consents.put(since_2020, "c1", Consents(SAID, "web form"))
    assert old(since_2020) == set()


def test_saying_nothing_takes_everything_back(since_2020: Connection) -> None:
    consents.put(since_2020, "c1", Consents())
    assert consents.get(since_2020, "c1") == Consents()
