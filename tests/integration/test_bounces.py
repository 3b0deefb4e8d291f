"""Mail that comes back: proved by its address, applied once, and never against what is known better."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from gateway.delivery import evidence
from gateway.delivery.bounces import Verdict, take
from gateway.delivery.links import Links
from gateway.delivery.pacer import Pacer
from gateway.settings import Settings
from gateway.storage import erasures, messages
from gateway.storage.messages import RANK
from notifiers.email.reports import Report
from rules.decision import NotifyAction
from tests.integration.delivery_fixture import a_customer, a_decision, decide, execute, means_of, rows
from tests.integration.test_hooks_twilio import SETTINGS

pytestmark = pytest.mark.stack

RETURNED = Path(__file__).parents[1] / "unit" / "notifiers" / "email" / "returned"
OURS = b"bounce+m_00000000000000000000000000000001.abcdefghijklmnop@mail.example.com"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WITH_BOUNCES = Settings.model_validate(
    {**SETTINGS.model_dump(exclude_unset=True), "smtp": {"bounce_domain": "mail.example.com"}}
)
EMAIL_THEN_SMS = NotifyAction("alert", ("email", "sms"), escalate_after_ms=600_000)


def a_mail(engine: Engine, state: str = "accepted", **decision: Any) -> str:
    """A mail that has left; returns its id."""
    a_customer(engine)
    decide(engine, means_of(engine, WITH_BOUNCES), a_decision(**{"notify": EMAIL_THEN_SMS, **decision}))
    execute(engine, "UPDATE messages SET state = :state, provider = 'smtp', attempts = 1", state=state)
    [(message_id,)] = rows(engine, "SELECT id FROM messages")
    return str(message_id)


def links_of(engine: Engine) -> Links:
    return means_of(engine, WITH_BOUNCES).links


def returned(name: str, address: str) -> bytes:
    return (RETURNED / f"{name}.eml").read_bytes().replace(OURS, address.encode())


def come_back(engine: Engine, name: str, message_id: str) -> Verdict:
    links = links_of(engine)
    address = links.bounce_address(message_id)
    assert address is not None
    return take(engine, returned(name, address), links, NOW)


def test_a_bounce_fails_the_mail_and_the_next_channel_is_used(engine: Engine) -> None:
    message_id = a_mail(engine)
    for _ in range(2):
        assert come_back(engine, "postfix_unknown_user", message_id) is Verdict.TAKEN
    assert rows(engine, "SELECT state, reason FROM messages") == [("failed", "bounced")]
    assert rows(engine, "SELECT status, channel FROM receipts") == [("bounced", "email")]
    means = means_of(engine, WITH_BOUNCES)
    assert Pacer(engine, means, lambda: datetime.now(UTC), lambda: None).look_once()
    assert rows(engine, "SELECT channel, state FROM messages ORDER BY step") == [("email", "failed"), ("sms", "queued")]
    kinds = {kind for (kind,) in rows(engine, "SELECT kind FROM timeline WHERE channel = 'email'")}
    assert {"receipt", "message", "note"} <= kinds


def test_a_dead_address_is_not_written_to_again_until_a_person_says_so(engine: Engine) -> None:
    assert come_back(engine, "exim_generic_status", a_mail(engine)) is Verdict.TAKEN
    decide(engine, means_of(engine, WITH_BOUNCES), a_decision("2", notify=NotifyAction("alert", ("email",))))
    assert rows(engine, "SELECT reason, channel FROM timeline WHERE kind = 'suppression'") == [("bad_address", "email")]
    assert rows(engine, "SELECT addresses->>'email' FROM customers") == [("hanako@example.com",)]
    execute(engine, "DELETE FROM bad_addresses")
    decide(engine, means_of(engine, WITH_BOUNCES), a_decision("3", notify=NotifyAction("alert", ("email",))))
    assert rows(engine, "SELECT count(*) FROM messages WHERE state = 'queued' AND channel = 'email'") == [(1,)]


@pytest.mark.parametrize("name", ["exchange_full_mailbox", "gmail_given_up"])
def test_a_bounce_that_says_nothing_of_the_address_leaves_it_in_use(engine: Engine, name: str) -> None:
    assert come_back(engine, name, a_mail(engine)) is Verdict.TAKEN
    assert rows(engine, "SELECT state, reason FROM messages") == [("failed", "bounced")]
    assert rows(engine, "SELECT count(*) FROM bad_addresses") == [(0,)]


def test_a_mail_that_a_person_sent_again_may_come_back_again(engine: Engine) -> None:
    message_id = a_mail(engine)
    assert come_back(engine, "exchange_full_mailbox", message_id) is Verdict.TAKEN
    with engine.begin() as connection:
        assert messages.requeue(connection, message_id, None)
    execute(engine, "UPDATE messages SET state = 'accepted', attempts = 2")
    assert come_back(engine, "exchange_full_mailbox", message_id) is Verdict.TAKEN
    assert rows(engine, "SELECT state FROM messages") == [("failed",)]


def test_a_delay_is_on_record_and_changes_nothing(engine: Engine) -> None:
    assert come_back(engine, "postfix_delayed", a_mail(engine)) is Verdict.TAKEN
    assert rows(engine, "SELECT state, reason FROM messages") == [("accepted", None)]
    assert rows(engine, "SELECT status FROM receipts") == [("delayed",)]


@pytest.mark.parametrize("state", ["delivered", "read", "clicked"])
def test_a_bounce_does_not_undo_what_a_person_did(engine: Engine, state: str) -> None:
    assert come_back(engine, "postfix_unknown_user", a_mail(engine, state)) is Verdict.TAKEN
    assert rows(engine, "SELECT state FROM messages") == [(state,)]
    assert rows(engine, "SELECT count(*) FROM bad_addresses") == [(0,)]


def test_a_complaint_stops_offers_and_the_purpose_that_annoyed(engine: Engine) -> None:
    message_id = a_mail(engine)
    for _ in range(2):
        assert come_back(engine, "complaint", message_id) is Verdict.TAKEN
    refused = rows(engine, "SELECT purpose, channel FROM consents WHERE NOT granted ORDER BY purpose")
    assert refused == [("maintenance", "email"), ("offers", "email")]
    assert rows(engine, "SELECT state FROM messages") == [("delivered",)]
    assert rows(engine, "SELECT kind FROM timeline WHERE reason = 'complained'") == [("reply",)]


def test_a_forged_address_changes_nothing(engine: Engine) -> None:
    message_id = a_mail(engine)
    links = links_of(engine)
    address = links.bounce_address(message_id)
    assert address is not None
    local, _, domain = address.partition("@")
    forged = [
        f"bounce+{message_id}@{domain}",
        f"bounce+{message_id}.aaaaaaaaaaaaaaaa@{domain}",
        f"bounce+m_other.{local.rpartition('.')[2]}@{domain}",
        f"{local}@elsewhere.example",
        Links("https://kizashi.example", "another secret", domain).bounce_address(message_id) or "",
        links.ack_token(message_id),
    ]
    for each in forged:
        assert take(engine, returned("postfix_unknown_user", each), links, NOW) is Verdict.NOT_OURS
    assert rows(engine, "SELECT state FROM messages") == [("accepted",)]
    assert rows(engine, "SELECT count(*) FROM receipts") == [(0,)]


def test_automatic_answers_to_our_address_change_nothing(engine: Engine) -> None:
    message_id = a_mail(engine)
    for name in ("out_of_office", "read_receipt"):
        assert come_back(engine, name, message_id) is Verdict.NO_REPORT
    assert rows(engine, "SELECT state FROM messages") == [("accepted",)]


def test_what_comes_back_for_an_erased_customer_leaves_no_trace(engine: Engine) -> None:
    message_id = a_mail(engine)
    with engine.begin() as connection:
        erasures.erase(connection, "hanako")
    assert come_back(engine, "postfix_unknown_user", message_id) is Verdict.GONE
    assert rows(engine, "SELECT (SELECT count(*) FROM timeline) + (SELECT count(*) FROM bad_addresses)") == [(0,)]


EVENTS = ("delayed", "failed", "delivered", "complaint", "clicked")


def apply(engine: Engine, message_id: str, event: str) -> None:
    with engine.begin() as connection:
        if event == "clicked":
            evidence.click(connection, message_id, NOW)
        else:
            status = {"failed": "5.1.1", "delayed": "4.4.1"}.get(event, "")
            evidence.mail_report(connection, message_id, Report(event, (), status), NOW)  # type: ignore[arg-type]


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(order=st.lists(st.sampled_from(EVENTS), max_size=8))
def test_in_any_order_a_mail_never_goes_backwards_and_each_receipt_stands_once(
    engine: Engine, order: Sequence[str]
) -> None:
    execute(engine, "TRUNCATE timeline, contacts, customers, decisions CASCADE")
    message_id = a_mail(engine)
    furthest = "accepted"
    reached = {"failed": "failed", "delivered": "delivered", "complaint": "delivered", "clicked": "clicked"}
    for event in order:
        apply(engine, message_id, event)
        furthest = max(furthest, reached.get(event, furthest), key=lambda state: RANK[state])
        assert rows(engine, "SELECT state FROM messages WHERE id = :id", id=message_id) == [(furthest,)]
    assert rows(engine, "SELECT count(*) FROM receipts") == [(len(set(order)),)]
    assert rows(engine, "SELECT count(*) FROM timeline WHERE kind = 'receipt'") == [(len(set(order)),)]


def test_every_order_of_all_receipts_ends_alike(engine: Engine) -> None:
    for order in itertools.permutations(("failed", "delivered", "clicked")):
        execute(engine, "TRUNCATE timeline, contacts, customers, decisions CASCADE")
        message_id = a_mail(engine)
        for event in order:
            apply(engine, message_id, event)
        assert rows(engine, "SELECT state FROM messages WHERE id = :id", id=message_id) == [("clicked",)], order
        assert rows(engine, "SELECT count(*) FROM receipts") == [(3,)]


def piped(database_url: str, mail: bytes, tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli", "bounces", *(arguments or ("read",))],
        input=mail,
        capture_output=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path.cwd()),
            "KIZASHI_DATABASE__URL": database_url,
            "KIZASHI_LOG__URL": "nats://127.0.0.1:9",
            "KIZASHI_SMTP__BOUNCE_DOMAIN": "mail.example.com",
        },
    )


def test_a_mail_server_pipes_it_in(engine: Engine, database_url: str, tmp_path: Path) -> None:
    address = links_of(engine).bounce_address(a_mail(engine))
    assert address is not None
    mail = returned("postfix_unknown_user", address)
    read = piped(database_url, mail, tmp_path)
    assert (read.returncode, read.stdout) == (0, b"taken\n"), read.stderr
    assert rows(engine, "SELECT state FROM messages") == [("failed",)]
    forgotten = piped(database_url, b"", tmp_path, "forget", "Hanako@example.com")
    assert forgotten.returncode == 0, forgotten.stderr
    assert rows(engine, "SELECT count(*) FROM bad_addresses") == [(0,)]


def test_a_mail_server_keeps_the_mail_while_the_gateway_is_away(tmp_path: Path) -> None:
    read = piped("postgresql+psycopg://nobody@127.0.0.1:9/none?connect_timeout=2", b"x", tmp_path)
    assert read.returncode == 75, read.stderr
