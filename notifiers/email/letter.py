"""The mail itself: a pure function from ``Outgoing`` to bytes ready for DATA.

Standards: RFC 5322 (headers), RFC 2046 5.1.4 (multipart/alternative, the richest form last), RFC 8058 (one-click
unsubscribe), RFC 3834 (Auto-Submitted).
"""

from __future__ import annotations

import email.policy
import hashlib
import re
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

from notifiers.outcome import Outgoing

_LOCAL = re.compile(r"[^\s@<>()\[\],;:\\\"\x00-\x1f\x7f]{1,64}")
_DOMAIN = re.compile(r"(?=.{1,253}$)[^\W_]([\w-]{0,61}[^\W_])?(\.[^\W_]([\w-]{0,61}[^\W_])?)*")
_PLAIN_ID = re.compile(r"[A-Za-z0-9._-]{1,120}")
_URL = re.compile(r"https?://[!-;=?-~]+")
_CONTROL = re.compile(r"[\s\x00-\x1f\x7f\x85\u2028\u2029]+")
_POLICY = email.policy.SMTP.clone(max_line_length=78)


def mailbox(text: str) -> Address | None:
    """Read a bare mailbox; ``None`` where it is none. An international domain becomes its ASCII form."""
    local, at, domain = text.strip().rpartition("@")
    if not at or not _LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(domain):
        return None
    try:
        return Address(username=local, domain=domain.encode("idna").decode())
    except (UnicodeError, ValueError):
        return None


def sender(text: str) -> Address:
    """Read the configured sender, with or without a name.

    Raises:
        ValueError: it holds no mailbox.
    """
    name, address = parseaddr(text)
    found = mailbox(address)
    if found is None:
        raise ValueError("smtp.from must be a mailbox, such as Example <alerts@example.com>")
    return Address(display_name=_one_line(name), username=found.username, domain=found.domain)


def message_id(of: str, domain: str) -> str:
    """The ``Message-ID`` of our message ``of``: always the same, so that a repeat is recognised as one."""
    local = of if _PLAIN_ID.fullmatch(of) else hashlib.blake2b(of.encode(errors="replace"), digest_size=16).hexdigest()
    return f"<{local}@{domain}>"


def compose(message: Outgoing, sent_by: Address, to: Address, now: datetime) -> EmailMessage:
    """Build the mail. Nothing from ``message`` can add a header: line ends and control characters become spaces."""
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = sent_by
    mail["To"] = to
    mail["Subject"] = _one_line(message.title)
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = message_id(message.message_id, sent_by.domain)
    mail["Auto-Submitted"] = "auto-generated"
    if message.unsubscribe_url and _URL.fullmatch(message.unsubscribe_url):
        mail["List-Unsubscribe"] = f"<{message.unsubscribe_url}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail.set_content(_clean(message.text))
    if message.html is not None:
        mail.add_alternative(_clean(message.html), subtype="html")
    return mail


def _one_line(text: str) -> str:
    return _CONTROL.sub(" ", _clean(text)).strip()


def _clean(text: str) -> str:
    """Drop what no character set can carry (lone surrogates) and NUL."""
    return text.encode(errors="replace").decode().replace("\x00", "")
