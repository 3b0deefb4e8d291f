"""What a customer said, and since when that can be shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text, update

from gateway.delivery import reach
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


def refused(
    connection: Connection, stated: Consents, *, undated_is_new: bool = True, who: str = "c1"
) -> list[tuple[str, str]]:
    """What of ``stated`` does not hold once it was put."""
    consents.put(connection, who, stated, undated_is_new=undated_is_new)
    return consents.refused(stated, consents.get(connection, who))


TAKEN_BACK = {"offers": {"push": True, "sms": True, "email": True}, "maintenance": {"push": True}}
DAY = timedelta(days=1)


@pytest.fixture
def taken_back(connection: Connection) -> Connection:
    """Somebody who agreed to everything in 2020, and unsubscribed from offers by email on the day after."""
    customers.put(connection, Customer(id="c1"))
    consents.put(connection, "c1", Consents(TAKEN_BACK, "paper form", LONG_AGO))
    consents.withdraw(connection, "c1", purpose="offers", channel="email", source="unsubscribe link")
    connection.execute(update(table).where(table.c.source == "unsubscribe link").values(revoked_at=LONG_AGO + DAY))
    return connection


def test_a_statement_without_a_date_is_new_or_counts_for_nothing_against_their_own_no(taken_back: Connection) -> None:
    assert refused(taken_back, Consents(TAKEN_BACK, "crm"), undated_is_new=False) == [("offers", "email")]
    assert consents.get(taken_back, "c1").granted["offers"] == {"push": True, "sms": True, "email": False}
    assert refused(taken_back, Consents(TAKEN_BACK, "web form")) == []
    assert consents.get(taken_back, "c1").granted == TAKEN_BACK
    assert refused(taken_back, Consents(TAKEN_BACK, "crm"), undated_is_new=False) == []


def test_a_date_counts_where_it_is_later_than_their_own_no(taken_back: Connection) -> None:
    for at, left in ((LONG_AGO, [("offers", "email")]), (LONG_AGO + DAY, [("offers", "email")])):
        assert refused(taken_back, Consents(TAKEN_BACK, "crm", at)) == left
    assert refused(taken_back, Consents(TAKEN_BACK, "crm", LONG_AGO + 2 * DAY), undated_is_new=False) == []
    assert consents.get(taken_back, "c1") == Consents(TAKEN_BACK, "crm", LONG_AGO + 2 * DAY)


def test_a_list_that_leaves_their_own_no_out_or_repeats_it_keeps_the_proof_of_it(taken_back: Connection) -> None:
    for said in ({}, {"offers": {"email": False}}):
        assert refused(taken_back, Consents(said, "crm"), undated_is_new=False) == []
        proof = text("SELECT source FROM consents WHERE purpose = 'offers' AND channel = 'email'")
        assert taken_back.execute(proof).scalar_one() == "unsubscribe link"


def test_a_stop_counts_where_the_answer_was_no_before_and_start_ends_it(connection: Connection) -> None:
    customers.put(connection, Customer(id="c1"))
    consents.put(connection, "c1", Consents({"offers": {"sms": False}, "service": {"sms": True}}, "paper form"))
    crm = Consents({"offers": {"sms": True}, "service": {"sms": True}}, "crm")
    reach.opt_out(connection, "c1", "sms", source="SMS STOP (SM1)")
    assert refused(connection, crm, undated_is_new=False) == [("offers", "sms"), ("service", "sms")]
    assert reach.opt_in(connection, "c1", "sms", source="SMS START (SM2)") == ["maintenance", "safety", "service"]
    assert consents.get(connection, "c1").granted == {"offers": {"sms": False}, "service": {"sms": True}}
    assert refused(connection, crm, undated_is_new=False) == []
    assert consents.get(connection, "c1").granted == crm.granted


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("stop"), st.none()),
        st.tuples(st.just("put"), st.sampled_from([True, False])),
        st.tuples(st.just("import"), st.sampled_from([True, False])),
        st.tuples(st.just("dated"), st.sampled_from([True, False])),
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_STEPS)
def test_no_list_ever_lifts_their_own_no(connection: Connection, steps: list[tuple[str, bool | None]]) -> None:
    """Beside a plain model of one purpose and channel: what is agreed to, and whether they took it back themselves."""
    customers.put(connection, Customer(id="law"))
    connection.execute(table.delete().where(table.c.customer_id == "law"))
    granted, taken_back = False, False
    for kind, word in steps:
        if word is None:
            consents.withdraw(connection, "law", purpose="offers", channel="sms", source="unsubscribe link")
            granted, taken_back = False, True
            continue
        at = LONG_AGO if kind == "dated" else None
        stated = Consents({"offers": {"sms": word}}, kind, at)
        left = refused(connection, stated, undated_is_new=kind != "import", who="law")
        if kind == "put" or not taken_back:
            granted, taken_back = word, taken_back and not word
            assert left == []
        else:
            assert left == ([("offers", "sms")] if word else [])
        assert consents.get(connection, "law").granted.get("offers", {}).get("sms", False) == granted
