"""``kizashi keys vapid`` and what the doctor says of web push."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from gateway.commands import doctor
from gateway.settings import Settings
from notifiers.webpush import vapid

KEY = vapid.new_key()
PUBLIC = vapid.public_of(vapid.key_of(KEY))


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_new_key_is_printed_as_settings_and_its_public_half_for_pages() -> None:
    made = CliRunner().invoke(app, ["keys", "vapid"])
    assert made.exit_code == 0
    private = tomllib.loads(made.stdout)["private_key"]
    assert f"# applicationServerKey = {vapid.public_of(vapid.key_of(private))}" in made.stdout
    assert CliRunner().invoke(app, ["keys", "vapid"]).stdout != made.stdout


def test_the_key_that_is_set_is_never_printed_only_its_public_half(tmp_path: Path) -> None:
    (tmp_path / "kizashi.toml").write_text(f'[webpush]\nprivate_key = "{KEY}"\n')
    said = CliRunner().invoke(app, ["keys", "vapid"])
    assert said.stdout == f"# applicationServerKey = {PUBLIC}\n"
    assert KEY not in said.output
    another = CliRunner().invoke(app, ["keys", "vapid", "--new"])
    assert "private_key = " in another.stdout
    assert PUBLIC not in another.stdout


def test_a_key_from_a_pem_file_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    pem = vapid.key_of(KEY).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "vapid.pem").write_bytes(pem)
    monkeypatch.setenv("KIZASHI_WEBPUSH__PRIVATE_KEY_FILE", str(tmp_path / "vapid.pem"))
    assert PUBLIC in CliRunner().invoke(app, ["keys", "vapid"]).stdout


def test_a_key_that_is_none_says_how_to_make_one(tmp_path: Path) -> None:
    (tmp_path / "kizashi.toml").write_text('[webpush]\nprivate_key = "hunter2"\n')
    said = CliRunner().invoke(app, ["keys", "vapid"])
    assert said.exit_code == 1
    assert "webpush.private_key must be a private key on the curve P-256" in said.output
    assert "hunter2" not in said.output


def of(**webpush: str) -> doctor.Finding:
    settings = Settings.model_validate({"webpush": webpush})
    [found] = [each for each in doctor._providers(settings) if each.subject == "web push"]
    return found


def test_the_doctor_says_who_we_are_to_browsers() -> None:
    assert of(private_key=KEY, subject="mailto:a@b.example") == (
        "web push",
        True,
        f"mailto:a@b.example, applicationServerKey {PUBLIC}",
    )
    assert of() == ("web push", None, "not configured: set webpush.private_key and webpush.subject")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"private_key": "hunter2", "subject": "mailto:a@b.example"}, "webpush.private_key must be"),
        ({"private_key": KEY}, "webpush.subject must be how the push services reach you"),
        ({"private_key": KEY, "subject": "a@b.example"}, "webpush.subject must be how"),
    ],
)
def test_the_doctor_names_what_is_wrong(settings: dict[str, str], says: str) -> None:
    found = of(**settings)
    assert found.ok is False
    assert says in found.says
    assert "hunter2" not in found.says
