"""Twilio's webhooks over the real routes and a real database: signed, bounded, once, and never backwards."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from urllib.parse import urlencode

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from gateway.api.hooks import router
from gateway.delivery import evidence
from gateway.delivery.links import Links
from gateway.delivery.run import utc_now
from gateway.settings import Settings
from notifiers.sms.signature import HEADER, sign
from notifiers.sms.status import STATES, read_status
from rules.decision import NotifyAction
from tests.integration.delivery_fixture import a_customer, a_decision, decide, execute, means_of, rows

pytestmark = pytest.mark.stack

TOKEN = "12345"
PUBLIC = "https://kizashi.example/gateway"
SETTINGS = Settings.model_validate(
    {
        "public_url": PUBLIC,
        "twilio": {"account_sid": "AC1", "auth_token": TOKEN, "from": "+15005550006"},
        "policy": {"quiet_hours": {"maintenance": "", "offers": ""}},
    }
)
SMS_THEN_EMAIL = NotifyAction("alert", ("sms", "email"), escalate_after_ms=600_000)


@pytest.fixture
async def http(engine: Engine) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.include_router(router(engine, SETTINGS, Links(PUBLIC, "secret")))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://inside:8080") as client:
        yield client


def an_sms(engine: Engine, notify: NotifyAction = SMS_THEN_EMAIL) -> str:
    """An SMS that Twilio has accepted; its id."""
    a_customer(engine)
    decide(engine, means_of(engine, SETTINGS), a_decision(notify=notify))
    execute(engine, "UPDATE messages SET state = 'accepted', provider = 'twilio', provider_id = 'SM1', attempts = 1")
    [(message_id,)] = rows(engine, "SELECT id FROM messages")
    return str(message_id)


async def post(
    http: httpx.AsyncClient, path: str, fields: Mapping[str, str], *, token: str = TOKEN, url: str | None = None
) -> httpx.Response:
    signature = sign(token, url or PUBLIC + path, fields.items())
    headers = {HEADER: signature, "Content-Type": "application/x-www-form-urlencoded"}
    return await http.post(path, content=urlencode(fields), headers=headers)


def status(state: str, **more: str) -> dict[str, str]:
    return {"MessageSid": "SM1", "MessageStatus": state, "AccountSid": "AC1", **more}


async def test_a_signed_receipt_is_applied(engine: Engine, http: httpx.AsyncClient) -> None:
    message_id = an_sms(engine)
    answer = await post(http, f"/hooks/twilio/status/{message_id}", status("delivered"))
    assert answer.status_code == 204
    assert rows(engine, "SELECT state FROM messages") == [("delivered",)]
    assert rows(engine, "SELECT status FROM receipts") == [("delivered",)]
    assert rows(engine, "SELECT count(*) FROM timeline WHERE kind = 'receipt'") == [(1,)]
    # A telephone in a drawer delivers too: only a person's answer stops the escalation.
    assert rows(engine, "SELECT state, due_at IS NULL FROM contacts") == [("active", False)]


async def test_a_receipt_that_is_replayed_changes_nothing(engine: Engine, http: httpx.AsyncClient) -> None:
    message_id = an_sms(engine)
    for state in ("delivered", "delivered", "sent", "sent"):
        assert (await post(http, f"/hooks/twilio/status/{message_id}", status(state))).status_code == 204
    assert rows(engine, "SELECT state FROM messages") == [("delivered",)]
    assert rows(engine, "SELECT count(*) FROM receipts") == [(2,)]


async def test_forged_altered_and_misdirected_requests_are_refused_and_change_nothing(
    engine: Engine, http: httpx.AsyncClient
) -> None:
    message_id = an_sms(engine)
    path = f"/hooks/twilio/status/{message_id}"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    good = sign(TOKEN, PUBLIC + path, status("delivered").items())
    body = urlencode(status("delivered"))
    answers = [
        await post(http, path, status("delivered"), token="wrong"),
        await post(http, path, status("delivered"), url=PUBLIC + "/hooks/twilio/status/another"),
        await post(http, path, status("delivered"), url="https://elsewhere.example" + path),
        await post(http, path, status("delivered", AccountSid="AC2")),
        await http.post(path, content=body, headers=form),
        await http.post(path, content=urlencode(status("read")), headers={**form, HEADER: good}),
        await http.post(path + "?x=1", content=body, headers={**form, HEADER: good}),
        await http.post(path, content=b"{}", headers={"Content-Type": "application/json", HEADER: good}),
    ]
    assert [answer.status_code for answer in answers] == [403] * len(answers)
    assert rows(engine, "SELECT state FROM messages") == [("accepted",)]
    assert rows(engine, "SELECT count(*) FROM receipts") == [(0,)]


async def test_too_large_a_form_is_refused_before_it_is_read(http: httpx.AsyncClient) -> None:
    answer = await post(http, "/hooks/twilio/inbound", {"Body": "x" * 70_000})
    assert answer.status_code == 413
    answer = await post(http, "/hooks/twilio/inbound", {f"f{number}": "x" for number in range(200)})
    assert answer.status_code == 400


async def test_an_unknown_message_is_404(http: httpx.AsyncClient) -> None:
    assert (await post(http, "/hooks/twilio/status/m_none", status("delivered"))).status_code == 404


@pytest.mark.parametrize("code", ["30003", "30005"])
async def test_a_failure_reported_later_makes_the_next_channel_due_at_once(
    engine: Engine, http: httpx.AsyncClient, code: str
) -> None:
    message_id = an_sms(engine)
    await post(http, f"/hooks/twilio/status/{message_id}", status("undelivered", ErrorCode=code))
    assert rows(engine, "SELECT state FROM messages") == [("failed",)]
    assert rows(engine, "SELECT state, due_at <= now() FROM contacts") == [("active", True)]
    dropped = rows(engine, "SELECT addresses ? 'sms' FROM customers") == [(False,)]
    assert dropped == (code == "30005")


async def test_a_receipt_settles_what_was_unknown(engine: Engine, http: httpx.AsyncClient) -> None:
    message_id = an_sms(engine)
    execute(engine, "UPDATE messages SET state = 'unknown', provider_id = NULL, lease_until = now()")
    await post(http, f"/hooks/twilio/status/{message_id}", status("sent"))
    assert rows(engine, "SELECT state, provider_id, lease_until FROM messages") == [("accepted", "SM1", None)]


async def test_stop_refuses_every_purpose_by_sms_and_start_gives_back_what_it_took(
    engine: Engine, http: httpx.AsyncClient
) -> None:
    a_customer(engine, granted={"maintenance": {"sms": True, "email": True}, "offers": {"sms": False}})
    said = "SELECT purpose, granted FROM consents WHERE channel = 'sms' ORDER BY purpose"
    inbound = {"MessageSid": "SM8", "From": "+819012345678", "To": "+15005550006", "Body": " Stop "}
    answer = await post(http, "/hooks/twilio/inbound", inbound)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/xml; charset=utf-8")
    assert {granted for _, granted in rows(engine, said)} == {False}
    assert {purpose for purpose, _ in rows(engine, said)} >= {"maintenance", "offers", "safety"}
    assert rows(engine, "SELECT granted FROM consents WHERE channel = 'email'") == [(True,)]
    [(reason, detail)] = rows(engine, "SELECT reason, detail FROM timeline WHERE kind = 'reply'")
    assert reason == "stop"
    assert detail["body"] == " Stop "
    assert detail["before"]["maintenance"] is True

    await post(http, "/hooks/twilio/inbound", {**inbound, "MessageSid": "SM9", "Body": "START"})
    assert rows(engine, said) == [("maintenance", True), ("offers", False)]


async def test_a_reply_stands_on_the_timeline_once_and_stops_the_escalation(
    engine: Engine, http: httpx.AsyncClient
) -> None:
    an_sms(engine)
    inbound = {"MessageSid": "SM7", "From": "+819012345678", "Body": "I am on my way"}
    for _ in range(2):
        assert (await post(http, "/hooks/twilio/inbound", inbound)).status_code == 200
    assert rows(engine, "SELECT summary FROM timeline WHERE kind = 'reply'") == [("Replied by SMS: I am on my way",)]
    assert rows(engine, "SELECT state, due_at FROM contacts") == [("acknowledged", None)]


async def test_a_reply_that_was_heard_by_a_process_that_died_stops_the_escalation_when_it_is_said_again(
    engine: Engine, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise SystemExit

    an_sms(engine)
    inbound = {"MessageSid": "SM7", "From": "+819012345678", "Body": "I am on my way"}
    with monkeypatch.context() as patched:
        patched.setattr(evidence, "acknowledge", die)
        with pytest.raises(SystemExit):
            await post(http, "/hooks/twilio/inbound", inbound)
    assert rows(engine, "SELECT state FROM contacts") == [("active",)]

    assert (await post(http, "/hooks/twilio/inbound", inbound)).status_code == 200
    assert rows(engine, "SELECT state FROM contacts") == [("acknowledged",)]
    assert len(rows(engine, "SELECT 1 FROM timeline WHERE kind = 'reply'")) == 1

    execute(engine, "UPDATE contacts SET state = 'active'")
    execute(engine, "UPDATE messages SET first_sent_at = now() + interval '1 minute'")
    assert (await post(http, "/hooks/twilio/inbound", inbound)).status_code == 200
    assert rows(engine, "SELECT state FROM contacts") == [("active",)], (
        "what left after the reply is not answered by it"
    )


async def test_a_reply_stands_once_on_the_open_cases_that_it_is_about(engine: Engine, http: httpx.AsyncClient) -> None:
    an_sms(engine)
    for case_id, device_id, state, customer in (
        ("own", "chiller-1", "open", "hanako"),
        ("closed", "chiller-1", "resolved", "hanako"),
        ("other-device", "chiller-2", "open", "hanako"),
        ("other-customer", "chiller-1", "open", "jiro"),
    ):
        execute(
            engine,
            "INSERT INTO cases (id, title, device_id, state, customer_id)"
            f" VALUES ('{case_id}', 'warm', '{device_id}', '{state}', '{customer}')",
        )
    inbound = {"MessageSid": "SM7", "From": "+819012345678", "Body": "I am on my way"}
    for _ in range(2):
        await post(http, "/hooks/twilio/inbound", inbound)
    written = "SELECT case_id, author, body FROM case_comments ORDER BY at"
    assert rows(engine, written) == [("own", "Customer, by SMS", "I am on my way")]
    assert rows(engine, "SELECT case_id FROM timeline WHERE kind = 'reply'") == [("own",)]
    await post(http, "/hooks/twilio/inbound", {**inbound, "MessageSid": "SM8", "Body": "Done now"})
    assert [body for _, _, body in rows(engine, written)] == ["I am on my way", "Done now"]
    await post(http, "/hooks/twilio/inbound", {**inbound, "MessageSid": "SM9", "Body": "STOP"})
    await post(http, "/hooks/twilio/inbound", {**inbound, "MessageSid": "SM10", "Body": " "})
    assert len(rows(engine, written)) == 2


async def test_a_stranger_who_writes_leaves_no_trace_on_anybodys_timeline(
    engine: Engine, http: httpx.AsyncClient
) -> None:
    a_customer(engine)
    inbound = {"MessageSid": "SM6", "From": "+819000000000", "Body": "STOP"}
    assert (await post(http, "/hooks/twilio/inbound", inbound)).status_code == 200
    assert rows(engine, "SELECT count(*) FROM timeline") == [(0,)]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(sorted(STATES)), repeats=st.lists(st.sampled_from(sorted(STATES)), max_size=5))
def test_whatever_the_order_of_receipts_the_state_never_goes_backwards_and_ends_the_same(
    engine: Engine, order: Sequence[str], repeats: Sequence[str]
) -> None:
    ranks = {"accepted": 10, "failed": 20, "delivered": 30, "read": 40}
    message_id = _accepted_again(engine)
    seen = []
    for state in [*order, *repeats]:
        fields = status(state)
        update = read_status(fields)
        assert update is not None
        with engine.begin() as connection:
            assert evidence.sms_status(connection, message_id, update, fields, utc_now())
        [(now,)] = rows(engine, "SELECT state FROM messages WHERE id = :id", id=message_id)
        seen.append(ranks[now])
    assert seen == sorted(seen)
    assert seen[-1] == ranks["read"]
    assert rows(engine, "SELECT count(*) FROM receipts WHERE message_id = :id", id=message_id) == [(len(STATES),)]


def _accepted_again(engine: Engine) -> str:
    a_customer(engine)
    decision = a_decision(uuid.uuid4().hex, rule_id=uuid.uuid4().hex, notify=NotifyAction("alert", ("sms",)))
    decide(engine, means_of(engine, SETTINGS), decision)
    [(message_id,)] = rows(engine, "SELECT id FROM messages WHERE decision_id = :id", id=decision.id)
    execute(engine, "UPDATE messages SET state = 'accepted', attempts = 1 WHERE id = :id", id=message_id)
    return str(message_id)
