"""The email channel: SMTP by the standard library, connections kept open between messages."""

from __future__ import annotations

import smtplib
import ssl
import weakref
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTPUTF8

from notifiers.attempt import attempt, tls_context
from notifiers.email import letter
from notifiers.email.config import EmailConfig
from notifiers.email.outcomes import Step, outcome_of
from notifiers.email.smtp import Conversation, Pool, ReplyError
from notifiers.outcome import Accepted, CannotTell, Outcome, Outgoing, Refused, Retry, Settlement, Unknown

_BROKEN_OFF = (OSError, smtplib.SMTPException)


class EmailNotifier:
    """Submits mail to one server. Safe for several threads; ``close`` it when done."""

    channel = "email"
    provider = "smtp"

    def __init__(self, config: EmailConfig) -> None:
        """Open nothing yet; the first send connects.

        Raises:
            ValueError: the sender is no mailbox.
            OSError: the certificate authority's file cannot be read.
        """
        self._config = config
        self._sender = letter.sender(config.from_)
        self._tls = tls_context(config.ca_file) if config.starttls else None
        self._pool = Pool(config.connections)
        self._finalizer = weakref.finalize(self, self._pool.close)

    def send(self, message: Outgoing) -> Outcome:
        """Send once; see ``notifiers.outcome.Notifier``."""
        to = letter.mailbox(message.to)
        if to is None:
            return Refused("smtp: not a mailbox", drop_address=True)
        mail = letter.compose(message, self._sender, to, datetime.now(UTC))
        with attempt(self._config.deadline_s):
            return self._submit(mail, to)

    def settle(self, message: Outgoing, sent_after_ms: int) -> Settlement:
        """A mail server cannot be asked; a bounce or a click settles."""
        return CannotTell()

    def close(self) -> None:
        """Close the connections."""
        self._finalizer()

    def _submit(self, mail: EmailMessage, to: Address) -> Outcome:
        try:
            conversation, content = self._announced(mail, to)
        except ReplyError as error:
            return outcome_of(error.step, error.code, error.text)
        except smtplib.SMTPNotSupportedError:
            return Retry("smtp: the server lacks STARTTLS or AUTH, which the settings ask for", alarm=True)
        except ssl.SSLCertVerificationError:
            return Retry("smtp: the server's certificate is not valid", alarm=True)
        except _BROKEN_OFF as error:
            return Retry(f"smtp {type(error).__name__} before the content was sent")
        if content is None:
            self._pool.give_back(conversation)
            return Refused("smtp: the server takes no international mailboxes")
        return self._deliver(conversation, content, mail["Message-ID"])

    def _announced(self, mail: EmailMessage, to: Address) -> tuple[Conversation, bytes | None]:
        """Get a conversation to the point where only the content is missing.

        A kept connection may have died meanwhile. Nothing was sent on it that could be delivered, so one fresh
        connection follows; no more than one.
        """
        kept = self._pool.take()
        if kept is not None:
            try:
                return kept, self._announce(kept, mail, to)
            except _BROKEN_OFF:
                kept.close()
            except ReplyError as error:
                if error.code != _CLOSING:
                    raise
        fresh = Conversation(self._config, self._tls)
        return fresh, self._announce(fresh, mail, to)

    def _announce(self, conversation: Conversation, mail: EmailMessage, to: Address) -> bytes | None:
        """Send the envelope; returns the content that may follow, or ``None`` where the server cannot take it."""
        international = not to.username.isascii()
        if international and not conversation.has_extn("smtputf8"):
            return None
        content = mail.as_bytes(policy=mail.policy + SMTPUTF8 if international else mail.policy)
        try:
            conversation.envelope(self._sender.addr_spec, to.addr_spec, len(content), international)
        except ReplyError as error:
            self._after_refusal(conversation, error)
            raise
        except _BROKEN_OFF:
            conversation.close()
            raise
        return content

    def _after_refusal(self, conversation: Conversation, error: ReplyError) -> None:
        """Keep the connection for the next message where the server is still there for it."""
        try:
            if error.code > _CLOSING and conversation.rset()[0] == _OK:
                self._pool.give_back(conversation)
                return
        except _BROKEN_OFF:
            pass  # closed below; the refusal stands
        conversation.close()

    def _deliver(self, conversation: Conversation, content: bytes, message_id: str) -> Outcome:
        try:
            conversation.content(content)
        except ReplyError as error:
            self._after_refusal(conversation, error)
            return outcome_of(Step.CONTENT, error.code, error.text)
        except _BROKEN_OFF as error:
            conversation.close()
            return Unknown(f"smtp {type(error).__name__} after the content was sent")
        self._pool.give_back(conversation)
        return Accepted(message_id)


_OK = 250
_CLOSING = 421
"""Codes up to this end the conversation: 421 says so, and a lower one is out of step with it."""
