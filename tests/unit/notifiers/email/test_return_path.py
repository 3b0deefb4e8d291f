"""The envelope sender is the message's own where it has one: that is where a bounce goes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from notifiers.email.config import EmailConfig
from notifiers.email.notifier import EmailNotifier
from notifiers.outcome import Accepted, Outgoing
from tests.ports import free_port

OWN = "bounce+m_1.abcdefghijklmnop@bounces.example.com"


class Envelopes:
    """Keeps the sender of each mail."""

    def __init__(self) -> None:
        self.senders: list[str | None] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - their name
        self.senders.append(envelope.mail_from)
        assert isinstance(envelope.content, bytes)
        assert b"From: Example <alerts@example.com>" in envelope.content
        return "250 2.0.0 OK"


@pytest.fixture
def server() -> Iterator[tuple[Envelopes, int]]:
    kept, port = Envelopes(), free_port()
    controller = Controller(kept, "127.0.0.1", port)
    controller.start()
    yield kept, port
    controller.stop()


def test_each_mail_has_the_sender_that_it_was_given_on_one_connection(server: tuple[Envelopes, int]) -> None:
    kept, port = server
    notifier = EmailNotifier(
        EmailConfig(host="127.0.0.1", port=port, starttls=False, from_="Example <alerts@example.com>")
    )
    for return_path in (OWN, None, OWN):
        sent = notifier.send(Outgoing("m_1", "yuki@example.com", "Title", "Text", return_path=return_path))
        assert isinstance(sent, Accepted)
    notifier.close()
    assert kept.senders == [OWN, "alerts@example.com", OWN]
