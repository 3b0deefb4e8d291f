from __future__ import annotations

import email
import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifiers.email.letter import compose, mailbox, message_id, sender
from notifiers.outcome import Outgoing

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
SENDER = sender("Kizashi <alerts@example.com>")
EXPECTED_HEADERS = {
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
}


def raw(**changes: Any) -> bytes:
    to = mailbox("yuki@example.com")
    assert to is not None
    message = msgspec.structs.replace(Outgoing("msg_1", "yuki@example.com", "Title", "Text"), **changes)
    return compose(message, SENDER, to, NOW)


def parsed(**changes: Any) -> EmailMessage:
    return email.message_from_bytes(raw(**changes), policy=email.policy.default)


def text_of(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def test_plain_text_stands_beside_html_the_richest_last() -> None:
    mail = parsed(text="暖かい\nです", html="<p>暖かい</p>")
    assert mail.get_content_type() == "multipart/alternative"
    parts = list(mail.iter_parts())
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"]
    assert text_of(mail, "plain") == "暖かい\nです\n"
    assert text_of(mail, "html") == "<p>暖かい</p>\n"


def test_without_html_the_mail_is_plain_text() -> None:
    assert parsed().get_content_type() == "text/plain"
    assert text_of(parsed(), "plain") == "Text\n"


def test_the_headers_say_who_and_what() -> None:
    mail = parsed(title="冷蔵庫が暖かい")
    assert mail["From"] == "Kizashi <alerts@example.com>"
    assert mail["To"] == "yuki@example.com"
    assert mail["Subject"] == "冷蔵庫が暖かい"
    assert mail["Date"].datetime == NOW
    assert mail["Message-ID"] == "<msg_1@example.com>"
    assert mail["Auto-Submitted"] == "auto-generated"


def test_a_repeat_is_recognised_by_its_message_id() -> None:
    assert raw() == raw()
    assert message_id("a b\r\nBcc: x", "example.com") == message_id("a b\r\nBcc: x", "example.com")
    assert "\n" not in message_id("a b\r\nBcc: x", "example.com")


def test_unsubscribing_in_one_click_is_offered_in_a_form_that_mailboxes_read() -> None:
    url = "https://example.com/u/" + "k" * 400  # longer than a folded line, and still one URL
    content = raw(unsubscribe_url=url)
    assert f"\r\nList-Unsubscribe: <{url}>\r\n".encode() in content
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in content


@pytest.mark.parametrize(
    "url", [None, "", "javascript:alert(1)", "https://e.com/\r\nBcc: x@e.com", "https://e.com/>,<x"]
)
def test_an_unsubscribe_address_that_is_no_url_is_left_out(url: str | None) -> None:
    assert b"List-Unsubscribe" not in raw(unsubscribe_url=url)
    assert parsed(unsubscribe_url=url)["Bcc"] is None


@pytest.mark.parametrize(
    "title", ["", "=?utf-8?q?Bcc?=", "a" * 5000, "長" * 5000, "x\r\nBcc: y@example.com", "\ud800 \x00"]
)
def test_any_title_is_one_subject(title: str) -> None:
    content = raw(title=title)
    mail = email.message_from_bytes(content, policy=email.policy.default)
    assert set(mail.keys()) == EXPECTED_HEADERS
    assert max(len(line) for line in content.split(b"\r\n")) <= 998
    if title == "=?utf-8?q?Bcc?=":
        assert mail["Subject"] == title


@given(st.text(), st.text(), st.none() | st.text(), st.text(), st.none() | st.text())
def test_nothing_that_a_message_says_adds_a_header_or_breaks_a_line(
    title: str, text: str, html: str | None, name: str, url: str | None
) -> None:
    content = raw(title=title, text=text, html=html, message_id=name, unsubscribe_url=url)
    mail = email.message_from_bytes(content, policy=email.policy.default)
    assert set(mail.keys()) <= EXPECTED_HEADERS | {"List-Unsubscribe", "List-Unsubscribe-Post"}
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert b"\r" not in content.replace(b"\r\n", b"")
    assert max(len(line) for line in content.split(b"\r\n")) <= 998


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=2000))
def test_the_text_arrives_as_it_was(text: str) -> None:
    arrived = text_of(parsed(text=text), "plain")
    assert arrived == text + "\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "@",
        "a@",
        "@b",
        "a b@c.d",
        "a@b c",
        "a@b\r\nc",
        "a@-b.c",
        "a@b..c",
        "<a@b.c>",
        "a@b.c, d@e.f",
        "\ud800@b.c",
    ],
)
def test_what_is_no_mailbox_is_not_taken_for_one(text: str) -> None:
    assert mailbox(text) is None


def test_an_international_domain_is_written_in_ascii() -> None:
    found = mailbox("yuki@例え.jp")
    assert found is not None
    assert found.address == "yuki@xn--r8jz45g.jp"


@pytest.mark.parametrize("text", ["", "Kizashi", "Kizashi <>", "ゆき@example.com"])
def test_a_sender_that_is_no_mailbox_names_the_setting(text: str) -> None:
    with pytest.raises(ValueError, match=r"smtp\.from"):
        sender(text)
