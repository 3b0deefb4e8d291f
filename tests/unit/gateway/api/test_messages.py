"""Messages that came to nothing: found, looked at, and sent again by a person."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine

from gateway.delivery.settlement import Rules, Sent, record_sent
from gateway.settings import Settings
from gateway.storage import claims, consents
from gateway.storage.consents import Consents
from notifiers.outcome import Outcome, Refused, Retry, Unknown
from rules.decision import NotifyAction
from tests.api_fixture import NOW, Calls
from tests.integration.delivery_fixture import ALL, a_customer, a_decision, decide, execute, means_of, resolved, rows

MOMENT = datetime.fromtimestamp(NOW / 1000, UTC)
QUIET_NEVER = Settings.model_validate({"policy": {"quiet_hours": {"maintenance": ""}}})
RULES = Rules("me", 8, 30.0)


def failed(engine: Engine, name: str = "1", channel: str = "push", outcome: Outcome | None = None) -> str:
    """A message that was sent once and came to ``outcome``; its id."""
    a_customer(engine)
    notify = NotifyAction("alert", (channel,))
    means = means_of(engine, QUIET_NEVER)
    decide(engine, means, a_decision(name, rule_id=f"r{name}", at=NOW, notify=notify), at=MOMENT)
    with engine.begin() as connection:
        [message] = claims.claim(connection, {channel: 5}, owner="me", lease_s=30, at=datetime.now(UTC))
        record_sent(connection, Sent(message, "fcm", outcome or Refused("fcm 400")), RULES, MOMENT, 0.5)
    return message.id


async def test_failed_messages_are_listed_with_what_they_came_to(call: Calls, engine: Engine) -> None:
    first, second = failed(engine), failed(engine, "2", "sms")
    execute(engine, "UPDATE messages SET state = 'accepted' WHERE id = :id", id=failed(engine, "3"))
    found = (await call("GET", "/v1/messages?state=failed", role="read")).json()["items"]
    assert [(item["id"], item["reason"]) for item in found] == [(second, "fcm 400"), (first, "fcm 400")]
    by_channel = (await call("GET", "/v1/messages?channel=sms&customer_id=hanako")).json()["items"]
    assert [item["id"] for item in by_channel] == [second]
    assert (await call("GET", "/v1/messages?customer_id=nobody")).json() == {"items": [], "next": None}
    page = (await call("GET", "/v1/messages?state=failed&limit=1")).json()
    rest = (await call("GET", f"/v1/messages?state=failed&limit=1&cursor={page['next']}")).json()
    assert [item["id"] for item in page["items"] + rest["items"]] == [second, first]
    assert rest["next"] is None
    assert (await call("GET", "/v1/messages?cursor=x")).status_code == 400
    assert (await call("GET", "/v1/messages?state=lost")).status_code == 422


async def test_a_message_tells_each_try_and_what_the_provider_said(call: Calls, engine: Engine) -> None:
    message_id = failed(engine, outcome=Retry("fcm 503"))
    told = (await call("GET", f"/v1/messages/{message_id}")).json()
    assert [(each["state"], each["attempt"], each["reason"]) for each in told["history"]] == [
        ("queued", 0, None),
        ("queued", 1, "fcm 503"),
    ]


async def test_a_person_sends_a_failed_message_again_with_all_its_tries(call: Calls, engine: Engine) -> None:
    message_id = failed(engine)
    answer = await call("POST", f"/v1/messages/{message_id}/resend", role="agent")
    assert answer.status_code == 200, answer.text
    assert (answer.json()["state"], answer.json()["id"]) == ("queued", message_id)
    assert answer.json()["history"][-1]["summary"] == "Push sent again by the agent"
    with engine.begin() as connection:
        [again] = claims.claim(connection, {"push": 5}, owner="me", lease_s=30, at=datetime.now(UTC))
        once = Rules("me", 1, 30.0)
        record_sent(connection, Sent(again, "fcm", Retry("fcm 503")), once, MOMENT, 0.5)
    assert (again.attempts, again.forgiven) == (2, 1)
    assert rows(engine, "SELECT state, reason FROM messages") == [("failed", "gave up after 1 tries: fcm 503")]
    assert (await call("POST", f"/v1/messages/{message_id}/resend")).status_code == 200
    said = rows(engine, "SELECT count(*) FROM timeline WHERE summary LIKE 'Push sent again%'")
    assert said == [(2,)]


async def test_only_what_is_at_an_end_is_sent_again_and_only_by_those_who_may(call: Calls, engine: Engine) -> None:
    message_id = failed(engine)
    assert (await call("POST", f"/v1/messages/{message_id}/resend", role="read")).status_code == 403
    assert (await call("POST", "/v1/messages/none/resend")).status_code == 404
    assert (await call("POST", f"/v1/messages/{message_id}/resend")).status_code == 200
    twice = await call("POST", f"/v1/messages/{message_id}/resend")
    assert (twice.status_code, "not at an end" in twice.json()["detail"]) == (409, True)


async def test_consent_that_was_withdrawn_meanwhile_keeps_a_message_from_being_sent_again(
    call: Calls, engine: Engine
) -> None:
    message_id = failed(engine)
    with engine.begin() as connection:
        consents.put(connection, "hanako", Consents({"maintenance": {**ALL, "push": False}}, "test"))
    answer = await call("POST", f"/v1/messages/{message_id}/resend")
    assert (answer.status_code, "contact policy says no" in answer.json()["detail"]) == (409, True)
    assert rows(engine, "SELECT state FROM messages") == [("failed",)]


async def test_nobody_is_told_again_of_what_has_recovered(call: Calls, engine: Engine) -> None:
    message_id = failed(engine)
    decision = a_decision("1", rule_id="r1", at=NOW, notify=NotifyAction("alert", ("push",)))
    decide(engine, means_of(engine, QUIET_NEVER), resolved(decision), at=MOMENT)
    answer = await call("POST", f"/v1/messages/{message_id}/resend")
    assert (answer.status_code, answer.json()["detail"].startswith("It can't be sent again")) == (409, True)


async def test_an_address_that_was_dropped_is_not_written_to_again(call: Calls, engine: Engine) -> None:
    message_id = failed(engine, outcome=Refused("fcm UNREGISTERED", drop_address=True))
    assert (await call("POST", f"/v1/messages/{message_id}/resend")).status_code == 409


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("expires_at = '2020-01-01'", "2020-01-01 00:00"),
        ("state = 'withdrawn'", "not at an end"),
        ("address = '', body = ''", "not kept any more (retention.message_texts)"),
    ],
)
async def test_what_has_lost_its_point_is_not_sent_again(
    call: Calls, engine: Engine, assignment: str, said: str
) -> None:
    message_id = failed(engine)
    execute(engine, f"UPDATE messages SET {assignment}")
    answer = await call("POST", f"/v1/messages/{message_id}/resend")
    assert (answer.status_code, said in answer.json()["detail"]) == (409, True)


@pytest.mark.parametrize(("channel", "status"), [("push", 200), ("email", 200), ("sms", 409)])
async def test_of_what_may_have_arrived_only_a_recognisable_repeat_is_sent(
    call: Calls, engine: Engine, channel: str, status: int
) -> None:
    message_id = failed(engine, channel=channel, outcome=Unknown("timeout"))
    settling = await call("POST", f"/v1/messages/{message_id}/resend")
    assert settling.status_code == 409, "it is still being settled"
    execute(engine, "UPDATE messages SET lease_until = NULL")
    assert (await call("POST", f"/v1/messages/{message_id}/resend")).status_code == status
