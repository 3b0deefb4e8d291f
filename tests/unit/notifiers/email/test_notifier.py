from __future__ import annotations

import socket
import ssl
import threading
import time
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
from notifiers.email.smtp import dot_stuffed, own_name
from notifiers.outcome import Accepted, Outgoing, Refused, Retry, Unknown
from notifiers.sandbox.server import Options, Sandbox, running
from tests.certificates import self_signed
from tests.ports import free_port


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
        self.named: list[str] = []
        self.connections: set[Any] = set()

    async def handle_EHLO(  # noqa: N802
        self, server: Any, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.named.append(hostname)
        return responses

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.taken.append(server.transport.get_extra_info("cipher") is not None)
        self.connections.add(session.peer)
        return "250 OK"


@contextmanager
def secured(folder: Path) -> Iterator[tuple[int, Inbox, Path]]:
    """A server that demands STARTTLS and the password ``right``."""
    certificate, key = self_signed(folder, "127.0.0.1")
    with controlled(certificate, key, implicit=False) as (port, inbox):
        yield port, inbox, certificate


@contextmanager
def controlled(certificate: Path, key: Path, *, implicit: bool) -> Iterator[tuple[int, Inbox]]:
    """aiosmtpd with the password ``right``; ``implicit``: TLS from the first byte, else STARTTLS is demanded."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    inbox = Inbox()
    tls: dict[str, Any] = (
        {"ssl_context": context, "auth_require_tls": False}
        if implicit
        else {"tls_context": context, "require_starttls": True}
    )

    def check(server: Any, session: Any, envelope: Any, mechanism: str, auth: Any) -> AuthResult:
        return AuthResult(success=auth.password == b"right", handled=False)

    port = free_port()
    controller = Controller(
        inbox,
        hostname="127.0.0.1",
        port=port,
        authenticator=check,
        auth_required=True,
        **tls,
    )
    controller.start()
    yield port, inbox
    controller.stop()


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


def by_a_ca(folder: Path, host: str) -> tuple[Path, Path, Path]:
    """A certificate for ``host`` from an authority of our own: certificate, key, the authority's certificate."""
    now = datetime.now(UTC)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("Own authority", host)]
    files = []
    for number, ca in enumerate((True, False)):
        own = keys[number].public_key()
        built = (
            x509.CertificateBuilder()
            .subject_name(names[number])
            .issuer_name(names[0])
            .public_key(own)
            .serial_number(number + 1)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(own), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[0].public_key()), critical=False)
            .sign(keys[0], hashes.SHA256())
        )
        files.append(folder / f"{host}-{number}.pem")
        files[-1].write_bytes(built.public_bytes(serialization.Encoding.PEM))
    private = folder / f"{host}-key.pem"
    private.write_bytes(
        keys[1].private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return files[1], private, files[0]


# aiosmtpd knows of TLS only where it has done STARTTLS itself.
@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_where_tls_begins_with_the_first_byte_mail_password_and_name_travel_encrypted(tmp_path: Path) -> None:
    certificate, key, ca_file = by_a_ca(tmp_path, "localhost")
    account = {"starttls": None, "tls": True, "username": "user", "password": "right"}
    with controlled(certificate, key, implicit=True) as (port, inbox):
        with notifying(port, **account, ca_file=str(ca_file), helo_name="notify.example.com") as notifier:
            assert [type(notifier.send(message(f"m{index}"))) for index in range(3)] == [Accepted] * 3
        assert (inbox.taken, len(inbox.connections)) == ([True] * 3, 1)
        assert inbox.named == ["notify.example.com"], "greeted once: the connection is kept"
        with notifying(port, **{**account, "password": "wrong"}, ca_file=str(ca_file)) as notifier:
            assert notifier.send(message("m")) == Retry("smtp 535 5.7.8 to session", alarm=True)
    assert len(inbox.taken) == 3


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize("trusted", [False, True])
def test_a_server_that_does_not_prove_its_name_gets_nothing(tmp_path: Path, trusted: bool) -> None:
    certificate, key, ca_file = by_a_ca(tmp_path, "elsewhere.example" if trusted else "localhost")
    with controlled(certificate, key, implicit=True) as (port, inbox):
        account = {"starttls": None, "tls": True, "username": "user", "password": "right"}
        with notifying(port, **account, ca_file=str(ca_file) if trusted else None) as notifier:
            assert notifier.send(message("m")) == Retry("smtp: the server's certificate is not valid", alarm=True)
    assert (inbox.named, inbox.taken) == ([], [])


def test_a_server_that_speaks_no_tls_where_it_should_is_a_reason_for_an_alarm() -> None:
    with scripted([b"220 hello\r\n"]) as port, notifying(port, starttls=None, tls=True) as notifier:
        outcome = notifier.send(message("m"))
    assert isinstance(outcome, Retry)
    assert (outcome.alarm, "no TLS" in outcome.reason) == (True, True)


def test_one_that_hangs_up_in_the_handshake_is_tried_again_without_an_alarm() -> None:
    with scripted([b""]) as port, notifying(port, starttls=None, tls=True) as notifier:
        outcome = notifier.send(message("m"))
    assert isinstance(outcome, Retry)
    assert not outcome.alarm


def test_one_that_is_silent_in_the_handshake_is_left_at_the_deadline() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        notifying(silent.getsockname()[1], starttls=None, tls=True, deadline_s=0.3) as notifier,
    ):
        begun = time.monotonic()
        outcome = notifier.send(message("m"))
    assert isinstance(outcome, Retry)
    assert time.monotonic() - begun < 5


def test_without_a_name_of_its_own_the_machine_gives_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "laptop")
    assert own_name("127.0.0.1") == "[127.0.0.1]"
    assert own_name("fe80::1%eth0") == "[IPv6:fe80::1]"
    monkeypatch.setattr(socket, "gethostname", lambda: "mail.example.com")
    assert own_name("127.0.0.1") == "mail.example.com"


@pytest.mark.parametrize(
    ("changes", "number", "first_byte", "upgraded"),
    [
        ({}, 587, False, True),
        ({"port": 465}, 465, True, False),
        ({"tls": True}, 465, True, False),
        ({"tls": True, "port": 2465}, 2465, True, False),
        ({"port": 465, "tls": True, "starttls": False}, 465, True, False),
        ({"port": 25, "starttls": False}, 25, False, False),
        ({"port": 2525, "starttls": True}, 2525, False, True),
        ({"tls": False, "starttls": False}, 587, False, False),
    ],
)
def test_port_465_means_tls_from_the_first_byte_and_any_other_starttls(
    changes: dict[str, Any], number: int, first_byte: bool, upgraded: bool
) -> None:
    config = EmailConfig(host="mail.example.com", from_="alerts@example.com", **changes)
    assert (config.number, config.from_the_first_byte, config.upgraded) == (number, first_byte, upgraded)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"tls": True, "starttls": True}, "set smtp.tls alone for port 465"),
        ({"port": 465, "starttls": True}, "set smtp.port = 587"),
        ({"port": 465, "tls": False}, "set smtp.port = 587"),
        ({"port": 587, "tls": True}, "leave smtp.port out"),
        ({"username": "u", "password": "p", "tls": False, "starttls": False}, "smtp.tls would send"),
        ({"helo_name": "a b"}, "smtp.helo_name"),
        ({"helo_name": "a\r\nMAIL FROM:<x>"}, "smtp.helo_name"),
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
