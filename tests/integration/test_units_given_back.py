"""What the provider certainly did not charge for is given back: once, to its own day, and never when in doubt."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from gateway.delivery import evidence, resending, settlement
from gateway.delivery import spending as budgets
from gateway.delivery.links import Links
from gateway.delivery.rendering import Means
from gateway.delivery.settlement import Asked, Rules, Sent, record_accepted, record_asked, record_sent
from gateway.storage import claims, messages, spending
from gateway.storage.database import connect
from notifiers.outcome import Accepted, CannotTell, NotSent, Outcome, Refused, Retry, Unknown
from notifiers.policy import Money, policy_settings
from notifiers.sms.segments import segments
from notifiers.sms.status import StatusUpdate
from notifiers.templates import Templates
from rules.decision import NotifyAction
from tests.integration.delivery_fixture import a_customer, a_decision, decide, execute, resolved, rows

SMS = NotifyAction("alert", ("sms",))
MONEY = Money(daily_budget={"sms": 1_000}, sms_per_number=500, sms_per_prefix=500)
RULES = Rules("one", 3, 0.0)
TODAY = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = TODAY.date()
NUMBER = "+819012345678"


def means_with(money: Money) -> Means:
    policy = policy_settings({"maintenance": "never"}, caps=(), money=money)
    return Means(Templates.load(None), policy, Links("http://127.0.0.1:9", "secret"))


def used(engine: Engine, day: date = DAY) -> tuple[int, int, int]:
    """Units of the channel, of the number and of its block, as whoever plans sees them."""
    with engine.connect() as connection:
        spent = spending.read(connection, day, ["sms"], [NUMBER])
    return spent.channels.get("sms", 0), spent.numbers.get(NUMBER, 0), spent.prefixes.get(NUMBER[:-3], 0)


def settled(engine: Engine, day: date = DAY) -> None:
    """What the next who takes does first."""
    with engine.begin() as connection:
        spending.wait_alone(connection)
        spending.settle(connection, day)


def queue(engine: Engine, name: str, at: datetime = TODAY, money: Money = MONEY) -> tuple[str, int]:
    """One SMS to ``hanako``: its id and what it costs."""
    decide(engine, means_with(money), a_decision(name, rule_id=name, notify=SMS), at=at)
    [(message_id, body)] = rows(
        engine, "SELECT m.id, body FROM messages m JOIN contacts c ON c.id = contact_id WHERE rule_id = :r", r=name
    )
    return message_id, segments(body).parts


def sent(engine: Engine, outcome: Outcome | None) -> None:
    """The one message that is due is tried, and comes to ``outcome``; ``None``: it had expired."""
    with engine.begin() as connection:
        [message] = claims.claim(
            connection, {"sms": 1}, owner="one", lease_s=30, at=datetime.now(UTC), providers={"sms": "twilio"}
        )
        if isinstance(outcome, Accepted):
            record_accepted(connection, [Sent(message, "twilio", outcome)], "one", TODAY)
        else:
            record_sent(connection, Sent(message, "twilio", outcome), RULES, TODAY, 0.5)


def asked(engine: Engine, answer: Accepted | NotSent | CannotTell) -> None:
    with engine.begin() as connection:
        [message] = claims.claim_doubtful(connection, ["sms"], limit=1, owner="one", lease_s=30)
        record_asked(connection, Asked(message, "twilio", answer), RULES, datetime.now(UTC) + timedelta(hours=1))


@pytest.mark.parametrize(
    ("outcome", "kept"),
    [
        (Refused("twilio 21211: invalid number", drop_address=True), False),
        (None, False),
        (Accepted("SM1"), True),
        (Unknown("twilio HTTP 503"), True),
        (Retry("twilio 20429: too many requests"), True),
    ],
)
def test_a_message_that_was_not_sent_costs_nothing(engine: Engine, outcome: Outcome | None, kept: bool) -> None:
    a_customer(engine)
    _, cost = queue(engine, "1")
    assert used(engine) == (cost,) * 3
    sent(engine, outcome)
    left = (cost if kept else 0,) * 3
    assert used(engine) == left
    settled(engine)
    assert used(engine) == left
    assert rows(engine, "SELECT DISTINCT used FROM spending") == [(left[0],)]


def test_a_message_that_is_withdrawn_before_it_left_costs_nothing(engine: Engine) -> None:
    a_customer(engine)
    firing = a_decision("1", rule_id="1", notify=SMS)
    decide(engine, means_with(MONEY), firing, at=TODAY)
    assert used(engine)[0] > 0
    decide(engine, means_with(MONEY), resolved(firing), at=TODAY)
    assert rows(engine, "SELECT state FROM messages") == [("withdrawn",)]
    assert used(engine) == (0, 0, 0)


def test_a_message_that_waited_too_long_costs_nothing(engine: Engine) -> None:
    a_customer(engine)
    queue(engine, "1")
    execute(engine, "UPDATE messages SET expires_at = now()")
    with engine.begin() as connection:
        assert len(settlement.expire_overdue(connection, 10, TODAY)) == 1
        assert settlement.expire_overdue(connection, 10, TODAY) == []
    assert used(engine) == (0, 0, 0)


def test_what_is_given_back_makes_room_for_another(engine: Engine) -> None:
    a_customer(engine)
    _, cost = queue(engine, "1")
    money = Money(daily_budget={"sms": cost})
    sent(engine, Refused("twilio 21211: invalid number"))
    queue(engine, "2", money=money)
    assert used(engine)[0] == cost
    assert rows(engine, "SELECT used FROM spending WHERE kind = 'channel'") == [(cost,)]


def test_units_go_back_to_the_day_on_which_they_were_taken(engine: Engine) -> None:
    a_customer(engine)
    late, tomorrow = TODAY.replace(hour=23, minute=59), TODAY + timedelta(days=1)
    _, cost = queue(engine, "1", at=late)
    sent(engine, Refused("twilio 21211: invalid number"))
    assert (used(engine), used(engine, tomorrow.date())) == ((0, 0, 0), (0, 0, 0))
    queue(engine, "2", at=tomorrow)
    assert (used(engine)[0], used(engine, tomorrow.date())[0]) == (0, cost)
    assert rows(engine, "SELECT day, used FROM spending WHERE kind = 'channel' ORDER BY day") == [
        (TODAY.date(), 0),
        (tomorrow.date(), cost),
    ]


def test_a_message_that_was_ever_in_doubt_is_paid_for(engine: Engine) -> None:
    a_customer(engine)
    _, cost = queue(engine, "1")
    sent(engine, Unknown("twilio HTTP 503"))
    asked(engine, NotSent())
    sent(engine, Refused("twilio 21211: invalid number"))
    assert rows(engine, "SELECT state FROM messages") == [("failed",)]
    assert used(engine)[0] == cost


def test_what_was_paid_for_an_earlier_try_stays_paid_when_a_person_sends_again_without_a_limit(engine: Engine) -> None:
    a_customer(engine)
    message_id, cost = queue(engine, "1")
    sent(engine, Accepted("SM1"))
    with engine.begin() as connection:
        update = StatusUpdate("failed", 20, "SM1", "undelivered", reason="twilio 30003")
        evidence.sms_status(connection, message_id, update, {}, TODAY)
        messages.requeue(connection, message_id, None)  # nothing is counted any more: the limits were taken out
    sent(engine, Refused("twilio 21211: invalid number"))
    assert used(engine)[0] == cost


def test_a_crash_before_the_commit_gives_nothing_back_and_the_repeat_gives_it_back_once(engine: Engine) -> None:
    a_customer(engine)
    _, cost = queue(engine, "1")
    with engine.begin() as connection:
        [message] = claims.claim(
            connection, {"sms": 1}, owner="one", lease_s=30, at=datetime.now(UTC), providers={"sms": "twilio"}
        )
    refused = Sent(message, "twilio", Refused("twilio 21211: invalid number"))
    with engine.connect() as connection:
        record_sent(connection, refused, RULES, TODAY, 0.5)
        connection.rollback()
    assert used(engine)[0] == cost
    for _ in range(3):
        with engine.begin() as connection:
            record_sent(connection, refused, RULES, TODAY, 0.5)
        settled(engine)
    assert used(engine) == (0, 0, 0)


def test_taking_never_waits_for_whoever_is_giving_back(engine: Engine) -> None:
    """They may be the same transaction: an escalation withdraws the earlier step's message and pays for the next."""
    a_customer(engine)
    message_id, cost = queue(engine, "1")
    _, another = queue(engine, "2")
    with engine.begin() as giving:
        giving.exec_driver_sql("SET LOCAL lock_timeout = '2s'")
        [contact_id] = [row[0] for row in rows(engine, "SELECT contact_id FROM messages WHERE id = :i", i=message_id)]
        messages.withdraw(giving, contact_id, "escalated")
        _, third = queue(engine, "3")
        assert used(engine)[0] == cost + another + third, "not committed yet"
    assert used(engine)[0] == another + third


def test_nor_for_whoever_is_at_what_was_given_back(engine: Engine) -> None:
    a_customer(engine)
    message_id, _ = queue(engine, "1")
    sent(engine, Refused("twilio 21211: invalid number"))
    with engine.connect() as connection:
        messages.advance(connection, message_id, "delivered", reason=None, provider_id=None)
        other = connect(engine.url.render_as_string(hide_password=False) + "?options=-c%20lock_timeout%3D2s")
        _, cost = queue(other, "2")
        other.dispose()
        connection.rollback()
    assert used(engine)[0] == cost


def test_what_was_refused_and_is_sent_again_by_a_person_costs_once(engine: Engine) -> None:
    a_customer(engine)
    message_id, cost = queue(engine, "1")
    sent(engine, Refused("twilio 30410: nobody knows"))
    with engine.begin() as connection:
        resending.resend(connection, message_id, by="ken", policy=means_with(MONEY).policy, now=TODAY)
    sent(engine, Accepted("SM1"))
    assert used(engine) == (cost,) * 3


def test_a_receipt_that_overtakes_the_record_of_a_refusal_counts(engine: Engine) -> None:
    a_customer(engine)
    message_id, cost = queue(engine, "1")
    with engine.begin() as connection:
        [message] = claims.claim(
            connection, {"sms": 1}, owner="one", lease_s=30, at=datetime.now(UTC), providers={"sms": "twilio"}
        )
        delivered = StatusUpdate("delivered", 31, "SM1", "delivered")
        assert evidence.sms_status(connection, message_id, delivered, {}, TODAY)
        record_sent(connection, Sent(message, "twilio", Refused("twilio 400")), RULES, TODAY, 0.5)
    assert rows(engine, "SELECT state FROM messages") == [("delivered",)]
    assert used(engine)[0] == cost


def test_evidence_that_it_was_sent_after_all_takes_the_units_again(engine: Engine) -> None:
    a_customer(engine)
    message_id, cost = queue(engine, "1")
    sent(engine, Refused("twilio 30410: nobody knows"))
    settled(engine)
    assert used(engine)[0] == 0
    with engine.begin() as connection:
        assert evidence.sms_status(connection, message_id, StatusUpdate("delivered", 31, "SM1", "delivered"), {}, TODAY)
    assert used(engine) == (cost,) * 3
    settled(engine)
    assert rows(engine, "SELECT DISTINCT used FROM spending") == [(cost,)]


class Paid(NamedTuple):
    """One line of the plain ledger: what one message took once."""

    message: str
    day: date
    units: int
    charged: bool


class Ledger:
    """What should be counted, by a plain list and the rule of what may have been charged."""

    def __init__(self) -> None:
        self.lines: list[Paid] = []
        self.doubted: set[str] = set()

    def take(self, message: str, day: date, units: int) -> None:
        self.doubted.discard(message)
        self.lines.append(Paid(message, day, units, True))

    def certain(self, message: str, *, charged: bool) -> None:
        """The newest line of the message: the provider had it, or certainly never did."""
        if message not in self.doubted or charged:
            at = max(index for index, line in enumerate(self.lines) if line.message == message)
            self.lines[at] = self.lines[at]._replace(charged=charged)

    def doubt(self, message: str) -> None:
        self.doubted.add(message)

    def of(self, day: date) -> int:
        return sum(line.units for line in self.lines if line.day == day and line.charged)


ACTIONS = ["queue", "refused", "accepted", "unknown", "retry", "expired", "killed", "withdraw", "overdue"]
ACTIONS += ["not_sent", "found", "receipt", "bounced", "resend", "settle", "midnight"]


class Play:
    """Plays actions against the database and the ledger alike."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.ledger, self.now, self.count = engine, Ledger(), TODAY, 0
        execute(engine, "TRUNCATE contacts, messages, spending, decisions, timeline, alerts CASCADE")

    def in_state(self, *states: str) -> list[str]:
        found = rows(
            self.engine, "SELECT id FROM messages WHERE state = ANY(:s) ORDER BY created_at, id", s=list(states)
        )
        return [message_id for (message_id,) in found]

    def act(self, action: str) -> None:
        if action == "midnight":
            self.now += timedelta(days=1)
        elif action == "settle":
            settled(self.engine, self.now.date())
        elif action == "queue":
            self.count += 1
            message_id, cost = queue(self.engine, f"r{self.count}", at=self.now)
            self.ledger.take(message_id, self.now.date(), cost)
        else:
            getattr(self, f"_{action}")()

    def _tried(self, outcome: Outcome | None) -> str | None:
        """The message that was tried, or ``None`` where there is none."""
        execute(self.engine, "UPDATE messages SET due_at = now() WHERE state = 'queued'")
        queued = rows(self.engine, "SELECT id FROM messages WHERE state = 'queued' LIMIT 1")
        if not queued:
            return None
        # One at a time: the others are not due yet.
        execute(self.engine, "UPDATE messages SET due_at = now() + interval '1 day' WHERE state = 'queued'")
        execute(self.engine, "UPDATE messages SET due_at = now(), forgiven = attempts WHERE id = :i", i=queued[0][0])
        sent(self.engine, outcome)
        return str(queued[0][0])

    def _refused(self) -> None:
        if tried := self._tried(Refused("twilio 21211: invalid number")):
            self.ledger.certain(tried, charged=False)

    def _expired(self) -> None:
        if tried := self._tried(None):
            self.ledger.certain(tried, charged=False)

    def _accepted(self) -> None:
        self._tried(Accepted(f"SM{self.count}"))

    def _retry(self) -> None:
        self._tried(Retry("twilio 20429: too many requests"))

    def _unknown(self) -> None:
        if tried := self._tried(Unknown("twilio HTTP 503")):
            self.ledger.doubt(tried)

    def _killed(self) -> None:
        """The sender dies between the request and the record."""
        with self.engine.begin() as connection:
            for message in claims.claim(
                connection, {"sms": 1}, owner="dead", lease_s=0, at=datetime.now(UTC), providers={"sms": "twilio"}
            ):
                self.ledger.doubt(message.id)

    def _withdraw(self) -> None:
        queued = self.in_state("queued")
        if queued:
            with self.engine.begin() as connection:
                message = messages.get(connection, queued[-1])
                assert message is not None
                withdrawn = messages.withdraw(connection, message.contact_id, "recovered")
            for each in withdrawn:
                self.ledger.certain(each.id, charged=False)

    def _overdue(self) -> None:
        for message_id in self.in_state("queued")[:1]:
            execute(self.engine, "UPDATE messages SET expires_at = now() WHERE id = :i", i=message_id)
        with self.engine.begin() as connection:
            for each in settlement.expire_overdue(connection, 10, self.now):
                self.ledger.certain(each.id, charged=False)

    def _doubtful(self, answer: Any) -> None:
        execute(self.engine, "UPDATE messages SET lease_until = now() WHERE state IN ('sending', 'unknown')")
        if self.in_state("sending", "unknown"):
            asked(self.engine, answer)

    def _not_sent(self) -> None:
        self._doubtful(NotSent())

    def _found(self) -> None:
        self._doubtful(Accepted(f"SM-found-{self.count}"))

    def _receipt(self) -> None:
        """A late receipt shows that one arrived, whatever we had thought."""
        for message_id in self.in_state("accepted", "failed", "expired", "withdrawn")[:1]:
            with self.engine.begin() as connection:
                update = StatusUpdate("delivered", 31, f"SM-{message_id}", "delivered")
                evidence.sms_status(connection, message_id, update, {}, self.now)
            self.ledger.certain(message_id, charged=True)

    def _bounced(self) -> None:
        """The provider took it, and could not deliver it."""
        for message_id in self.in_state("accepted")[:1]:
            with self.engine.begin() as connection:
                update = StatusUpdate("failed", 20, f"SM-{message_id}", "undelivered", reason="twilio 30003")
                evidence.sms_status(connection, message_id, update, {}, self.now)

    def _resend(self) -> None:
        for message_id in self.in_state("failed")[:1]:
            with self.engine.begin() as connection:
                message = messages.get(connection, message_id)
                assert message is not None
                assert messages.requeue(connection, message_id, None)
                assert budgets.take(connection, [message], MONEY, vital=False, now=self.now) is None
                budgets.charge(connection, [message], MONEY, self.now)
            self.ledger.take(message_id, self.now.date(), segments(message.body).parts)


@pytest.mark.timeout(300)
def test_the_sums_are_those_of_a_plain_ledger(engine: Engine) -> None:
    a_customer(engine)

    @settings(max_examples=40)
    @given(st.lists(st.sampled_from(ACTIONS), min_size=4, max_size=14))
    def agrees(actions: list[str]) -> None:
        play = Play(engine)
        for action in ["queue", *actions]:
            play.act(action)
            for day in {play.now.date(), TODAY.date()}:
                assert used(engine, day)[0] == play.ledger.of(day), action
        settled(engine, play.now.date())
        assert rows(engine, "SELECT 1 FROM charges WHERE charged <> counted") == []
        for day in {line.day for line in play.ledger.lines}:
            sums = dict(rows(engine, "SELECT kind, used FROM spending WHERE day = :d", d=day))
            assert set(sums.values()) == {play.ledger.of(day)}

    agrees()
