from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifiers.webhook.signature import TOLERANCE_S, is_valid, key_of, sign, signed

# The vector that the Standard Webhooks libraries are tested with.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
BODY = b'{"test": 2432232314}'
SIGNED_AT = 1614265330
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_published_vector_is_signed_as_published() -> None:
    assert sign(key_of(SECRET), MESSAGE_ID, SIGNED_AT, BODY) == SIGNATURE


@pytest.mark.parametrize(
    "signatures",
    [
        SIGNATURE,
        f"v1,bm9uc2Vuc2U= {SIGNATURE}",
        f"v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZ {SIGNATURE}",
    ],
)
def test_one_right_signature_among_several_is_enough(signatures: str) -> None:
    assert is_valid(key_of(SECRET), MESSAGE_ID, str(SIGNED_AT), BODY, signatures, SIGNED_AT + 1)


def test_two_keys_make_two_signatures_each_right_for_its_own() -> None:
    keys = [key_of(SECRET), b"an older key of 24 bytes"]
    signatures = signed(keys, MESSAGE_ID, SIGNED_AT, BODY)
    assert signatures.split(" ") == [sign(key, MESSAGE_ID, SIGNED_AT, BODY) for key in keys]
    for key in keys:
        assert is_valid(key, MESSAGE_ID, str(SIGNED_AT), BODY, signatures, SIGNED_AT)


@pytest.mark.parametrize(
    ("message_id", "timestamp", "body", "signatures"),
    [
        ("msg_other", str(SIGNED_AT), BODY, SIGNATURE),
        (MESSAGE_ID, str(SIGNED_AT + 1), BODY, SIGNATURE),
        (MESSAGE_ID, str(SIGNED_AT), b'{"test":2432232314}', SIGNATURE),
        (MESSAGE_ID, str(SIGNED_AT), BODY, SIGNATURE.removeprefix("v1,")),
        (MESSAGE_ID, str(SIGNED_AT), BODY, ""),
        (MESSAGE_ID, str(SIGNED_AT), BODY, "v1,\ud800"),
        (MESSAGE_ID, f"+{SIGNED_AT}", BODY, SIGNATURE),
        (MESSAGE_ID, "", BODY, SIGNATURE),
        (MESSAGE_ID, "9" * 400, BODY, SIGNATURE),
    ],
)
def test_whatever_is_changed_on_the_way_is_seen(message_id: str, timestamp: str, body: bytes, signatures: str) -> None:
    assert not is_valid(key_of(SECRET), message_id, timestamp, body, signatures, SIGNED_AT)


@pytest.mark.parametrize(("age_s", "good"), [(TOLERANCE_S, True), (-TOLERANCE_S, True), (301, False), (-301, False)])
def test_a_replayed_request_is_too_old(age_s: int, good: bool) -> None:
    assert is_valid(key_of(SECRET), MESSAGE_ID, str(SIGNED_AT), BODY, SIGNATURE, SIGNED_AT + age_s) is good


@given(st.binary(min_size=24, max_size=64), st.text("ab_1", min_size=1), st.integers(0, 2**33), st.binary())
def test_what_we_sign_is_valid_and_under_another_key_it_is_not(key: bytes, name: str, at: int, body: bytes) -> None:
    assert key_of("whsec_" + base64.b64encode(key).decode()) == key
    made = sign(key, name, at, body)
    assert is_valid(key, name, str(at), body, made, at)
    assert not is_valid(key[:-1] + bytes([key[-1] ^ 1]), name, str(at), body, made, at)


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_c2hvcnQ=", SECRET.removeprefix("whsec_"), "whsec_###", "whsec_é"]
)
def test_a_secret_that_is_none_is_refused_without_being_shown(secret: str) -> None:
    with pytest.raises(ValueError, match="must be whsec_ and base64 of 24 to 64 bytes") as refused:
        key_of(secret)
    assert len(secret) < 7 or secret not in str(refused.value)
