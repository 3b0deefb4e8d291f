"""What comes back for a mail later, a delivery report (RFC 3464) or a complaint (RFC 5965), piped as mail servers do.

Both go to the envelope sender of the mail, which is how the gateway knows its own.
"""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final, Literal

from notifiers.sandbox.record import Received

Reason = Literal["bounce", "spam"]

HOST: Final = "sandbox.invalid"
TIMEOUT_S: Final = 30.0

_WORDS: Final = {
    "bounce": "Your mail could not be delivered: there is no such mailbox.",
    "spam": "This mail was marked as spam by its receiver.",
}


class ReturnError(ValueError):
    """Nothing can come back for this mail; the message says why."""


def report(mail: Received, reason: Reason, now: datetime) -> bytes:
    """Write the mail that comes back.

    Raises:
        ReturnError: it names no envelope sender to which it could come back.
    """
    sender = str(mail.detail["return_path"])
    if not sender:
        raise ReturnError("the mail names no envelope sender, so nothing can come back to it")
    kind = "delivery-status" if reason == "bounce" else "feedback-report"
    boundary = f"=_{secrets.token_hex(12)}"
    lines = [
        f"From: MAILER-DAEMON@{HOST}",
        f"To: {sender}",
        f"Subject: {'Undelivered mail returned to sender' if reason == 'bounce' else 'Complaint'}",
        f"Date: {format_datetime(now)}",
        f"Message-ID: <{secrets.token_hex(12)}@{HOST}>",
        "Auto-Submitted: auto-replied",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/report; report-type={kind}; boundary="{boundary}"',
        *_part(boundary, "text/plain; charset=us-ascii", [_WORDS[reason]]),
        *_part(boundary, f"message/{kind}", _status(mail) if reason == "bounce" else _feedback(mail, sender)),
        *_part(boundary, "text/rfc822-headers; charset=utf-8", _headers(mail, sender)),
        f"--{boundary}--",
        "",
    ]
    return "\r\n".join(lines).encode()


async def pipe(command: tuple[str, ...], mail: bytes) -> tuple[bool, str]:
    """Hand ``mail`` to ``command``; returns whether it took it, and what it says."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
    except OSError as error:
        return False, error.strerror or str(error)
    try:
        out, err = await asyncio.wait_for(process.communicate(mail), TIMEOUT_S)
    except TimeoutError:
        process.kill()
        await process.wait()
        return False, f"no end after {TIMEOUT_S:.0f} s"
    said = (out or err).decode(errors="replace").strip().splitlines()
    return process.returncode == 0, said[-1] if said else f"exit code {process.returncode}"


def now() -> datetime:
    """The wall clock, UTC."""
    return datetime.now(UTC)


def _part(boundary: str, content_type: str, lines: list[str]) -> list[str]:
    return ["", f"--{boundary}", f"Content-Type: {content_type}", "", *lines]


def _status(mail: Received) -> list[str]:
    return [
        f"Reporting-MTA: dns; {HOST}",
        "",
        f"Final-Recipient: rfc822; {mail.to}",
        "Action: failed",
        "Status: 5.1.1",
        "Diagnostic-Code: smtp; 550 5.1.1 No such mailbox",
    ]


def _feedback(mail: Received, sender: str) -> list[str]:
    return [
        "Feedback-Type: abuse",
        "User-Agent: Kizashi-Sandbox/1",
        "Version: 1",
        f"Original-Mail-From: <{sender}>",
        f"Original-Rcpt-To: <{mail.to}>",
    ]


def _headers(mail: Received, sender: str) -> list[str]:
    """The mail's own, each in one line."""
    return [
        f"Return-Path: <{sender}>",
        *(f"{name}: {' '.join(value.split())}" for name, value in mail.detail["headers"]),
    ]
