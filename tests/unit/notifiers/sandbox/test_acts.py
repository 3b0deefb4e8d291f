"""What a person does with a message, and what the gateway hears of it."""

from __future__ import annotations

import json
import smtplib
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from twilio.request_validator import RequestValidator

from notifiers.email.reports import read_report
from notifiers.sandbox.server import Options, Sandbox, running
from tests.unit.notifiers.sandbox.hearing import Gateway

PUBLIC = "https://public.example/gateway"
MESSAGES = "/2010-04-01/Accounts/AC1/Messages.json"
AUTH = ("AC1", "secret")
NUMBER = "+815005550150"
"""To this number no status callback is made."""


@pytest.fixture
def returned(tmp_path: Path) -> Path:
    """Where the program writes that takes returned mail."""
    return tmp_path / "returned.eml"


@pytest.fixture
def sandbox(gateway: Gateway, returned: Path) -> Iterator[Sandbox]:
    script = f"import sys; open({str(returned)!r}, 'wb').write(sys.stdin.buffer.read()); print('taken')"
    command = (sys.executable, "-c", script)
    with running(Options(twilio_auth_token="secret", callback_base=gateway.base, bounce_command=command)) as started:
        yield started


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{sandbox.http_port}", trust_env=False, timeout=20) as opened:
        yield opened


def act(client: httpx.Client, message: dict[str, Any], name: str, text: str = "") -> httpx.Response:
    body = {"to": message["to"], "act": name, "text": text}
    return client.post(f"/sandbox/messages/{message['n']}/acts", json=body)


def newest(client: httpx.Client, channel: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/sandbox/messages", params={"channel": channel}).json()[0]
    return found


def a_push(client: httpx.Client, **data: str) -> dict[str, Any]:
    message = {"token": "phone-silent", "notification": {"title": "T", "body": "B"}, "data": data}
    client.post("/v1/projects/p/messages:send", json={"message": message}, headers={"Authorization": "Bearer x"})
    return newest(client, "push")


def a_text(client: httpx.Client, **changes: str) -> dict[str, Any]:
    callback = f"{PUBLIC}/hooks/twilio/status/msg_1"
    form = {"To": NUMBER, "From": "+818000000000", "Body": "Text", "StatusCallback": callback, **changes}
    assert client.post(MESSAGES, data=form, auth=AUTH).status_code == 201
    return newest(client, "sms")


def a_mail(client: httpx.Client, sandbox: Sandbox, sender: str = "bounce+m1.proof@example.com") -> dict[str, Any]:
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = "掃除", "Kizashi <care@example.com>", "a@example.com"
    mail["List-Unsubscribe"] = f"<{PUBLIC}/u/token.mac>"
    mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail.set_content("Text")
    mail.add_alternative(f"<html><head></head><a href='{PUBLIC}/u/x'>Stop</a></html>", subtype="html")
    with smtplib.SMTP("127.0.0.1", sandbox.smtp_port) as smtp:
        smtp.send_message(mail, from_addr=sender)
    return newest(client, "email")


def test_a_tap_acknowledges_and_a_dismissal_tells_nobody(client: httpx.Client, gateway: Gateway) -> None:
    push = a_push(client, message_id="msg_1", ack_url=f"{PUBLIC}/hooks/push/msg_1?token=t")
    assert act(client, push, "open").json() == {"told": True, "taken": True, "said": "204"}
    [(path, _, body)] = gateway.posts
    assert (path, json.loads(body)) == ("/gateway/hooks/push/msg_1?token=t", {"event": "opened"})
    assert act(client, push, "dismiss").json()["told"] is False
    assert newest(client, "push")["state"] == "dismissed"
    assert len(gateway.posts) == 1


def test_a_push_that_can_t_be_acknowledged_is_opened_all_the_same(client: httpx.Client) -> None:
    assert act(client, a_push(client), "open").json()["told"] is False
    assert act(client, a_push(client, ack_url="http://[no"), "open").json() == {
        "told": True,
        "taken": False,
        "said": "",
    }
    assert newest(client, "push")["state"] == "opened"


def test_a_reply_is_signed_for_the_public_url_as_twilio_signs_it(client: httpx.Client, gateway: Gateway) -> None:
    done = act(client, a_text(client), "reply", "いつ直りますか？")
    assert done.json() == {"told": True, "taken": True, "said": "204"}
    [(path, headers, body)] = gateway.posts
    fields = dict(parse_qsl(body))
    assert path == "/gateway/hooks/twilio/inbound"
    assert (fields["From"], fields["To"], fields["Body"]) == (NUMBER, "+818000000000", "いつ直りますか？")
    url = f"{PUBLIC}/hooks/twilio/inbound"
    assert RequestValidator("secret").validate(url, fields, headers["X-Twilio-Signature"])
    gateway.status = 403
    assert act(client, newest(client, "sms"), "reply", "Hello?").json()["taken"] is False


def test_twilio_itself_keeps_who_wrote_stop(client: httpx.Client, gateway: Gateway) -> None:
    text = a_text(client)
    act(client, text, "reply", " stop ")
    refused = client.post(MESSAGES, data={"To": NUMBER, "From": "+818000000000", "Body": "Text"}, auth=AUTH)
    assert refused.json()["code"] == 21610
    act(client, text, "reply", "please stop")
    act(client, text, "reply", "START")
    a_text(client)
    view = client.get("/sandbox/shown", params={"customer": NUMBER}).json()["view"]
    assert [bool(each["answer"]) for each in view["said"]] == [True, False, True]
    assert view["opted_out"] is False
    assert len(gateway.posts) == 3


@pytest.mark.parametrize(("text", "why"), [("", "write something"), (" ", "write something"), ("あ" * 1601, "1600")])
def test_a_reply_that_no_phone_sends_is_refused(client: httpx.Client, text: str, why: str) -> None:
    answer = act(client, a_text(client), "reply", text)
    assert answer.status_code == 409
    assert why in answer.json()["detail"]


def test_where_nobody_knows_the_gateway_a_reply_says_what_to_set(client: httpx.Client) -> None:
    answer = act(client, a_text(client, StatusCallback=""), "reply", "Hello")
    assert "--inbound-url" in answer.json()["detail"]


def test_one_click_posts_what_the_standard_says(client: httpx.Client, sandbox: Sandbox, gateway: Gateway) -> None:
    mail = a_mail(client, sandbox)
    gateway.status = 500
    assert act(client, mail, "unsubscribe").json()["taken"] is False
    gateway.status = 200
    assert act(client, mail, "unsubscribe").json()["taken"] is True
    assert {(path, body) for path, _, body in gateway.posts} == {("/gateway/u/token.mac", "List-Unsubscribe=One-Click")}
    assert newest(client, "email")["state"] == "unsubscribed"


@pytest.mark.parametrize(
    ("name", "kind", "status", "state"),
    [("bounce", "failed", "5.1.1", "bounced"), ("spam", "complaint", "abuse", "spam")],
)
def test_a_mail_comes_back_as_a_report_that_the_gateway_can_read(
    client: httpx.Client, sandbox: Sandbox, returned: Path, name: str, kind: str, status: str, state: str
) -> None:
    done = act(client, a_mail(client, sandbox), name)
    assert done.json() == {"told": True, "taken": True, "said": "taken"}
    report = read_report(returned.read_bytes())
    assert report is not None
    assert (report.kind, report.status) == (kind, status)
    assert "bounce+m1.proof@example.com" in report.came_to
    assert newest(client, "email")["state"] == state


def test_mail_without_an_envelope_sender_can_t_come_back(client: httpx.Client, sandbox: Sandbox) -> None:
    answer = act(client, a_mail(client, sandbox, sender=""), "bounce")
    assert "envelope sender" in answer.json()["detail"]


def test_what_can_t_be_done_is_told_so(client: httpx.Client, sandbox: Sandbox) -> None:
    push = a_push(client)
    assert act(client, push, "reply", "Hello").status_code == 409
    assert act(client, push, "eat").status_code == 422
    assert act(client, {**push, "n": 999}, "open").status_code == 404
    assert act(client, {**push, "to": "another"}, "open").status_code == 404


def test_a_mails_html_is_served_under_a_policy_and_its_links_lead_to_the_gateway(
    client: httpx.Client, sandbox: Sandbox, gateway: Gateway
) -> None:
    mail = a_mail(client, sandbox)
    client.get("/sandbox/shown", params={"customer": mail["to"]})
    letter = client.get(f"/sandbox/messages/{mail['n']}/html", params={"to": mail["to"]})
    assert f"<head><base target=\"_blank\"></head><a href='{gateway.base}/gateway/u/x'>" in letter.text
    policy = letter.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox allow-popups" in policy
    assert "allow-scripts" not in policy
    assert client.get(f"/sandbox/messages/{mail['n']}/html", params={"to": "b@example.com"}).status_code == 404
