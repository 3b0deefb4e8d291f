"""What ``kizashi doctor`` says of mail that comes back, of a sandbox, and of a gateway that does not run."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.addresses import NotRunningError, find
from gateway.cli import app
from gateway.commands.doctor_bounces import judge
from gateway.settings import Settings
from tests.integration import imap_server
from tests.unit.notifiers.test_attempt import secured

MAIL = {
    "KIZASHI_SMTP__HOST": "mx.example.com",
    "KIZASHI_SMTP__PORT": "465",
    "KIZASHI_SMTP__FROM": "alerts@example.com",
}


@pytest.fixture
def server() -> Iterator[imap_server.Mailbox]:
    made = imap_server.Mailbox({1: b"Subject: one\r\n\r\n"})
    yield made
    made.close()


def with_mailbox(port: int, domain: str | None = "b.example", **imap: str) -> Settings:
    login = {"host": "127.0.0.1", "port": port, "username": "bounces", "password": "secret", "tls": False}
    smtp = {"host": "mx", "bounce_domain": domain, "bounce_imap": {**login, **imap}}
    return Settings.model_validate({"smtp": smtp})


def test_a_mailbox_that_opens_is_in_order_and_nothing_in_it_is_touched(server: imap_server.Mailbox) -> None:
    ok, said = judge(with_mailbox(server.port))
    assert (ok, server.seen) == (True, set())
    assert "bounce+…@b.example" in said


def test_each_thing_that_is_wrong_with_the_mailbox_is_named_with_its_mend(server: imap_server.Mailbox) -> None:
    for settings, mend in (
        (with_mailbox(server.port, password="hunter2"), "look at username and password"),
        (with_mailbox(server.port, domain=None), "set smtp.bounce_domain too"),
        (with_mailbox(_free_port()), "look at host, port and tls"),
        (
            Settings.model_validate({"smtp": {"bounce_domain": "b", "bounce_imap": {"host": "h"}}}),
            "wants host, username",
        ),
    ):
        ok, said = judge(settings)
        assert ok is False
        assert mend in said
        assert "hunter2" not in said


def test_a_mailbox_with_a_certificate_of_its_own_is_opened_where_its_authority_is_named(tmp_path: Path) -> None:
    certificate, context = secured(tmp_path)
    server = imap_server.Mailbox({1: b"Subject: one\r\n\r\n"}, tls=context)
    try:
        ok, said = judge(with_mailbox(server.port, host="localhost", tls="true", ca_file=str(certificate)))
        assert ok is True, said
        ok, said = judge(with_mailbox(server.port, host="localhost", tls="true"))
        assert ok is False
        assert "certificate that can't be trusted" in said
        assert "look at ca_file" in said
    finally:
        server.close()


def test_a_ca_file_that_can_not_be_used_is_named_with_why(tmp_path: Path) -> None:
    for file, tls, why in (
        ("/nowhere/ca.pem", "true", "ca_file /nowhere/ca.pem can't be used: No such file"),
        (__file__, "true", "can't be used: it holds no certificate"),
        (str(tmp_path), "false", "but tls is false"),
    ):
        ok, said = judge(with_mailbox(1, tls=tls, ca_file=file))
        assert ok is False
        assert why in said


def test_without_a_mailbox_it_says_where_mails_are_to_be_handed_in() -> None:
    assert judge(Settings()) == (None, "not heard: set smtp.bounce_domain")
    ok, said = judge(Settings.model_validate({"smtp": {"bounce_domain": "b.example"}}))
    assert ok is None
    assert "kizashi bounces read" in said


def test_settings_of_a_provider_that_contradict_each_other_are_told_with_their_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = CliRunner().invoke(app, ["doctor"], env={**MAIL, "KIZASHI_SMTP__STARTTLS": "true", "COLUMNS": "200"})
    assert said.exit_code == 1
    assert "smtp.port 465 speaks TLS from the first byte" in said.output
    fine = CliRunner().invoke(app, ["doctor"], env={**MAIL, "COLUMNS": "200"})
    assert "smtp.port 465" not in fine.output
    assert "mx.example.com" in fine.output


def test_what_is_needed_to_find_a_gateway_is_said_in_grammar(tmp_path: Path) -> None:
    with pytest.raises(NotRunningError, match=r"database\.url and log\.url are not set: start `kizashi serve`"):
        find(Settings(data_dir=tmp_path))
    with pytest.raises(NotRunningError, match=r"and log\.url is not set"):
        find(Settings.model_validate({"data_dir": tmp_path, "database": {"url": "postgresql://x/y"}}))


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
