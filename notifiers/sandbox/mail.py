"""A stand-in for a mail server.

A mailbox's local part decides what becomes of a mail to it: ``gone`` or ``bounce`` 550 5.1.1, ``full`` 452 4.2.2,
``grey`` 450 4.7.1, ``blocked`` 554 5.7.1 after the content. Each may be followed by
anything, as in ``gone-7@example.com``.
"""

from __future__ import annotations

import asyncio
import email
import email.policy
import functools
import re
import secrets
from typing import Any, AnyStr

from aiosmtpd.smtp import SMTP, Envelope, Session

from notifiers.sandbox.faults import TAKES_IT, Fault, Faults, now_ms
from notifiers.sandbox.record import Received, Record, Unread

MAX_BYTES = 10_000_000
SILENCE_S = 60.0
_MAILBOXES = {
    "gone": "550 5.1.1 No such mailbox",
    "bounce": "550 5.1.1 No such mailbox",
    "full": "452 4.2.2 Mailbox full",
    "grey": "450 4.7.1 Greylisted, try again later",
}
_MESSAGE_ID = re.compile(rb"^Message-ID:\s*<([^@>]*)", re.MULTILINE | re.IGNORECASE)
_BLOCKED = "554 5.7.1 Message content rejected"
_FAULT_REPLIES = {
    "500": "554 5.3.0 Transaction failed",
    "503": "451 4.3.0 Try again later",
    "429": "450 4.7.1 Too many messages",
    "malformed": "what was the question?",
}


class MailServer(SMTP):
    """aiosmtpd's server, able to answer slowly."""

    pause_s = 0.0
    """Between two bytes of the next reply."""

    async def push(self, status: AnyStr) -> None:
        """Send a reply; a byte at a time under ``dribble``."""
        if not self.pause_s or self.transport is None:
            await super().push(status)
            return
        reply = status if isinstance(status, bytes) else status.encode("ascii")
        for index in range(len(reply)):
            self._writer.write(reply[index : index + 1])
            await self._writer.drain()
            await asyncio.sleep(self.pause_s)
        self._writer.write(b"\r\n")
        self.pause_s = 0.0


class Mailboxes:
    """What happens to mail: aiosmtpd's handler."""

    def __init__(self, record: Record, faults: Faults) -> None:
        """Keep mail in ``record``; misbehave as ``faults`` says."""
        self._record = record
        self._faults = faults

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: MailServer, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Answer RCPT TO."""
        local = address.partition("@")[0]
        refusal = next((reply for part, reply in _MAILBOXES.items() if local.startswith(part)), None)
        if refusal is None and self._faults.mode("smtp") == "refuse":
            refusal = _MAILBOXES["gone"]
            self._faults.take("smtp")
        if refusal is not None:
            self._record.request("smtp", "", address, f"refused {refusal[:9]}")
            return refusal
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: MailServer, session: Session, envelope: Envelope
    ) -> str:
        """Answer the content."""
        mail = _content_of(envelope)
        fault = self._faults.take("smtp")
        if fault.mode not in TAKES_IT:
            return await self._fail(server, envelope, mail, fault)
        if fault.mode == "slow":
            await asyncio.sleep(fault.seconds)
        reply = self._take(envelope, mail, fault)
        return await self._answer(server, fault, reply)

    async def _fail(self, server: MailServer, envelope: Envelope, mail: bytes, fault: Fault) -> str:
        self._log(envelope, mail, "fault", fault)
        if fault.mode == "silent":
            await asyncio.sleep(SILENCE_S)
        if fault.mode in {"silent", "drop_before"}:
            _cut(server)
        return _FAULT_REPLIES.get(fault.mode, "421 4.3.0 Closing")

    async def _answer(self, server: MailServer, fault: Fault, reply: str) -> str:
        if fault.mode == "drop_after":
            _cut(server)
        if fault.mode == "dribble":
            server.pause_s = fault.seconds
        return _FAULT_REPLIES["malformed"] if fault.mode == "malformed" else reply

    def _take(self, envelope: Envelope, mail: bytes, fault: Fault) -> str:
        if any(address.startswith("blocked") for address in envelope.rcpt_tos):
            self._log(envelope, mail, "refused 554 5.7.1", fault)
            return _BLOCKED
        queue_id = secrets.token_hex(6)
        number = self._log(envelope, mail, "accepted", fault, queue_id)
        at, sender = now_ms(), (envelope.mail_from or "").removeprefix("<>")
        for address in envelope.rcpt_tos:
            read = functools.cache(functools.partial(_received, number, at, address, mail, queue_id, sender))
            self._record.message(Unread(at, "email", address, read))
        return f"250 2.0.0 OK: queued as {queue_id}"

    def _log(self, envelope: Envelope, mail: bytes, outcome: str, fault: Fault, queue_id: str = "") -> int:
        to = ", ".join(envelope.rcpt_tos)
        return self._record.request("smtp", _message_id(mail), to, outcome, fault=fault.mode, provider_id=queue_id)


def protocol(record: Record, faults: Faults) -> MailServer:
    """The server's end of one connection."""
    loop = asyncio.get_running_loop()
    handler: Any = Mailboxes(record, faults)
    return MailServer(handler, data_size_limit=MAX_BYTES, enable_SMTPUTF8=True, hostname="sandbox.invalid", loop=loop)


def _received(number: int, at: int, address: str, content: bytes, queue_id: str, sender: str) -> Received:
    mail = email.message_from_bytes(content, policy=email.policy.default)
    html = mail.get_body(("html",))
    return Received(
        number,
        at,
        "email",
        address,
        _message_id(content),
        queue_id,
        str(mail.get("Subject", "")),
        _content(mail.get_body(("plain",))),
        html=_content(html) if html is not None else None,
        detail={"headers": [[name, str(value)] for name, value in mail.items()], "return_path": sender},
    )


def _content_of(envelope: Envelope) -> bytes:
    content = envelope.content or b""
    return content if isinstance(content, bytes) else content.encode()


def _content(part: Any) -> str:
    return str(part.get_content()).replace("\r\n", "\n") if part is not None else ""


def _message_id(mail: bytes) -> str:
    """Our id is the local part of the Message-ID."""
    found = _MESSAGE_ID.search(mail)
    return found.group(1).decode(errors="replace") if found else ""


def _cut(server: MailServer) -> None:
    """Reset the connection."""
    if isinstance(server.transport, asyncio.Transport):
        server.transport.abort()
    raise asyncio.CancelledError
