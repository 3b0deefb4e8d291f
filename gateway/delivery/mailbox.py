"""The bounce mailbox, looked into over IMAP (RFC 3501). Each mail is marked as seen once dealt with, and stays."""

from __future__ import annotations

import contextlib
import imaplib
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from gateway.settings import BounceImap
from notifiers.email.reports import MAX_BYTES

log = structlog.get_logger()

TIMEOUT_S = 20.0
AT_ONCE = 200
"""Mails taken at one look; the others wait for the next."""


class MailboxError(Exception):
    """The mailbox can't be looked into; the message says why."""


class Mailbox:
    """Looks from time to time. ``run`` it in a thread."""

    def __init__(self, settings: BounceImap, take: Callable[[bytes], object]) -> None:
        """Keep what is needed; nothing is connected yet.

        Args:
            settings: with ``host``.
            take: called with each mail that was not seen before; what it raises leaves the mail unseen.

        Raises:
            ValueError: a setting is missing, or ``ca_file`` can't be used.
        """
        if settings.host is None or settings.username is None or settings.password is None:
            raise ValueError("smtp.bounce_imap wants host, username and password")
        self._tls = _context(settings)
        self._settings = settings
        self._host, self._username, self._password = settings.host, settings.username, settings.password
        self._take = take

    def run(self, stop: threading.Event) -> None:
        """Look until ``stop`` is set; a mailbox that is away is tried again at the next look."""
        while not stop.is_set():
            try:
                taken = self.look()
            except (MailboxError, SQLAlchemyError) as error:
                log.warning("mailbox.look_failed", error=str(error)[:200], again_s=self._settings.poll_seconds)
                taken = 0
            if taken < AT_ONCE:
                stop.wait(self._settings.poll_seconds)

    def try_it(self) -> None:
        """Open the folder and change nothing.

        Raises:
            MailboxError: there is no way in, or the folder is not there.
        """
        with self._open():
            pass

    def look(self) -> int:
        """Take the unseen mails, up to ``AT_ONCE``; returns how many.

        Raises:
            MailboxError: there is no way in, or the folder is not there.
        """
        with self._open() as server:
            numbers = _said(server.uid("SEARCH", "UNSEEN"))
            found = (numbers[0] or b"").split()[:AT_ONCE]
            for number in found:
                mail = _content(_said(server.uid("FETCH", number.decode(), f"(BODY.PEEK[]<0.{MAX_BYTES}>)")))
                if mail is not None:
                    self._take(mail)
                    _said(server.uid("STORE", number.decode(), "+FLAGS.SILENT", r"(\Seen)"))
            return len(found)

    @contextlib.contextmanager
    def _open(self) -> Iterator[imaplib.IMAP4]:
        step = f"{self._host}:{self._settings.port} is no IMAP server that answers; look at host, port and tls"
        try:
            server = self._connected()
            try:
                step = f"{self._host} did not let {self._username} in; look at username and password"
                server.login(self._username, self._password.get_secret_value())
                step = f"{self._host} has no folder {self._settings.folder} for {self._username}; look at folder"
                _said(server.select(f'"{self._settings.folder}"'))
                step = f"{self._host} went away, or said what can't be read"
                yield server
            finally:
                with contextlib.suppress(OSError, imaplib.IMAP4.error):
                    server.logout()
        except ssl.SSLCertVerificationError as error:
            step = f"{self._host} shows a certificate that can't be trusted ({error.verify_message}); look at ca_file"
            raise MailboxError(f"smtp.bounce_imap: {step}") from None
        except (OSError, imaplib.IMAP4.error, ValueError) as error:  # ValueError: what can't be read or written
            # Only the kind of error: a server may repeat what was sent to it.
            raise MailboxError(f"smtp.bounce_imap: {step} ({type(error).__name__})") from None

    def _connected(self) -> imaplib.IMAP4:
        if self._tls is not None:
            return imaplib.IMAP4_SSL(self._host, self._settings.port, ssl_context=self._tls, timeout=TIMEOUT_S)
        return imaplib.IMAP4(self._host, self._settings.port, timeout=TIMEOUT_S)


def _context(settings: BounceImap) -> ssl.SSLContext | None:
    """``None``: without TLS."""
    if not settings.tls:
        if settings.ca_file is not None:
            raise ValueError("smtp.bounce_imap.ca_file says whom to trust over TLS, but tls is false: drop one of them")
        return None
    try:
        return ssl.create_default_context(cafile=settings.ca_file)
    except OSError as error:  # of which SSLError is one
        why = error.strerror if not isinstance(error, ssl.SSLError) else "it holds no certificate in PEM form"
        raise ValueError(f"smtp.bounce_imap.ca_file {settings.ca_file} can't be used: {why}") from error


def _said(answer: tuple[str, Sequence[Any]]) -> Sequence[Any]:
    status, lines = answer
    if status != "OK":
        raise imaplib.IMAP4.error(status)
    return lines


def _content(lines: Sequence[Any]) -> bytes | None:
    """The mail in the answer to FETCH; ``None`` where it is gone meanwhile."""
    for line in lines:
        if isinstance(line, tuple) and isinstance(line[1], bytes):
            return line[1]
    return None
