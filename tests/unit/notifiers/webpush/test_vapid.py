from __future__ import annotations

import base64

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from notifiers.sandbox.webpush import RefusalError, key_that_signed
from notifiers.webpush import vapid

NOW = 1_790_000_123
ORIGIN = "https://push.example.net"
EXAMPLE = (
    "vapid t=eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9."
    "eyJhdWQiOiJodHRwczovL3B1c2guZXhhbXBsZS5uZXQiLCJleHAiOjE0NTM1MjM3NjgsInN1YiI6Im1haWx0bzpwdXNoQGV4YW1w"
    "bGUuY29tIn0."
    "i3CYb7t4xfxCDquptFOepC9GAu_HLGkMlMuCGSK2rpiUfnK9ojFwDXb1JrErtmysazNjjvW2L9OkSSHzvoD1oA, "
    "k=BA1Hxzyi1RUM1b5wjxsn7nGxAszw2u61m164i3MrAIxHF6YK5h4SDYic-dRuU_RCPCfA5aq9ojSwk5Y2EmClBPs"
)
"""RFC 8292 section 2.4; it ends at 1453523768."""


@pytest.fixture(scope="module")
def key() -> ec.EllipticCurvePrivateKey:
    return vapid.key_of(vapid.new_key())


def test_our_token_is_taken_by_the_push_service_that_it_is_for(key: ec.EllipticCurvePrivateKey) -> None:
    header = vapid.authorization(key, ORIGIN, "mailto:care@example.com", NOW)
    assert key_that_signed(header, ORIGIN, NOW) == vapid.public_of(key)


def test_the_stand_in_takes_the_example_of_rfc_8292() -> None:
    key = key_that_signed(EXAMPLE, ORIGIN, 1_453_523_768 - 60)
    assert key == EXAMPLE.rpartition("k=")[2]


@pytest.mark.parametrize(
    ("audience", "now"),
    [("https://other.example.net", 1_453_523_700), (ORIGIN, 1_453_523_768), (ORIGIN, 1_453_523_767 - 24 * 3600)],
)
def test_the_stand_in_refuses_another_audience_and_what_is_too_old_or_too_long(audience: str, now: int) -> None:
    with pytest.raises(RefusalError):
        key_that_signed(EXAMPLE, audience, now)


@pytest.mark.parametrize(
    "altered", ["", "Bearer x", EXAMPLE.replace("i3CYb7", "i3CYb8"), EXAMPLE.replace("k=BA", "k=BB")]
)
def test_the_stand_in_refuses_what_nobody_signed(altered: str) -> None:
    with pytest.raises(RefusalError):
        key_that_signed(altered, ORIGIN, 1_453_523_700)


def test_a_token_lives_for_half_a_day_and_says_the_same_for_an_hour(key: ec.EllipticCurvePrivateKey) -> None:
    def claims(now: int) -> dict[str, object]:
        token = vapid.authorization(key, ORIGIN, "mailto:care@example.com", now).split("t=")[1]
        found: dict[str, object] = msgspec.json.decode(base64.urlsafe_b64decode(token.split(".")[1] + "==="))
        return found

    start = NOW - NOW % 3600
    assert (
        claims(start)
        == claims(start + 3599)
        == {"aud": ORIGIN, "exp": start + 43_200, "sub": "mailto:care@example.com"}
    )
    assert claims(start + 3600) != claims(start)


def test_a_key_is_read_in_any_form_it_comes_in() -> None:
    text = vapid.new_key()
    key = vapid.key_of(text)
    assert len(base64.urlsafe_b64decode(text + "=")) == 32
    for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL):
        pem = key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()
        assert vapid.public_of(vapid.key_of(pem)) == vapid.public_of(key)
    assert vapid.public_of(vapid.key_of(f" {text}=\n")) == vapid.public_of(key)
    assert len(vapid.public_of(key)) == 87


def _others() -> list[str]:
    locked = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")
    )
    curve = ec.generate_private_key(ec.SECP384R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    other = rsa.generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    zero = base64.urlsafe_b64encode(bytes(32)).decode()
    broken = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----"
    return ["", "secret!", "c2VjcmV0", zero, broken, locked.decode(), curve.decode(), other.decode()]


@pytest.mark.parametrize("text", _others(), ids=range(8))
def test_what_is_no_key_is_refused_with_the_mend_and_never_shown(text: str) -> None:
    with pytest.raises(ValueError, match="kizashi keys vapid") as refused:
        vapid.key_of(text)
    assert not text or text not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://fcm.googleapis.com/fcm/send/a:b", "https://fcm.googleapis.com"),
        ("https://Push.Example.com:443/x", "https://push.example.com"),
        ("https://push.example.com:8443/x", "https://push.example.com:8443"),
        ("http://127.0.0.1:9099/webpush/x", "http://127.0.0.1:9099"),
        ("https://[2001:db8::1]/x", "https://[2001:db8::1]"),
    ],
)
def test_an_origin_is_written_as_browsers_do(url: str, origin: str) -> None:
    assert vapid.origin_of(url) == origin


@pytest.mark.parametrize("subject", ["mailto:care@example.com", "https://example.com", "https://example.com/contact"])
def test_a_contact_is_a_mailbox_or_a_page(subject: str) -> None:
    assert vapid.fault_of_subject(subject) is None


@pytest.mark.parametrize(
    "subject", ["", "care@example.com", "mailto:", "mailto:care", "http://example.com", "https://"]
)
def test_anything_else_is_no_contact(subject: str) -> None:
    assert "mailto:" in (vapid.fault_of_subject(subject) or "")
