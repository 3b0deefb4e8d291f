"""The email channel: SMTP by the standard library, connections kept open between messages."""

from __future__ import annotations

import smtplib
import ssl
import weakref
from datetime import UTC, datetime

from notifiers.attempt import attempt, tls_context
from notifiers.email import letter
from notifiers.email.config import EmailConfig
from notifiers.email.letter import Mailbox
from notifiers.email.outcomes import Step, outcome_of
from notifiers.email.smtp import Conversation, InternationalMailboxError, Pool, ReplyError
from notifiers.outcome import Accepted, CannotTell, Outcome, Outgoing, Refused, Retry, Settlement, Unknown

_BROKEN_OFF = (OSError, smtplib.SMTPException)
_TLS_CUT_OFF = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
_OK = 250
_CLOSING = 421
"""Codes up to this end the conversation: 421 says so, and a lower one is out of step with it."""


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
        self._tls = tls_context(config.ca_file) if config.encrypted else None
        self._pool = Pool(config.connections)
        self._finalizer = weakref.finalize(self, self._pool.close)

    def send(self, message: Outgoing) -> Outcome:
        """Send once; see ``notifiers.outcome.Notifier``."""
        to = letter.mailbox(message.to)
        if to is None:
            return Refused("smtp: not a mailbox", drop_address=True)
        content = letter.compose(message, self._sender, to, datetime.now(UTC))
        with attempt(self._config.deadline_s):
            problem = self._submit(content, to, message.return_path or self._sender.mailbox.address)
        return problem or Accepted(letter.message_id(message.message_id, self._sender.mailbox.domain))

    def settle(self, message: Outgoing, sent_after_ms: int) -> Settlement:
        """A mail server cannot be asked; a bounce or a click settles."""
        return CannotTell()

    def close(self) -> None:
        """Close the connections."""
        self._finalizer()

    def _submit(self, content: bytes, to: Mailbox, return_path: str) -> Outcome | None:
        """Hand the mail over; returns what went wrong, if anything."""
        try:
            conversation = self._announced(content, to, return_path)
        except ReplyError as error:
            return outcome_of(error.step, error.code, error.text)
        except InternationalMailboxError:
            return Refused("smtp: the server takes no international mailboxes")
        except smtplib.SMTPNotSupportedError:
            return Retry("smtp: the server lacks STARTTLS or AUTH, which the settings ask for", alarm=True)
        except ssl.SSLCertVerificationError:
            return Retry("smtp: the server's certificate is not valid", alarm=True)
        except ssl.SSLError as error:
            if isinstance(error, _TLS_CUT_OFF):
                return Retry(f"smtp {type(error).__name__} before the content was sent")
            return Retry("smtp: no TLS with the server: it speaks none on this port, or none that we do", alarm=True)
        except _BROKEN_OFF as error:
            return Retry(f"smtp {type(error).__name__} before the content was sent")
        return self._deliver(conversation, content)

    def _announced(self, content: bytes, to: Mailbox, return_path: str) -> Conversation:
        """Get a conversation to the point where only the content is missing.

        A kept connection may have died meanwhile. Nothing was sent on it that could be delivered, so one fresh
        connection follows; no more than one.
        """
        kept = self._pool.take()
        if kept is not None:
            try:
                return self._announce(kept, content, to, return_path)
            except _BROKEN_OFF:
                pass  # closed already
            except ReplyError as error:
                if error.code != _CLOSING:
                    raise
        return self._announce(Conversation(self._config, self._tls), content, to, return_path)

    def _announce(self, conversation: Conversation, content: bytes, to: Mailbox, return_path: str) -> Conversation:
        try:
            conversation.envelope(return_path, to.address, len(content))
        except InternationalMailboxError:
            self._pool.give_back(conversation)
            raise
        except ReplyError as error:
            self._after_refusal(conversation, error)
            raise
        except _BROKEN_OFF:
            conversation.close()
            raise
        return conversation

    def _after_refusal(self, conversation: Conversation, error: ReplyError) -> None:
        """Keep the connection for the next message where the server is still there for it."""
        try:
            if error.code > _CLOSING and conversation.rset()[0] == _OK:
                self._pool.give_back(conversation)
                return
        except _BROKEN_OFF:
            pass  # closed below; the refusal stands
        conversation.close()

    def _deliver(self, conversation: Conversation, content: bytes) -> Outcome | None:
        try:
            conversation.content(content)
        except ReplyError as error:
            self._after_refusal(conversation, error)
            return outcome_of(Step.CONTENT, error.code, error.text)
        except _BROKEN_OFF as error:
            conversation.close()
            return Unknown(f"smtp {type(error).__name__} after the content was sent")
        self._pool.give_back(conversation)
        return None
