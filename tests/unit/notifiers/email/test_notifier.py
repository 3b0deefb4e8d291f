from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from notifiers.email.config import EmailConfig
from notifiers.email.notifier import EmailNotifier
from notifiers.email.smtp import dot_stuffed
from notifiers.outcome import Accepted, Outgoing, Refused, Retry, Unknown
from notifiers.sandbox.server import Options, Sandbox, running


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running(Options()) as started:
        yield started


@contextmanager
def notifying(port: int, **changes: Any) -> Iterator[EmailNotifier]:
    settings = {"host": "localhost", "port": port, "starttls": False, "from_": "alerts@example.com", "deadline_s": 2.0}
    built = EmailNotifier(EmailConfig(**{**settings, **changes}))
    yield built
    built.close()


def message(name: str, to: str = "yuki@example.com", text: str = "Text") -> Outgoing:
    return Outgoing(name, to, "Title", text)


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ("gone@example.com", Refused("smtp 550 5.1.1 to recipient", drop_address=True)),
        ("full@example.com", Retry("smtp 452 4.2.2 to recipient")),
        ("grey@example.com", Retry("smtp 450 4.7.1 to recipient")),
        ("blocked@example.com", Refused("smtp 554 5.7.1 to content", alarm=True)),
    ],
)
def test_replies_are_read_per_recipient_and_the_connection_is_used_again(
    sandbox: Sandbox, to: str, expected: object
) -> None:
    with notifying(sandbox.smtp_port) as notifier:
        assert notifier.send(message("a", to)) == expected
        assert notifier.send(message("b")) == Accepted("<b@example.com>")


def test_lines_that_begin_with_a_dot_arrive_as_they_were(sandbox: Sandbox) -> None:
    text = ".\n..\n.hidden\nend."
    with notifying(sandbox.smtp_port) as notifier:
        assert isinstance(notifier.send(message("dots", "dots@example.com", text)), Accepted)
    assert sandbox.record.messages("email", "dots@example.com")[0].text == text + "\n"


@pytest.mark.parametrize(
    ("mail", "wire"),
    [
        (b"a", b"a\r\n.\r\n"),
        (b"a\r\n", b"a\r\n.\r\n"),
        (b".\n", b"..\r\n.\r\n"),
        (b"a\n.b\rc", b"a\r\n..b\r\nc\r\n.\r\n"),
    ],
)
def test_content_is_made_ready_for_data(mail: bytes, wire: bytes) -> None:
    assert dot_stuffed(mail) == wire


def test_a_mailbox_outside_ascii_is_sent_where_the_server_can_take_it(sandbox: Sandbox) -> None:
    with notifying(sandbox.smtp_port) as notifier:
        assert isinstance(notifier.send(message("intl", "ゆき@example.com")), Accepted)
        assert isinstance(notifier.send(message("plain")), Accepted)
    assert sandbox.record.messages("email", "ゆき@example.com")[0].message_id == "intl"


@contextmanager
def scripted(*connections: list[bytes]) -> Iterator[int]:
    """A server that says these lines, one after each line of the client's, then hangs up, connection by connection."""

    def serve(listening: socket.socket) -> None:
        for lines in connections:
            peer, _ = listening.accept()
            with peer, peer.makefile("rb") as said:
                peer.sendall(lines[0])
                for line in lines[1:]:
                    heard = said.readline()
                    while heard and line.startswith(b"250 taken") and heard != b".\r\n":
                        heard = said.readline()
                    peer.sendall(line)
                said.readline()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,), daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(5)


GREET = [b"220 hello\r\n", b"250 ok\r\n"]
ENVELOPE = [b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"]
TAKEN = [b"250 taken\r\n"]


def test_a_kept_connection_that_died_is_replaced_before_anything_could_be_delivered() -> None:
    with (
        scripted([*GREET, *ENVELOPE, *TAKEN], [*GREET, *ENVELOPE, *TAKEN]) as port,
        notifying(port, host="127.0.0.1") as notifier,
    ):
        assert isinstance(notifier.send(message("one")), Accepted)
        assert isinstance(notifier.send(message("two")), Accepted)


@pytest.mark.parametrize("said", [[], GREET[:1], GREET, [*GREET, *ENVELOPE[:1]], [*GREET, *ENVELOPE[:2]]])
def test_a_connection_lost_before_the_content_is_a_reason_to_repeat(said: list[bytes]) -> None:
    with scripted(said or [b""]) as port, notifying(port, host="127.0.0.1") as notifier:
        outcome = notifier.send(message("one"))
    assert isinstance(outcome, Retry)
    assert not outcome.alarm


def test_a_connection_lost_after_the_content_is_unknown() -> None:
    with scripted([*GREET, *ENVELOPE]) as port, notifying(port, host="127.0.0.1") as notifier:
        assert isinstance(notifier.send(message("one")), Unknown)


def test_a_server_without_starttls_gets_neither_password_nor_mail() -> None:
    with scripted(GREET) as port, notifying(port, host="127.0.0.1", starttls=True) as notifier:
        outcome = notifier.send(message("one"))
    assert isinstance(outcome, Retry)
    assert outcome.alarm


def test_a_server_without_smtputf8_refuses_only_the_mailboxes_that_need_it() -> None:
    with scripted([*GREET, *ENVELOPE, *TAKEN]) as port, notifying(port, host="127.0.0.1") as notifier:
        assert isinstance(notifier.send(message("one", "ゆき@example.com")), Refused)
        assert isinstance(notifier.send(message("two")), Accepted)


class Inbox:
    """aiosmtpd's handler: counts."""

    def __init__(self) -> None:
        self.taken: list[bool] = []

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.taken.append(session.ssl is not None)
        return "250 OK"


@contextmanager
def secured(folder: Path) -> Iterator[tuple[int, Inbox, Path]]:
    """A server that demands STARTTLS and the password ``right``."""
    certificate, key = self_signed(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    inbox = Inbox()

    def check(server: Any, session: Any, envelope: Any, mechanism: str, auth: Any) -> AuthResult:
        return AuthResult(success=auth.password == b"right", handled=False)

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(
        inbox,
        hostname="127.0.0.1",
        port=port,
        tls_context=context,
        require_starttls=True,
        authenticator=check,
        auth_required=True,
    )
    controller.start()
    yield port, inbox, certificate
    controller.stop()


def self_signed(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, private


def test_mail_and_password_travel_encrypted_and_many_share_a_connection(tmp_path: Path) -> None:
    with secured(tmp_path) as (port, inbox, certificate):
        account = {"starttls": True, "ca_file": str(certificate), "username": "user", "password": "right"}
        with notifying(port, **account) as notifier:
            assert [type(notifier.send(message(f"m{index}"))) for index in range(3)] == [Accepted] * 3
        with notifying(port, **{**account, "password": "wrong"}) as notifier:
            assert notifier.send(message("m")) == Retry("smtp 535 5.7.8 to session", alarm=True)
        with notifying(port, **{**account, "ca_file": None}) as notifier:
            assert notifier.send(message("m")) == Retry("smtp: the server's certificate is not valid", alarm=True)
    assert inbox.taken == [True, True, True]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"host": ""}, "smtp.host"),
        ({"from_": "nobody"}, "smtp.from"),
        ({"username": "u"}, "smtp.password"),
        ({"username": "u", "password": "p", "starttls": False}, "smtp.starttls"),
        ({"deadline_s": 0}, "smtp.deadline_s"),
    ],
)
def test_a_configuration_that_cannot_work_names_the_setting(changes: dict[str, Any], named: str) -> None:
    fine: dict[str, Any] = {"host": "mail.example.com", "from_": "alerts@example.com"}
    with pytest.raises(ValueError, match=named):
        EmailConfig(**{**fine, **changes})
