"""The bounce mailbox over IMAP: each mail is taken once, and one that could not be taken stays unseen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from gateway.delivery.mailbox import Mailbox, MailboxError
from gateway.settings import BounceImap, Settings
from tests.integration import imap_server
from tests.integration.delivery_fixture import delivering, eventually, rows
from tests.integration.test_bounces import WITH_BOUNCES, a_mail, links_of, returned


def settings_of(server: imap_server.Mailbox, password: str = "secret") -> BounceImap:
    return BounceImap(
        host="127.0.0.1",
        port=server.port,
        username="bounces",
        password=SecretStr(password),
        tls=False,
        poll_seconds=0.2,
    )


@pytest.fixture
def server() -> Iterator[imap_server.Mailbox]:
    made = imap_server.Mailbox({1: b"Subject: one\r\n\r\n", 7: b"Subject: two\r\n\r\nof\r\nlines\r\n"})
    yield made
    made.close()


def test_each_mail_is_taken_once_and_stays_in_the_mailbox(server: imap_server.Mailbox) -> None:
    taken: list[bytes] = []
    mailbox = Mailbox(settings_of(server), taken.append)
    assert mailbox.look() == 2
    assert taken == list(server.mails.values())
    assert mailbox.look() == 0
    assert server.seen == {1, 7}
    assert "EXPUNGE" not in server.commands


def test_a_mail_that_could_not_be_taken_is_looked_at_again(server: imap_server.Mailbox) -> None:
    tries: list[bytes] = []

    def take(mail: bytes) -> None:
        tries.append(mail)
        if len(tries) == 2:
            raise OperationalError("SELECT", {}, ConnectionError("the database is away"))

    mailbox = Mailbox(settings_of(server), take)
    with pytest.raises(OperationalError):
        mailbox.look()
    assert server.seen == {1}
    assert mailbox.look() == 1
    assert tries == [server.mails[1], server.mails[7], server.mails[7]]


def test_a_wrong_password_is_named_by_its_kind_and_never_shown(server: imap_server.Mailbox) -> None:
    mailbox = Mailbox(settings_of(server, "hunter2"), lambda _mail: None)
    with pytest.raises(MailboxError) as failed:
        mailbox.look()
    assert "hunter2" not in str(failed.value)
    assert failed.value.__cause__ is None


def test_settings_without_a_user_are_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="username"):
        Mailbox(BounceImap(host="mail.example.com"), lambda _mail: None)


@pytest.mark.stack
def test_the_deliver_role_looks_for_bounces_by_itself(engine: Engine, server: imap_server.Mailbox) -> None:
    message_id = a_mail(engine)
    address = links_of(engine).bounce_address(message_id)
    assert address is not None
    server.mails[9] = returned("postfix_unknown_user", address)
    smtp = {"bounce_domain": "mail.example.com", "bounce_imap": settings_of(server).model_dump()}
    plain = WITH_BOUNCES.model_dump(exclude_unset=True)
    nobody = {**plain["twilio"], "base_url": "http://127.0.0.1:9"}  # who is told by SMS instead, in the end
    settings = Settings.model_validate({**plain, "smtp": smtp, "twilio": nobody})
    with delivering(engine, settings):
        eventually(lambda: rows(engine, "SELECT state FROM messages WHERE id = :id", id=message_id) == [("failed",)])
        eventually(lambda: server.seen == {1, 7, 9})
