"""The stand-ins beside a gateway: what they are told of it, and it of them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import pytest

import gateway.sandbox
from gateway.embedded.errors import EmbeddedError
from gateway.sandbox import Sandbox
from notifiers.sandbox import server


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Sandbox, server.Sandbox]]:
    """The gateway's side, and what really runs on its port."""
    with server.running(server.Options()) as running:
        ports = iter([running.http_port, running.smtp_port])
        monkeypatch.setattr(gateway.sandbox, "free_port", lambda *_: next(ports))
        yield Sandbox("http://127.0.0.1:8080"), running


def test_customers_are_introduced_as_the_api_knows_them(sandbox: tuple[Sandbox, server.Sandbox]) -> None:
    ours, running = sandbox
    addresses = {"push": ["t1"], "sms": "+819012345678", "email": "aiko@example.com"}
    ours.introduce({"aiko/1": {"name": "Aiko", "locale": "ja", "time_zone": "Asia/Tokyo", "addresses": addresses}})
    [known] = running.customers.listed({})
    assert (known.id, known.name, known.time_zone) == ("aiko/1", "Aiko", "Asia/Tokyo")
    assert (known.addresses.sms, known.addresses.email) == ("+819012345678", "aiko@example.com")


def test_a_sandbox_that_refuses_or_is_away_is_told_so(sandbox: tuple[Sandbox, server.Sandbox]) -> None:
    ours, _ = sandbox
    with pytest.raises(EmbeddedError, match="did not take in the customers"):
        ours.introduce({"aiko": {"addresses": 1}})
    ours._http = 1
    with pytest.raises(EmbeddedError, match="did not take in the customers"):
        ours.introduce({"aiko": {"addresses": {}}})


def test_mail_comes_back_into_the_gateways_own_program(sandbox: tuple[Sandbox, server.Sandbox]) -> None:
    ours, _ = sandbox
    assert ours.environment()["KIZASHI_SMTP__BOUNCE_DOMAIN"] in ours.environment()["KIZASHI_SMTP__FROM"]
    child = ours.child({"A": "1"})
    command = child.argv[child.argv.index("--bounce-command") + 1]
    assert shlex.split(command)[1:] == ["-m", "gateway.cli", "bounces", "read"]
    assert child.env == {"A": "1"}
