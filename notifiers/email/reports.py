"""What comes back for a mail: delivery reports (RFC 3464) and complaints (RFC 5965), both ``multipart/report``.

Pure: from the bytes of a mail to what it says, or to nothing. Replies, automatic answers (RFC 3834) and reading
receipts (RFC 8098) are no reports of ours. Only the report's own parts are read, never the mail that it returns: that
one may be somebody's report in turn.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from email.message import Message
from email.parser import BytesParser, Parser
from email.utils import getaddresses
from typing import Any, Final, Literal

import msgspec

MAX_BYTES: Final = 1_000_000
"""What comes after is not read: a report stands before the mail that it returns."""
_MAX_ADDRESSES = 20
_MAX_DIAGNOSTIC = 300

Kind = Literal["failed", "delayed", "delivered", "complaint"]
_GRAVITY: Final[tuple[Kind, ...]] = ("failed", "delayed", "delivered")

_RECEIVERS: Final = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "To")
"""Where mail servers leave the address to which a mail came."""
_STATUS: Final = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_REPLY: Final = re.compile(r"\b([45]\d\d)\b")
_BLANK_LINES: Final = re.compile(r"\r?\n[ \t]*\r?\n")

_DEAD: Final = frozenset({"5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.4", "5.1.6", "5.1.10", "5.2.1", "5.4.4"})
"""RFC 3463, RFC 7505: no such mailbox, no such host, moved, takes no mail, disabled."""
_UNNAMED: Final = "5.0.0"
_DEAD_REPLIES: Final = frozenset({"550", "551", "553"})
"""RFC 5321, where the report has no finer code."""
_COMPLAINTS: Final = frozenset({"abuse", "fraud", "virus", "other"})
"""RFC 5965 section 7.3, less ``not-spam``."""


class Report(msgspec.Struct, frozen=True):
    """What became of one mail, as the outside says."""

    kind: Kind
    came_to: tuple[str, ...]
    """Addresses among which is the envelope sender of our mail; anybody can write here what they like."""
    status: str = ""
    """RFC 3463, ``5.1.1``; the feedback type of a complaint."""
    diagnostic: str = ""
    """The other server's words, in one line; may name the mailbox."""
    reply: str = ""
    """The SMTP reply code among them."""

    @property
    def address_is_dead(self) -> bool:
        """Whether no mail reaches this mailbox. A full one, a refused sender or a refused content say nothing of it."""
        if self.kind != "failed":
            return False
        return self.status in _DEAD or (self.status == _UNNAMED and self.reply in {*_DEAD_REPLIES, ""})


def read_report(mail: bytes) -> Report | None:
    """What the mail reports, ``None`` where it is no delivery report and no complaint."""
    try:
        message = BytesParser().parsebytes(mail[:MAX_BYTES])
    except RecursionError:  # parts within parts within parts: nobody's mail server
        return None
    if message.get_content_type() != "multipart/report" or not message.is_multipart():
        return None
    parts = _parts(message)
    for part in parts:
        kind = part.get_content_type()
        if kind in ("message/delivery-status", "message/global-delivery-status"):
            return _delivery(_blocks(part), _receivers(message))
        if kind == "message/feedback-report":
            return _complaint(_blocks(part), [*_receivers(message), *_original_senders(parts)])
    return None


def _delivery(blocks: list[Message[Any, Any]], came_to: Iterable[str]) -> Report | None:
    """The gravest of what is said of its recipients; each mail of ours has one."""
    found = [read for block in blocks if (read := _recipient(block, tuple(came_to))) is not None]
    return min(found, key=lambda report: _GRAVITY.index(report.kind), default=None)


def _recipient(block: Message[Any, Any], came_to: tuple[str, ...]) -> Report | None:
    action = _field(block, "Action").lower()
    kind = next((kind for kind in _GRAVITY if kind == action), None)
    if kind is None or not _field(block, "Final-Recipient"):
        return None
    diagnostic = _field(block, "Diagnostic-Code")
    words = diagnostic.partition(";")[2].strip() or diagnostic
    reply = _REPLY.search(words)
    status = _status(_field(block, "Status"), words)
    return Report(kind, came_to, status, words[:_MAX_DIAGNOSTIC], reply.group(1) if reply else "")


def _status(stated: str, words: str) -> str:
    """The stated code; the other server's own where that one only says "no" (``5.0.0``) or nothing."""
    named = _STATUS.search(stated)
    if named is None or named.group(2) == named.group(3) == "0":
        finer = _STATUS.search(words)
        if finer is not None and (named is None or finer.group(1) == named.group(1)):
            named = finer
    return ".".join(str(int(number)) for number in named.groups()) if named else ""


def _complaint(blocks: list[Message[Any, Any]], came_to: Iterable[str]) -> Report | None:
    for block in blocks:
        kind = _field(block, "Feedback-Type").lower()
        if kind in _COMPLAINTS:
            senders = _addresses(block, ("Original-Mail-From",))
            return Report("complaint", (*senders, *came_to), kind, _field(block, "User-Agent")[:_MAX_DIAGNOSTIC])
    return None


def _receivers(message: Message[Any, Any]) -> list[str]:
    return _addresses(message, _RECEIVERS)


def _original_senders(parts: list[Message[Any, Any]]) -> Iterator[str]:
    """The envelope sender in the mail complained of: its Return-Path, which only the receiving server writes."""
    for part in parts:
        if part.get_content_type() in ("message/rfc822", "text/rfc822-headers", "message/global"):
            for block in _blocks(part):
                yield from _addresses(block, ("Return-Path",))


def _addresses(message: Message[Any, Any], headers: tuple[str, ...]) -> list[str]:
    values = [str(value)[:2_000] for header in headers for value in message.get_all(header, [])]
    return [address for _name, address in getaddresses(values) if address][:_MAX_ADDRESSES]


def _blocks(part: Message[Any, Any]) -> list[Message[Any, Any]]:
    """The groups of fields in a part, whichever way the parser left them."""
    payload = part.get_payload()
    if isinstance(payload, str):
        return [Parser().parsestr(block, headersonly=True) for block in _BLANK_LINES.split(payload) if block.strip()]
    blocks = _parts(part)
    # An unknown kind of message/* is read as one message: what follows its first blank line is further groups.
    rest = blocks[0].get_payload() if len(blocks) == 1 else ""
    if isinstance(rest, str) and part.get_content_type() == "message/global-delivery-status":
        blocks += [Parser().parsestr(block, headersonly=True) for block in _BLANK_LINES.split(rest) if block.strip()]
    return blocks


def _parts(message: Message[Any, Any]) -> list[Message[Any, Any]]:
    payload = message.get_payload()
    return [part for part in payload if isinstance(part, Message)] if isinstance(payload, list) else []


def _field(block: Message[Any, Any], name: str) -> str:
    """In one line; without NUL and halves of surrogate pairs, which no database keeps."""
    text = str(block.get(name, ""))
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())
