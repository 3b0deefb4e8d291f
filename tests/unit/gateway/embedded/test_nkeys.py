import base64
import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from gateway.embedded.nkeys import (
    ACCOUNT,
    SERVER,
    USER,
    AccountKey,
    NkeyError,
    decode_public_key,
    encode_public_key,
    read_server_token,
)

# A pair from the NATS documentation of auth callout.
PUBLISHED_SEED = "SAANDLKMXL6CUS3CP52WIXBEDN6YJ545GDKC65U5JZPPV6WH6ESWUA6YAI"
PUBLISHED_KEY = "ABJHLOVMPA4CI6R5KLNGOB4GSLNIY7IOUPAJC4YFNDLQVIOBYQGUWVLA"


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _server_token(claims: dict[str, object], kind: int = SERVER) -> str:
    private = Ed25519PrivateKey.generate()
    raw = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    signed = f"{_part({'alg': 'ed25519-nkey'})}.{_part({**claims, 'iss': encode_public_key(kind, raw)})}"
    return f"{signed}.{base64.urlsafe_b64encode(private.sign(signed.encode())).decode().rstrip('=')}"


def test_the_published_seed_gives_the_published_key() -> None:
    key = AccountKey.from_seed(PUBLISHED_SEED)
    assert key.public == PUBLISHED_KEY
    assert key.seed == PUBLISHED_SEED


@given(st.binary(min_size=32, max_size=32), st.sampled_from([(ACCOUNT, "A"), (SERVER, "N"), (USER, "U")]))
def test_a_public_key_survives_its_own_writing(raw: bytes, kind: tuple[int, str]) -> None:
    number, letter = kind
    text = encode_public_key(number, raw)
    assert len(text) == 56
    assert text.startswith(letter)
    assert decode_public_key(text, number) == raw


@pytest.mark.parametrize("position", [0, 1, 20, 55])
def test_a_mistyped_key_is_noticed(position: int) -> None:
    wrong = "B" if PUBLISHED_KEY[position] != "B" else "C"
    with pytest.raises(NkeyError):
        decode_public_key(PUBLISHED_KEY[:position] + wrong + PUBLISHED_KEY[position + 1 :], ACCOUNT)


@pytest.mark.parametrize("text", ["", "A", "not base32!", PUBLISHED_KEY, PUBLISHED_SEED[:-3], "é"])
def test_what_is_no_seed_is_refused(text: str) -> None:
    with pytest.raises(NkeyError):
        AccountKey.from_seed(text)


def test_a_key_of_another_kind_is_refused() -> None:
    with pytest.raises(NkeyError, match="expected kind"):
        decode_public_key(PUBLISHED_KEY, USER)


def test_a_signed_token_is_verified_by_the_key_that_it_names() -> None:
    key = AccountKey.generate()
    head, body, signature = key.sign_token({"sub": "somebody"}).split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    assert claims == {"sub": "somebody", "iss": key.public}
    public = Ed25519PublicKey.from_public_bytes(decode_public_key(claims["iss"], ACCOUNT))
    public.verify(base64.urlsafe_b64decode(signature + "=="), f"{head}.{body}".encode())


def test_a_servers_token_is_read() -> None:
    assert read_server_token(_server_token({"nats": {"a": 1}}))["nats"] == {"a": 1}


def test_a_token_altered_on_the_way_is_refused() -> None:
    head, _, signature = _server_token({"nats": {"a": 1}}).split(".")
    other = _server_token({"nats": {"a": 2}}).split(".")[1]
    with pytest.raises(NkeyError, match="signature"):
        read_server_token(f"{head}.{other}.{signature}")


def test_a_token_that_no_server_signed_is_refused() -> None:
    with pytest.raises(NkeyError, match="expected kind"):
        read_server_token(_server_token({"nats": {}}, kind=ACCOUNT))


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c", "a.e30.c", "....", _part([1]) * 2, f"x.{_part([1])}.x"])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(NkeyError):
        read_server_token(token)
