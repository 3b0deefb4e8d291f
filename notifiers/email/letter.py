"""The mail itself: a pure function from ``Outgoing`` to bytes ready for DATA.

Written out by hand, since the standard library's composer turns a long List-Unsubscribe into encoded words, which no
mailbox provider reads, and costs more than the rest of the send together.

Standards: RFC 5322 (headers), RFC 2047 (encoded words), RFC 2046 5.1.4 (multipart/alternative, the richest form last),
RFC 8058 (one-click unsubscribe), RFC 3834 (Auto-Submitted), RFC 6532 (a mailbox outside ASCII).
"""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import datetime
from email.header import Header
from email.utils import format_datetime, formataddr, parseaddr
from typing import NamedTuple

from notifiers.outcome import Outgoing

MAX_SUBJECT = 250
MAX_LINE = 900
"""RFC 5322 allows 998 in a line; this leaves room for a header's name."""

_LOCAL = re.compile(r"[^\s@<>()\[\],;:\\\"\x00-\x1f\x7f]{1,64}")
_DOMAIN = re.compile(r"(?=.{1,253}$)[^\W_]([\w-]{0,61}[^\W_])?(\.[^\W_]([\w-]{0,61}[^\W_])?)*")
_PLAIN_ID = re.compile(r"[A-Za-z0-9._-]{1,120}")
_URL = re.compile(rf"https?://[!-;=?-~]{{1,{MAX_LINE}}}")
_BREAKS = re.compile(r"[\s\x00-\x1f\x7f\x85\u2028\u2029]+")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LINE_END = re.compile(r"\r\n|\r|\n")


class Mailbox(NamedTuple):
    """A bare mailbox; the domain in its ASCII form."""

    local: str
    domain: str

    @property
    def address(self) -> str:
        """As it stands in the envelope."""
        return f"{self.local}@{self.domain}"


class Sender(NamedTuple):
    """Who the mail is from."""

    name: str
    mailbox: Mailbox


def mailbox(text: str) -> Mailbox | None:
    """Read a bare mailbox; ``None`` where it is none."""
    local, at, domain = text.strip().rpartition("@")
    if not at or not _LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(domain):
        return None
    try:
        local.encode()
        return Mailbox(local, domain.encode("idna").decode())
    except UnicodeError:
        return None


def sender(text: str) -> Sender:
    """Read the configured sender, with or without a name.

    Raises:
        ValueError: it holds no mailbox.
    """
    name, address = parseaddr(text)
    found = mailbox(address)
    if found is None or not found.local.isascii():
        raise ValueError("smtp.from must be a mailbox, such as Example <alerts@example.com>")
    return Sender(_one_line(name), found)


def message_id(of: str, domain: str) -> str:
    """The ``Message-ID`` of our message ``of``: always the same, so that a repeat is recognised as one."""
    local = of if _PLAIN_ID.fullmatch(of) else _digest(of)
    return f"<{local}@{domain}>"


def compose(message: Outgoing, sent_by: Sender, to: Mailbox, now: datetime) -> bytes:
    """Write the mail. Nothing from ``message`` can add a header: line ends and control characters become spaces."""
    headers = [
        f"From: {formataddr((sent_by.name, sent_by.mailbox.address))}",
        f"To: {to.address}",
        f"Subject: {_subject(message.title)}",
        f"Date: {format_datetime(now)}",
        f"Message-ID: {message_id(message.message_id, sent_by.mailbox.domain)}",
        "Auto-Submitted: auto-generated",
        *_unsubscribe(message.unsubscribe_url),
        "MIME-Version: 1.0",
    ]
    return _line_ends("\n".join([*headers, *_body(message)])).encode(errors="replace")


def _unsubscribe(url: str | None) -> list[str]:
    if not url or not _URL.fullmatch(url):
        return []
    return [f"List-Unsubscribe: <{url}>", "List-Unsubscribe-Post: List-Unsubscribe=One-Click"]


def _body(message: Outgoing) -> list[str]:
    if message.html is None:
        return _part("plain", message.text)
    boundary = "=_" + _digest(message.message_id + message.text + message.html)
    return [
        f'Content-Type: multipart/alternative; boundary="{boundary}"',
        "",
        f"--{boundary}",
        *_part("plain", message.text),
        f"--{boundary}",
        *_part("html", message.html),
        f"--{boundary}--",
        "",
    ]


def _part(subtype: str, text: str) -> list[str]:
    """One part with its headers: as it is where mail servers can carry that, else base64."""
    text = _CONTROL.sub("", _LINE_END.sub("\n", text)).rstrip("\n") + "\n"
    plain = text.isascii() and all(len(line) <= MAX_LINE for line in text.split("\n"))
    return [
        f'Content-Type: text/{subtype}; charset="utf-8"',
        f"Content-Transfer-Encoding: {'7bit' if plain else 'base64'}",
        "",
        text if plain else base64.encodebytes(_line_ends(text).encode(errors="replace")).decode(),
    ]


def _subject(title: str) -> str:
    line = _one_line(title)[:MAX_SUBJECT]
    plain = line.isascii() and "=?" not in line
    return Header(line, "us-ascii" if plain else "utf-8", header_name="Subject").encode(linesep="\n")


def _one_line(text: str) -> str:
    return _BREAKS.sub(" ", text.encode(errors="replace").decode()).strip()


def _line_ends(text: str) -> str:
    return _LINE_END.sub("\r\n", text)


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(errors="replace"), digest_size=16).hexdigest()
