"""What really leaves: the deep link in the push, the short link in the mail, the code in both."""

from __future__ import annotations

import httpx
import pytest
from sqlalchemy import Engine

from gateway.storage import offer_codes
from rules.decision import NotifyAction
from tests.integration.delivery_fixture import (
    StandIns,
    a_customer,
    a_decision,
    decide,
    delivering,
    delivery_settings,
    eventually,
    means_of,
    rows,
)

pytestmark = pytest.mark.stack

TARGET = "https://shop.example/parts/{device_id}"


def test_a_push_carries_its_deep_link_and_a_mail_its_short_one(engine: Engine, stand_ins: StandIns) -> None:
    settings = delivery_settings(stand_ins)
    a_customer(engine)
    means = means_of(engine, settings)
    for name, channel in (("1", "push"), ("2", "email")):
        notify = NotifyAction("offer", (channel,), link=TARGET, offer_code=True)
        decide(engine, means, a_decision(name, notify=notify, rule_id=f"r{name}", purpose="offers"))
    with delivering(engine, settings):
        eventually(lambda: rows(engine, "SELECT DISTINCT state FROM messages") in ([("accepted",)], [("delivered",)]))
    sent = dict(rows(engine, "SELECT channel, link FROM messages"))
    codes = dict(rows(engine, "SELECT m.channel, o.code FROM messages m JOIN offer_codes o USING (decision_id)"))
    shown = httpx.get(f"{stand_ins.url}/sandbox/messages", trust_env=False).json()
    [push] = [each for each in shown if each["channel"] == "push"]
    [mail] = [each for each in shown if each["channel"] == "email"]
    assert push["detail"]["data"]["link"] == sent["push"]
    assert sent["email"] in mail["text"]
    assert sent["email"] in mail["html"]
    assert codes["push"] != codes["email"]
    assert offer_codes.shown(codes["push"]) in push["text"]
