"""What is old enough goes, whatever is open stays, and no table is read through for it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import Connection, Engine, text

from gateway.retention import prune
from gateway.retention.plan import cutoffs
from gateway.settings import Retention
from gateway.storage import prunable
from gateway.storage.prunable import PRUNABLE
from tests.unit.gateway.retention import past
from tests.unit.gateway.retention.past import NOW, ago, count, ids


@pytest.fixture
def connection(engine: Engine) -> Connection:  # type: ignore[misc]
    with engine.connect() as made:
        past.customer(made)
        yield made


def pruned(connection: Connection, batch: int = 500, **retention: str) -> dict[str, int]:
    connection.commit()
    due = cutoffs(Retention(**retention), NOW)
    return prune.delete(connection, due, sleep=lambda _: None, batch=batch)


def test_a_chain_goes_whole_and_a_younger_one_stays_whole(connection: Connection) -> None:
    for name, days in (("old", 401), ("young", 399)):
        past.chain(connection, name, days)
        past.case(connection, name, days + 330)
    pruned(connection)
    for table, left in (
        ("decisions", "young"), ("alerts", "young"), ("interventions", "word-young"), ("contacts", "c-young"),
        ("messages", "m-young"), ("receipts", "m-young"), ("links", "t-young"), ("cases", "case-young"),
        ("case_comments", "said-young"),
    ):  # fmt: skip
        assert ids(connection, table) == {left}, table


def test_texts_and_addresses_go_before_the_message(connection: Connection) -> None:
    for name, days in (("old", 91), ("young", 89)):
        past.contact(connection, name, days)
        past.message(connection, name, days)
    assert pruned(connection)["message_texts"] == 1
    rows = connection.execute(text("SELECT id, title || body || address AS said, html, link FROM messages ORDER BY id"))
    assert [tuple(row) for row in rows] == [
        ("m-old", "", None, None),
        ("m-young", "WarmIt is warm+819012345678", "<p>", "http://x/c/1"),
    ]
    details = connection.execute(text("SELECT detail FROM receipts ORDER BY message_id")).scalars().all()
    assert details == [{}, {"To": "+819012345678"}]
    assert pruned(connection)["message_texts"] == 0


@pytest.mark.parametrize("state", ["held", "active"])
def test_an_open_contact_stays_with_its_decision_and_its_texts(connection: Connection, state: str) -> None:
    past.decision(connection, "old", 800)
    past.contact(connection, "old", 800, state)
    past.message(connection, "old", 800)
    assert not any(pruned(connection).values())
    assert "+819012345678" in past.dumped(connection)


@pytest.mark.parametrize(("state", "lease"), [("queued", None), ("sending", ago(800)), ("unknown", ago(800))])
def test_a_message_whose_fate_is_not_settled_stays(connection: Connection, state: str, lease: object) -> None:
    past.contact(connection, "old", 800)
    past.message(connection, "old", 800, state, lease_until=lease)
    assert not any(pruned(connection).values())


def test_a_message_that_is_unknown_for_good_goes(connection: Connection) -> None:
    past.contact(connection, "old", 800)
    past.message(connection, "old", 800, "unknown")
    pruned(connection)
    assert count(connection, "messages") == 0


def test_an_old_message_that_was_sent_again_lately_stays(connection: Connection) -> None:
    past.contact(connection, "old", 800)
    past.message(connection, "old", 800, "accepted", updated_at=ago(5))
    assert not any(pruned(connection).values())


def test_what_a_firing_alert_needs_stays(connection: Connection) -> None:
    past.decision(connection, "old", 800)
    past.alert(connection, "old", 800, firing=True)
    past.contact(connection, "old", 800)
    past.message(connection, "old", 800)
    past.case(connection, "old", 800)
    past.entry(connection, "said", 1200, decision_id="old")
    gone = pruned(connection, message_texts="never")
    assert not any(gone.values()), gone


def test_what_an_open_case_needs_stays(connection: Connection) -> None:
    past.decision(connection, "old", 800)
    past.alert(connection, "old", 800)
    past.case(connection, "old", 800, "open")
    past.entry(connection, "opened", 800, case_id="case-old")
    gone = pruned(connection)
    assert not any(gone.values()), gone


def test_an_alert_waits_for_its_decisions_however_wrong_the_devices_clock_was(connection: Connection) -> None:
    past.alert(connection, "of-1970", 20_000)
    past.decision(connection, "of-1970", 3, at=0)
    pruned(connection)
    assert ids(connection, "alerts") == {"of-1970"}


def test_a_contact_stays_for_as_long_as_its_rules_cooldown_counts_it(connection: Connection) -> None:
    past.contact(connection, "yearly", 410, cooldown_ms=500 * 86_400_000)
    past.contact(connection, "weekly", 410, cooldown_ms=7 * 86_400_000)
    pruned(connection)
    assert ids(connection, "contacts") == {"c-yearly"}


def test_what_shows_consent_is_kept_longer_than_the_rest_of_the_timeline(connection: Connection) -> None:
    for days in (731, 1096):
        past.entry(connection, f"note-{days}", days)
        past.entry(connection, f"offer-{days}", days, reason="no_consent", kind="suppression")
        past.entry(connection, f"consents_{days}", days)
        past.entry(connection, f"stop-{days}", days, reason="stop", kind="reply")
        past.entry(connection, f"left-{days}", days, reason="unsubscribed", kind="reply")
    past.entry(connection, "note-729", 729)
    gone = pruned(connection)
    assert (gone["timeline"], gone["consent_history"]) == (4, 3)
    assert ids(connection, "timeline") == {"note-729", "consents_731", "stop-731", "left-731"}


def test_small_tables_follow_their_settings(connection: Connection) -> None:
    for days in (1, 1000):
        at = ago(days)
        past.fault(connection, f"f{days}", days)
        past.put(
            connection, "digest_items", customer_id="aiko", decision_id=f"d{days}", alert_id="a", purpose="offers",
            summary="s", request={}, at=at, due_at=at,
        )  # fmt: skip
        past.put(
            connection, "offer_codes", code=f"C{days}", decision_id=f"d{days}", customer_id="aiko", rule_id="r",
            made_at=at,
        )  # fmt: skip
        past.put(
            connection, "bad_addresses", customer_id="aiko", channel="email", address=f"a{days}", reason="r", at=at
        )
        past.put(connection, "spending", day=at.date(), kind="channel", key="sms", used=3)
        past.put(connection, "spending", day=at.date(), kind="number", key="hash", used=3)
    past.put(connection, "spending", day=ago(4).date(), kind="channel", key="sms", used=3)
    past.put(connection, "spending", day=ago(4).date(), kind="prefix", key="+8190", used=3)
    gone = pruned(connection)
    assert gone == dict.fromkeys(gone, 0) | {
        "faults": 1, "digest_items": 1, "offer_codes": 1, "bad_addresses": 1, "spending": 1, "spending_by_number": 2,
    }  # fmt: skip


def test_many_rows_go_in_batches_with_a_pause_after_each(connection: Connection) -> None:
    for number in range(23):
        past.entry(connection, f"e{number}", 1000 + number // 4)
    past.entry(connection, "kept", 1000, case_id="case-old")
    past.case(connection, "old", 1000, "open")
    connection.commit()
    pauses: list[float] = []
    heard: list[int] = []
    due = [each for each in cutoffs(Retention(), NOW) if each.ended.kind == "timeline"]
    gone = prune.delete(connection, due, sleep=pauses.append, heard=lambda _kind, rows: heard.append(rows), batch=5)
    assert gone == {"timeline": 23}
    assert heard == [5, 5, 5, 5, 3]
    assert len(pauses) == 4
    assert min(pauses) >= prune.BREATH_S
    assert ids(connection, "timeline") == {"kept"}


def test_it_stops_between_two_batches_when_told(connection: Connection) -> None:
    for number in range(10):
        past.entry(connection, f"e{number}", 1000)
    connection.commit()
    asked = iter([False, True, True])
    due = [each for each in cutoffs(Retention(), NOW) if each.ended.kind == "timeline"]
    assert prune.delete(connection, due, sleep=lambda _: None, stopped=lambda: next(asked), batch=4) == {"timeline": 4}
    assert count(connection, "timeline") == 6


def test_a_row_that_somebody_holds_is_passed_over(connection: Connection, engine: Engine) -> None:
    past.entry(connection, "held", 1000)
    past.entry(connection, "free", 999)
    connection.commit()
    with engine.begin() as other:
        other.execute(text("SELECT id FROM timeline WHERE id = 'held' FOR UPDATE"))
        connection.execute(text("SET lock_timeout = '2s'"))
        assert pruned(connection)["timeline"] == 1
    assert ids(connection, "timeline") == {"held"}


def test_looking_counts_what_deleting_deletes(connection: Connection) -> None:
    for number in range(3):
        past.chain(connection, f"old{number}", 500 + number)
        past.case(connection, f"old{number}", 800)
        past.entry(connection, f"e{number}", 800)
    due = cutoffs(Retention(), NOW)
    seen = {each.cutoff.ended.kind: each.found for each in prune.look(connection, due)}
    assert seen["messages"].oldest is not None
    assert abs(seen["messages"].oldest - ago(502)) < timedelta(seconds=1)
    assert seen["faults"] == (0, None)
    gone = pruned(connection)
    # Alerts and cases wait for others to go first, which looking does not know.
    assert {kind: found.rows for kind, found in seen.items() if kind != "alerts"} == {
        kind: rows for kind, rows in gone.items() if kind != "alerts"
    }


@pytest.mark.parametrize("kind", sorted(set(PRUNABLE) - {"faults", "bad_addresses"}))
def test_no_table_that_grows_is_read_through(connection: Connection, kind: str) -> None:
    """With sequential scans forbidden PostgreSQL takes one only where there is no index."""
    connection.execute(text("SET LOCAL enable_seqscan = off"))
    plan = prunable.explained(connection, kind)
    assert not re.search(r"Seq Scan", plan), plan
    assert "Sort" not in plan or "Incremental" in plan, plan
