"""A message in doubt does not stay so for ever: it runs out of tries or out of date, and the next channel is used."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from gateway.delivery.settlement import Asked, Rules, record_asked
from gateway.settings import Settings
from gateway.storage import claims
from notifiers.outcome import CannotTell, NotSent, Settlement
from rules.decision import NotifyAction
from tests.integration.delivery_fixture import a_customer, a_decision, decide, execute, means_of, rows

MAX_ATTEMPTS = 3
IN_DOUBT = """
UPDATE messages SET state = 'unknown', reason = 'HTTP 503', provider = 'p', attempts = :attempts, forgiven = :forgiven,
       lease_until = now(), first_sent_at = now(), expires_at = :expires_at
"""


def settled(engine: Engine, channel: str, answer: Settlement, attempts: int, forgiven: int, left_s: float) -> None:
    """One message of ``channel``, then one by the inbox; the first is in doubt and its provider has answered."""
    settings = Settings.model_validate({"policy": {"quiet_hours": {"maintenance": ""}}})
    addresses = {"sms": "+819012345678", "webhook": "https://example.com/hook"}
    granted = {"maintenance": {"sms": True, "webhook": True, "inbox": True}}
    a_customer(engine, addresses=addresses, granted=granted)
    decide(engine, means_of(engine, settings), a_decision(notify=NotifyAction("alert", (channel, "inbox"))))
    now = datetime.now(UTC)
    execute(engine, IN_DOUBT, attempts=attempts, forgiven=forgiven, expires_at=now + timedelta(seconds=left_s))
    with engine.begin() as connection:
        [message] = claims.claim_doubtful(connection, [channel], limit=1, owner="one", lease_s=30)
        record_asked(connection, Asked(message, "p", answer), Rules("one", MAX_ATTEMPTS, 30.0), now)


NEXT_IS_DUE = "SELECT due_at <= now() FROM contacts"


@pytest.mark.parametrize(("channel", "answer"), [("sms", NotSent()), ("webhook", CannotTell())])
class TestInDoubt:
    def test_it_is_sent_again_while_it_has_tries_and_time(
        self, engine: Engine, channel: str, answer: Settlement
    ) -> None:
        settled(engine, channel, answer, MAX_ATTEMPTS - 1, 0, 60)
        assert rows(engine, "SELECT state, due_at <= now() FROM messages") == [("queued", True)]
        assert rows(engine, NEXT_IS_DUE) == [(False,)]

    def test_without_a_try_left_it_has_failed(self, engine: Engine, channel: str, answer: Settlement) -> None:
        settled(engine, channel, answer, MAX_ATTEMPTS, 0, 60)
        assert rows(engine, "SELECT state, reason FROM messages") == [("failed", "gave up after 3 tries: HTTP 503")]
        assert rows(engine, NEXT_IS_DUE) == [(True,)]

    def test_a_person_who_sends_it_again_gives_it_all_its_tries(
        self, engine: Engine, channel: str, answer: Settlement
    ) -> None:
        settled(engine, channel, answer, MAX_ATTEMPTS + 1, 2, 60)
        assert rows(engine, "SELECT state FROM messages") == [("queued",)]

    def test_out_of_date_it_is_not_queued_for_a_moment_either(
        self, engine: Engine, channel: str, answer: Settlement
    ) -> None:
        settled(engine, channel, answer, 1, 0, 0)
        assert rows(engine, "SELECT state FROM messages") == [("expired",)]
        assert rows(engine, NEXT_IS_DUE) == [(True,)]
