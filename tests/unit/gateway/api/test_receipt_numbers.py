"""What came back from customers and providers stands in the metrics, by channel."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Engine

from gateway.delivery import evidence
from gateway.storage import messages_read
from notifiers.email.reports import Report
from rules.decision import NotifyAction
from tests.api_fixture import Calls
from tests.integration.delivery_fixture import a_customer, a_decision, decide, means_of, rows
from tests.integration.test_hooks_twilio import SETTINGS

NOW = datetime(2026, 3, 1, tzinfo=UTC)


async def test_receipts_and_replies_are_counted_by_channel(call: Calls, engine: Engine) -> None:
    a_customer(engine)
    means = means_of(engine, SETTINGS)
    for name, channel in (("1", "email"), ("2", "push"), ("3", "email")):
        decide(engine, means, a_decision(name, notify=NotifyAction("alert", (channel,)), rule_id=f"r{name}"))
    sent = rows(engine, "SELECT id, channel FROM messages ORDER BY created_at")
    mails = [message_id for message_id, channel in sent if channel == "email"]
    [push] = [message_id for message_id, channel in sent if channel == "push"]
    with engine.begin() as connection:
        for _ in range(2):
            evidence.click(connection, push, NOW)
            evidence.push_ack(connection, push, "delivered", NOW)
            evidence.mail_report(connection, mails[0], Report("failed", (), "5.1.1"), NOW)
            evidence.mail_report(connection, mails[1], Report("complaint", (), "abuse"), NOW)
            evidence.inbound_sms(connection, "hanako", "SM1", "thank you", "+819012345678", NOW)
            evidence.unsubscribe(connection, "hanako", "offers", "push", NOW)
        assert messages_read.counts(connection)["push"] == {"clicked": 1}
    exposed = (await call("GET", "/metrics", role=None)).text
    for line in (
        'kizashi_receipts_recorded{channel="push",status="clicked"} 1.0',
        'kizashi_receipts_recorded{channel="push",status="delivered"} 1.0',
        'kizashi_receipts_recorded{channel="email",status="bounced"} 1.0',
        'kizashi_receipts_recorded{channel="email",status="complained"} 1.0',
        'kizashi_replies_recorded{channel="sms",meaning="replied"} 1.0',
        'kizashi_replies_recorded{channel="push",meaning="unsubscribed"} 1.0',
        'kizashi_replies_recorded{channel="email",meaning="complained"} 1.0',
    ):
        assert line in exposed.splitlines()
