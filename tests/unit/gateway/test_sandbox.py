"""The stand-ins beside a gateway: what they are told of it, and it of them."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import gateway.sandbox
from gateway.embedded.errors import EmbeddedError
from gateway.sandbox import Sandbox, pointed_at
from gateway.settings import Settings
from notifiers.sandbox import server
from notifiers.webpush import vapid


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


def test_any_name_is_a_browser_and_pushes_reach_it_with_the_gateways_own_key(
    sandbox: tuple[Sandbox, server.Sandbox],
) -> None:
    ours, running = sandbox
    subscription = ours.browser("aiko:1")
    assert subscription["endpoint"] == f"http://127.0.0.1:{running.http_port}/webpush/aiko:1"
    settings = {name.removeprefix("KIZASHI_WEBPUSH__"): value for name, value in ours.environment().items()}
    assert settings["SUBJECT"].startswith("mailto:")
    public = vapid.public_of(vapid.key_of(settings["PRIVATE_KEY"]))
    argv = ours.child({}).argv
    assert argv[argv.index("--webpush-key") + 1] == public
    ours._http = 1
    with pytest.raises(EmbeddedError, match="has no browser aiko"):
        ours.browser("aiko")


@pytest.mark.parametrize(
    ("own", "starts", "left_alone"),
    [
        ({}, True, set()),
        ({"smtp": {"host": "mail.example.com", "from": "a@example.com"}}, True, set()),
        ({"fcm": {"base_url": "http://127.0.0.1:9"}}, True, {"FCM"}),
        ({"twilio": {"base_url": "http://127.0.0.1:9"}, "smtp": {"host": "localhost"}}, True, {"TWILIO", "SMTP"}),
        (
            {
                "twilio": {"base_url": "http://127.0.0.1:9"},
                "smtp": {"host": "::1"},
                "fcm": {"base_url": "http://127.0.0.1:9"},
            },
            False,
            {"TWILIO", "SMTP", "FCM"},
        ),
    ],
)
def test_a_provider_without_a_stand_in_of_the_operators_gets_ours(
    own: dict[str, dict[str, str]], starts: bool, left_alone: set[str]
) -> None:
    settings = Settings.model_validate({"sandbox": True, **own})
    assert gateway.sandbox.wanted(settings) is starts
    assert pointed_at(settings) == left_alone
    given = Sandbox("http://127.0.0.1:8080", pointed_at(settings)).environment()
    sections = {name.removeprefix("KIZASHI_").partition("__")[0] for name in given}
    assert sections == {"FCM", "TWILIO", "SMTP", "WEBHOOK", "WEBPUSH"} - left_alone
    assert not gateway.sandbox.wanted(settings.model_copy(update={"sandbox": False}))


def test_mail_comes_back_into_the_gateways_own_program(sandbox: tuple[Sandbox, server.Sandbox]) -> None:
    ours, _ = sandbox
    assert ours.environment()["KIZASHI_SMTP__BOUNCE_DOMAIN"] in ours.environment()["KIZASHI_SMTP__FROM"]
    child = ours.child({"A": "1"})
    command = child.argv[child.argv.index("--bounce-command") + 1]
    assert shlex.split(command)[1:] == ["-P", "-m", "gateway.cli", "bounces", "read"]
    assert child.env == {"A": "1"}


def test_a_file_of_the_operators_that_is_called_like_a_module_of_ours_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("rules", "notifiers", "secrets"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('this is not the module')\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    child = Sandbox("http://127.0.0.1:8080").child({})
    process = subprocess.Popen(child.argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = process.stdout.readline()
    process.terminate()
    _, complaint = process.communicate(timeout=20)
    assert "http_port" in said, complaint
    command = shlex.split(child.argv[child.argv.index("--bounce-command") + 1])
    read = subprocess.run([*command, "--help"], capture_output=True, text=True, timeout=60, check=False)
    assert read.returncode == 0, read.stderr
