"""What a mail server's replies mean for a message. Pure: a code and the step it answered in, an outcome out.

Sources: RFC 5321 4.2 (4yz passing, 5yz for good), RFC 3463 (enhanced codes). Reasons hold codes only, never the
server's text: it quotes the mailbox.
"""

from __future__ import annotations

import enum
import re

from notifiers.outcome import Outcome, Refused, Retry, Unknown

_ENHANCED = re.compile(rb"([245])\.(\d{1,3})\.(\d{1,3})(?!\d)")
_PASSING, _FOR_GOOD = 4, 5
"""The first digit of a reply."""

_MAILBOX_GONE = frozenset({"1.1", "1.2", "1.3", "1.6", "1.10", "2.1"})
"""Enhanced subjects: no such mailbox, no such domain, bad syntax, moved, null MX, disabled."""

_ADDRESS_CODES = frozenset({550, 551, 553})
"""Without an enhanced code these speak of the mailbox."""


class Step(enum.Enum):
    """Where in the dialogue a reply came."""

    SESSION = "session"
    """Greeting, EHLO, STARTTLS, AUTH: about us."""
    SENDER = "sender"
    """MAIL FROM: about us."""
    RECIPIENT = "recipient"
    """RCPT TO: about the mailbox."""
    DATA = "data"
    """DATA, before the content was sent: about the message."""
    CONTENT = "content"
    """After the content: about the message."""


def outcome_of(step: Step, code: int, text: bytes) -> Outcome:
    """Read a reply that is not the hoped-for one."""
    enhanced = enhanced_code(text)
    reason = f"smtp {code}" + (f" {enhanced}" if enhanced else "") + f" to {step.value}"
    if code // 100 == _PASSING:
        return Retry(reason)
    if code // 100 != _FOR_GOOD:
        # Not a reply that the protocol knows. After the content nobody can say whether it was taken.
        return Unknown(reason) if step is Step.CONTENT else Retry(reason)
    if step in {Step.SESSION, Step.SENDER}:
        return Retry(reason, alarm=True)
    subject = enhanced.partition(".")[2]
    gone = subject in _MAILBOX_GONE or (not enhanced and code in _ADDRESS_CODES)
    policy = subject.startswith("7.")
    return Refused(reason, drop_address=gone and step is Step.RECIPIENT, alarm=policy)


def enhanced_code(text: bytes) -> str:
    """The RFC 3463 code that ``text`` begins with, or an empty string."""
    found = _ENHANCED.match(text.strip())
    return found.group().decode() if found else ""
