"""Who may change a message, and that what is known of it never goes backwards."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from gateway.storage import claims, messages, same_number
from gateway.storage.claims import Taken
from gateway.storage.messages import ENDED, RANK, Claimed
from gateway.storage.same_number import Others

MINE, THEIRS = "mine", "theirs"
_CONTACT = text("""
INSERT INTO contacts (id, decision_id, alert_id, rule_id, customer_id, state, request, context)
VALUES (:id, 'd', 'd', 'r', 'customer', 'active', '{}', '{}')
""")
_MESSAGE = text("""
INSERT INTO messages (id, contact_id, decision_id, customer_id, channel, step, address, purpose, template, title, body,
                      state, due_at)
VALUES (:id, :contact_id, 'd', 'customer', 'sms', 0, '+819012345678', 'maintenance', 'alert', '', 'words', 'queued',
        now())
""")


def queue(connection: Connection, *ids: str, **values: Any) -> None:
    """Messages that are due, each of a contact of its own, with ``values`` in place of the usual ones."""
    for message_id in ids:
        connection.execute(_CONTACT, {"id": f"c-{message_id}"})
        connection.execute(_MESSAGE, {"id": message_id, "contact_id": f"c-{message_id}"})
        change(connection, message_id, **values)


def change(connection: Connection, message_id: str, **values: Any) -> None:
    for name, value in values.items():
        if isinstance(value, timedelta):
            connection.execute(
                text(f"UPDATE messages SET {name} = now() + :v WHERE id = :id"), {"v": value, "id": message_id}
            )
        else:
            connection.execute(text(f"UPDATE messages SET {name} = :v WHERE id = :id"), {"v": value, "id": message_id})


def seen(connection: Connection, message_id: str, *columns: str) -> Any:
    row = connection.execute(
        text(f"SELECT {', '.join(columns)} FROM messages WHERE id = :id"), {"id": message_id}
    ).one()
    return row[0] if len(columns) == 1 else tuple(row)


def claim(connection: Connection, count: int = 10, owner: str = MINE) -> list[Claimed]:
    return claims.claim(
        connection, {"sms": count}, owner=owner, lease_s=30, at=datetime.now(UTC), providers={"sms": "twilio"}
    )


def doubtful(connection: Connection, owner: str = THEIRS) -> list[Claimed]:
    return claims.claim_doubtful(connection, ["sms"], limit=10, owner=owner, lease_s=30)


def test_what_is_not_due_yet_or_not_queued_is_not_claimed(connection: Connection) -> None:
    queue(connection, "due")
    queue(connection, "later", due_at=timedelta(seconds=5))
    queue(connection, "held", state="held")
    assert [each.id for each in claim(connection)] == ["due"]
    assert claim(connection) == []


def test_the_one_that_waits_longest_is_claimed_first(connection: Connection) -> None:
    queue(connection, "young")
    queue(connection, "old", due_at=timedelta(hours=-1))
    assert [each.id for each in claim(connection, 1)] == ["old"]


def test_a_claim_says_who_was_given_it_and_when_first(connection: Connection) -> None:
    queue(connection, "m", first_sent_at=timedelta(hours=-1), attempts=1, provider="twilio_2", reason="429")
    [message] = claim(connection)
    assert (message.provider, message.attempts, message.reason) == ("twilio", 2, None)
    assert message.first_sent_at is not None
    assert seen(connection, "m", "first_sent_at < now()", "state") == (True, "sending")


def test_what_was_not_tried_is_as_if_it_had_never_been_claimed(connection: Connection) -> None:
    queue(connection, "fresh", "theirs")
    queue(connection, "tried", attempts=1, first_sent_at=timedelta(hours=-1))
    claim(connection)
    change(connection, "theirs", lease_owner=THEIRS)
    before = seen(connection, "tried", "first_sent_at")
    given = claims.give_back(connection, ["fresh", "tried", "theirs"], owner=MINE)
    assert given == ["twilio", "twilio"]
    assert seen(connection, "fresh", "state", "attempts", "first_sent_at") == ("queued", 0, None)
    assert seen(connection, "tried", "state", "attempts", "first_sent_at") == ("queued", 1, before)
    assert seen(connection, "theirs", "state", "attempts") == ("sending", 1)
    assert claims.give_back(connection, ["fresh"], owner=MINE) == []


def test_only_whose_lease_has_ended_is_in_doubt(connection: Connection) -> None:
    queue(connection, "dead", "alive", "waiting", "for good")
    claim(connection)
    change(connection, "dead", lease_until=timedelta(0))
    change(connection, "waiting", state="unknown", lease_until=timedelta(seconds=5), reason="503")
    change(connection, "for good", state="unknown", lease_until=None, reason="503")
    assert [(each.id, each.reason) for each in doubtful(connection)] == [("dead", claims.SENDER_LOST)]
    change(connection, "waiting", lease_until=timedelta(0))
    assert [(each.id, each.reason) for each in doubtful(connection)] == [("waiting", "503")]


@pytest.mark.parametrize("state", ["queued", "unknown", "failed", "expired"])
def test_whoever_lost_the_lease_changes_nothing(connection: Connection, state: str) -> None:
    queue(connection, "m")
    claim(connection)
    change(connection, "m", lease_until=timedelta(0))
    doubtful(connection)
    assert not claims.release(connection, "m", state, owner=MINE, reason="late", due_in_s=0.0)
    assert claims.record_accepted(connection, [Taken("m", "twilio", "SM1")], owner=MINE) == set()
    assert seen(connection, "m", "state", "lease_owner", "provider_id") == ("unknown", THEIRS, None)
    assert claims.release(connection, "m", state, owner=THEIRS, reason="in time", due_in_s=0.0)
    assert seen(connection, "m", "state", "lease_owner", "reason") == (state, None, "in time")


def test_an_acceptance_that_comes_late_saves_a_second_send(connection: Connection) -> None:
    queue(connection, "m", attempts=1)
    assert claims.record_accepted(connection, [Taken("m", "twilio", "SM1")], owner=MINE) == {"m"}
    assert seen(connection, "m", "state", "provider_id") == ("accepted", "SM1")
    assert claim(connection) == []


def test_an_acceptance_that_a_receipt_overtook_leaves_the_state_and_fills_in_the_id(connection: Connection) -> None:
    queue(connection, "m")
    claim(connection)
    assert messages.advance(connection, "m", "delivered", reason=None, provider_id=None)
    assert claims.record_accepted(connection, [Taken("m", "twilio", "SM1")], owner=MINE) == set()
    assert seen(connection, "m", "state", "provider_id", "lease_owner") == ("delivered", "SM1", None)
    assert claims.record_accepted(connection, [Taken("m", "twilio", "SM2")], owner=MINE) == set()
    assert seen(connection, "m", "provider_id") == "SM1"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(RANK)), st.lists(st.sampled_from(sorted(RANK)), max_size=6))
def test_no_order_of_receipts_takes_a_message_backwards(connection: Connection, begun: str, told: list[str]) -> None:
    with connection.begin_nested() as trial:
        queue(connection, "m", state=begun)
        best = RANK[begun]
        for state in told:
            changed = messages.advance(connection, "m", state, reason=None, provider_id=None)
            assert changed == (RANK[state] > best)
            best = max(best, RANK[state])
            assert RANK[seen(connection, "m", "state")] == best
        trial.rollback()


@pytest.mark.parametrize("state", sorted(RANK))
def test_only_what_has_not_left_is_withdrawn_and_only_what_is_queued_expires(
    connection: Connection, state: str
) -> None:
    queue(connection, "withdrawn", "expired", state=state)
    change(connection, "expired", expires_at=timedelta(0))
    taken_back = messages.withdraw(connection, "c-withdrawn", "recovered")
    assert bool(taken_back) == (state in ("held", "queued"))
    gone = messages.expire(connection, 10)
    assert bool(gone) == (state == "queued")
    assert seen(connection, "withdrawn", "state") == ("withdrawn" if taken_back else state)
    assert seen(connection, "expired", "state") == ("expired" if gone else state)


@pytest.mark.parametrize("state", sorted(RANK))
def test_only_what_is_at_its_end_is_sent_again_and_then_it_begins_anew(connection: Connection, state: str) -> None:
    queue(connection, "m", state=state, attempts=8, provider="twilio_2", provider_id="SM1")
    change(connection, "m", first_sent_at=timedelta(hours=-1), reason="gone")
    again = messages.requeue(connection, "m", None)
    assert again == (state in ("failed", "unknown"))
    if again:
        found = seen(connection, "m", "state", "forgiven", "provider", "provider_id", "first_sent_at", "reason")
        assert found == ("queued", 8, None, None, None, None)


def test_what_is_still_to_be_settled_is_not_sent_again(connection: Connection) -> None:
    queue(connection, "m", state="unknown", lease_until=timedelta(seconds=5))
    assert not messages.requeue(connection, "m", None)


def test_the_others_to_a_number_are_those_that_the_provider_may_show(connection: Connection) -> None:
    queue(connection, "m")
    queue(connection, "known", state="accepted", provider_id="SM1")
    queue(connection, "elsewhere", state="accepted", provider_id="SM2", address="+819000000000")
    [message] = [each for each in claim(connection) if each.id == "m"]
    assert same_number.others_to(connection, message) == Others(frozenset({"SM1"}), going=False)
    queue(connection, "going")
    claim(connection)
    assert same_number.others_to(connection, message).going
    change(connection, "going", body="something else")
    assert not same_number.others_to(connection, message).going
    change(connection, "going", body="words", lease_until=timedelta(0))
    assert not same_number.others_to(connection, message).going, "its sender is dead"


def test_an_end_is_an_end() -> None:
    assert {state for state in RANK if RANK[state] == RANK["failed"]} == set(ENDED)
