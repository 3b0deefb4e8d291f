"""One conversation with a mail server, every byte of it within the deadline."""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
import time
from collections import deque
from threading import Lock
from typing import Any

from notifiers.attempt import connect
from notifiers.email.config import EmailConfig
from notifiers.email.outcomes import Step

IDLE_LIMIT_S = 30.0
"""A connection that was idle for longer is not used again: many servers have closed it by then."""

_FULL_NAME = re.compile(r"[A-Za-z0-9.-]+")
_OK = 250
_STARTED = (250, 251, 252)
_SEND_CONTENT = 354
_AUTHENTICATED = (235, 503)


class ReplyError(Exception):
    """The server said no. ``code`` and ``text`` are its reply to ``step``."""

    def __init__(self, step: Step, code: int, text: bytes) -> None:
        """Keep the reply; its text is for reading codes only, never for logs."""
        super().__init__(f"smtp {code}")
        self.step = step
        self.code = code
        self.text = text


class InternationalMailboxError(Exception):
    """The server does not speak SMTPUTF8 (RFC 6531)."""


class Conversation(smtplib.SMTP):
    """An open connection, greeted and authenticated, ready for mail."""

    def __init__(self, config: EmailConfig, tls: ssl.SSLContext | None) -> None:
        """Connect, greet, secure and log in.

        Raises:
            ReplyError: the server will not have us.
            smtplib.SMTPException: the dialogue broke off, or the server lacks what the configuration asks for.
            OSError: no connection, or the deadline passed.
        """
        super().__init__(local_hostname="localhost")  # until the connection tells our address
        self._host = config.host  # the name that TLS verifies, also in starttls
        self._address = ""
        self._implicit = tls if config.from_the_first_byte else None
        self.last_used = time.monotonic()
        try:
            self._open(config, tls)
        except (OSError, smtplib.SMTPException, ReplyError):
            self.close()
            raise

    def _open(self, config: EmailConfig, tls: ssl.SSLContext | None) -> None:
        code, text = self.connect(config.host, config.number)
        _expect(Step.SESSION, code, text, 220)
        self.local_hostname = config.helo_name or own_name(self._address)
        self._greet()
        if tls is not None and config.upgraded:
            _expect(Step.SESSION, *self.starttls(context=tls), 220)
            self._greet()
        if config.username and config.password:
            self._log_in(config.username, config.password)

    def _get_socket(self, host: str, port: int, timeout: Any) -> socket.socket:
        opened = connect(host, port)
        self._address = str(opened.getsockname()[0])
        return opened if self._implicit is None else self._implicit.wrap_socket(opened, server_hostname=self._host)

    def _greet(self) -> None:
        code, text = self.ehlo()
        if code != _OK:
            code, text = self.helo()
        _expect(Step.SESSION, code, text, _OK)

    def _log_in(self, username: str, password: str) -> None:
        try:
            code, text = self.login(username, password)
        except smtplib.SMTPAuthenticationError as error:
            raise ReplyError(Step.SESSION, error.smtp_code, _bytes(error.smtp_error)) from None
        _expect(Step.SESSION, code, text, *_AUTHENTICATED)

    def envelope(self, sender: str, recipient: str, size: int) -> None:
        """Name sender and recipient and announce the content. Nothing is sent yet that could be delivered.

        Raises:
            ReplyError: the server refused one of the three.
            InternationalMailboxError: the recipient is not ASCII and the server takes only such.
            smtplib.SMTPException: the connection broke off.
            OSError: the same, or the deadline passed.
        """
        options = [f"size={size}"] if self.has_extn("size") else []
        if not recipient.isascii():
            if not self.has_extn("smtputf8"):
                raise InternationalMailboxError
            options += ["SMTPUTF8", "BODY=8BITMIME"]
            self.command_encoding = "utf-8"
        try:
            _expect(Step.SENDER, *self.mail(sender, options), _OK)
            _expect(Step.RECIPIENT, *self.rcpt(recipient), *_STARTED)
            _expect(Step.DATA, *self.docmd("data"), _SEND_CONTENT)
        finally:
            self.command_encoding = "ascii"

    def content(self, mail: bytes) -> None:
        """Send the content and wait for the server to take it. From the first byte on the message's fate is its word.

        Raises:
            ReplyError: the server refused the content.
            smtplib.SMTPException: the connection broke off: unknown.
            OSError: the same, or the deadline passed: unknown.
        """
        self.send(dot_stuffed(mail))
        code, text = self.getreply()
        _expect(Step.CONTENT, code, text, _OK)


def dot_stuffed(mail: bytes) -> bytes:
    """Make content ready for DATA (RFC 5321 4.5.2): CRLF line ends, leading dots doubled, the closing dot."""
    lines = re.sub(rb"\r\n|\r|\n", b"\r\n", mail)
    lines = re.sub(rb"(?m)^\.", b"..", lines)
    return lines + (b".\r\n" if lines.endswith(b"\r\n") else b"\r\n.\r\n")


class Pool:
    """Open conversations between messages. Safe for several threads: each has the one that it took to itself."""

    def __init__(self, limit: int) -> None:
        """Keep up to ``limit`` open."""
        self._idle: deque[Conversation] = deque()
        self._limit = limit
        self._closed = False
        self._lock = Lock()

    def take(self) -> Conversation | None:
        """The conversation used last, or ``None``; those idle for too long are closed."""
        with self._lock:
            found = self._idle.pop() if self._idle else None
        if found is None or time.monotonic() - found.last_used <= IDLE_LIMIT_S:
            return found
        found.close()
        self.close_idle()  # the others have waited longer still
        return None

    def give_back(self, conversation: Conversation) -> None:
        """Keep a conversation for the next message."""
        conversation.last_used = time.monotonic()
        with self._lock:
            if not self._closed and len(self._idle) < self._limit:
                self._idle.append(conversation)
                return
        conversation.close()

    def close_idle(self) -> None:
        """Close those that nobody uses."""
        with self._lock:
            idle, self._idle = self._idle, deque()
        for each in idle:
            each.close()

    def close(self) -> None:
        """Close them, and from now on those that come back."""
        self._closed = True
        self.close_idle()


def own_name(address: str) -> str:
    """What EHLO names (RFC 5321 4.1.4): the machine's full name where it has one, else ``address`` as a literal."""
    name = socket.gethostname()
    if "." in name and _FULL_NAME.fullmatch(name):
        return name
    plain = address.partition("%")[0]
    return f"[IPv6:{plain}]" if ":" in plain else f"[{plain}]"


def _expect(step: Step, code: int, text: bytes, *wanted: int) -> None:
    if code not in wanted:
        raise ReplyError(step, code, _bytes(text))


def _bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode(errors="replace")
