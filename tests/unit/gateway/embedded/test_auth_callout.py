import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.embedded.auth_callout import device_permissions, hash_password, password_matches


def test_a_device_may_say_what_is_its_own_and_hear_its_commands() -> None:
    claims = device_permissions("chiller-7")
    assert claims["pub"] == {"allow": ["devices.chiller-7.>"]}
    assert claims["sub"] == {
        "allow": ["devices.chiller-7.commands", "devices.chiller-7.commands.>", "$MQTT.sub.>"],
    }
    assert claims["allowed_connection_types"] == ["MQTT"]


def test_a_full_stop_in_an_id_stays_within_its_level() -> None:
    assert device_permissions("shop.7")["pub"] == {"allow": ["devices.shop//7.>"]}


@pytest.mark.parametrize("device_id", ["", "*", ">", "a/b", "a b", "a\tb", "+", "#", "a>b", "$SYS", "x" * 257, "a\x00"])
def test_an_id_that_would_open_more_than_itself_gets_no_permissions(device_id: str) -> None:
    with pytest.raises(ValueError, match="device id"):
        device_permissions(device_id)


@given(st.text(max_size=40))
def test_permissions_never_hold_a_wildcard_before_the_devices_own_level(device_id: str) -> None:
    try:
        claims = device_permissions(device_id)
    except ValueError:
        return
    for subject in claims["pub"]["allow"] + claims["sub"]["allow"][:2]:
        first, own = subject.split(".")[:2]
        assert first == "devices"
        assert own == device_id.replace(".", "//")
        assert own not in {"*", ">", ""}


@given(st.text(max_size=40), st.text(max_size=40))
def test_only_the_password_itself_matches_its_hash(password: str, other: str) -> None:
    stored = hash_password(password)
    assert password_matches(password, stored)
    assert password_matches(other, stored) is (other == password)


def test_a_device_without_a_credential_matches_nothing_not_even_an_empty_password() -> None:
    assert not password_matches("", None)
    assert not password_matches("x", None)


def test_a_stored_hash_is_not_itself_a_password() -> None:
    stored = hash_password("secret")
    assert not password_matches(stored, stored)
