import stat
from pathlib import Path

import pytest

from gateway.embedded.errors import EmbeddedError
from gateway.embedded.identity import Identity, load_identity, save_identity


def test_secrets_and_ports_are_kept(tmp_path: Path) -> None:
    identity = load_identity(tmp_path)
    identity.ports.nats = 15001
    save_identity(tmp_path, identity)
    assert load_identity(tmp_path) == identity
    assert stat.S_IMODE((tmp_path / "identity.json").stat().st_mode) == 0o600


def test_no_two_installations_share_a_secret() -> None:
    one, other = Identity(), Identity()
    assert one.postgres_password != other.postgres_password
    assert one.nats_password != other.nats_password
    assert one.issuer_seed != other.issuer_seed
    assert len({one.postgres_password, one.nats_password, one.nats_system_password}) == 3


def test_no_secret_shows_when_it_is_printed() -> None:
    identity = Identity()
    assert identity.issuer_seed not in repr(identity)
    assert identity.postgres_password not in f"{identity}"


@pytest.mark.parametrize("content", ["", "{}]", "[]", '{"issuer_seed": "SA"}', '{"ports": {"nats": "x"}}'])
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "identity.json").write_text(content)
    with pytest.raises(EmbeddedError, match=r"identity\.json is damaged"):
        load_identity(tmp_path)


def test_a_missing_file_beside_a_database_is_no_fresh_start(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    with pytest.raises(EmbeddedError, match=r"identity\.json is missing"):
        load_identity(tmp_path)


def test_a_link_planted_in_its_place_is_replaced_and_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    (tmp_path / "identity.json").symlink_to(victim)
    save_identity(tmp_path, Identity())
    assert victim.read_text() == "untouched"
    assert not (tmp_path / "identity.json").is_symlink()
