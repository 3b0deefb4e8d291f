"""Settings come from the file, the environment and secret files, and wrong ones are named."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from gateway import settings
from gateway.settings import Settings, SettingsError

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "settings.md"


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_file_is_read_and_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kizashi.toml").write_text('data_dir = "here"\n[http]\nbind = "127.0.0.1:1"\n[smtp]\nfrom = "a@b.c"\n')
    monkeypatch.setenv("KIZASHI_HTTP__BIND", "127.0.0.1:2")
    loaded = settings.load()
    assert (loaded.data_dir, loaded.http.bind, loaded.smtp.from_) == (Path("here"), "127.0.0.1:2", "a@b.c")


def test_a_sender_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIZASHI_TWILIO__FROM", "+815012345678")
    assert settings.load().twilio.from_ == "+815012345678"


def test_a_secret_is_read_from_the_file_that_a_variable_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    monkeypatch.setenv("KIZASHI_TWILIO__AUTH_TOKEN_FILE", str(tmp_path / "token"))
    token = settings.load().twilio.auth_token
    assert token is not None
    assert token.get_secret_value() == "s3cret"


def test_a_variable_wins_over_a_secret_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("from the file")
    monkeypatch.setenv("KIZASHI_TWILIO__AUTH_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("KIZASHI_TWILIO__AUTH_TOKEN", "from the variable")
    token = settings.load().twilio.auth_token
    assert token is not None
    assert token.get_secret_value() == "from the variable"


def test_a_secret_file_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIZASHI_SMTP__PASSWORD_FILE", "/nowhere/secret")
    with pytest.raises(SettingsError, match="KIZASHI_SMTP__PASSWORD_FILE names /nowhere/secret"):
        settings.load()


@pytest.mark.parametrize("name", ["KIZASHI_FCM__CREDENTIALS_FILE", "KIZASHI_MQTT__CA_FILE"])
def test_settings_that_are_paths_themselves_stay_paths(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "/etc/x.json")
    loaded = settings.load()
    assert Path("/etc/x.json") in (loaded.fcm.credentials_file, loaded.mqtt.ca_file)


def test_an_unknown_setting_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "kizashi.toml").write_text('[htpp]\nbind = "x"\n')
    with pytest.raises(SettingsError, match="htpp"):
        settings.load()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[smtp]\nhots = 'x'", "smtp.hots: no such setting; did you mean 'host'?"),
        ("[twilio]\nfrm = '+81'", "twilio.frm: no such setting; did you mean 'from'?"),
        ("sandox = true", "sandox: no such setting; did you mean 'sandbox'?"),
        ("[smtp.bounce_imap]\npasswort = 'x'", "smtp.bounce_imap.passwort: no such setting; did you mean 'password'?"),
        ("[policy]\ncaps = [{at_most = 1, per = '1d', for = 'x'}]", "policy.caps.0.for: no such setting; docs/"),
        ("[policy]\ntime_zone = 'Tokio'", "policy.time_zone: 'Tokio' is not a time zone; write it as in Asia/Tokyo"),
        ("[policy]\nquiet_hours = {offers = '25:00-8'}", "policy.quiet_hours.offers: "),
        (
            "[smtp\nhost = 1",
            "kizashi.toml can't be read: Expected ']' at the end of a table declaration (at line 1, column 6)",
        ),
    ],
)
def test_what_is_wrong_in_the_file_is_one_line_with_place_and_mend(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "kizashi.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as refused:
        settings.load()
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_section_that_is_misspelt_in_the_environment_is_not_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIZASHI_PORT", "tcp://10.0.0.1:8080")  # as Kubernetes sets it
    monkeypatch.setenv("KIZASHI_SMPT__HOST", "mail.example.com")
    with pytest.raises(SettingsError, match=r"^KIZASHI_SMPT__HOST: no such setting; did you mean 'smtp'\?$"):
        settings.load()


def test_a_wrong_value_is_named_with_its_section(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIZASHI_LOG__PARTITIONS", "none")
    with pytest.raises(SettingsError, match=r"log\.partitions"):
        settings.load()


def test_no_secret_shows_when_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TWILIO__AUTH_TOKEN", "SMTP__PASSWORD", "API__BOOTSTRAP_KEY", "MQTT__PASSWORD", "DATABASE__URL"):
        monkeypatch.setenv(f"KIZASHI_{name}", "canary-value")
    assert "canary-value" not in repr(settings.load())


def _names(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _names(field.annotation, f"{prefix}{name}.")
        else:
            yield prefix + (field.alias or name)


def test_each_setting_is_documented_and_nothing_else() -> None:
    documented = set(re.findall(r"^\| `([a-z0-9_.]+)` \|", REFERENCE.read_text(encoding="utf-8"), re.MULTILINE))
    assert documented == set(_names(Settings))
