from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from notifiers.sandbox.webpush import Browser, browser, decrypt
from notifiers.subscription import Subscription, from_base64url
from notifiers.webpush.encryption import MAX_PLAINTEXT_BYTES, RECORD_BYTES, encode, encrypt


def private(text: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(from_base64url(text), "big"), ec.SECP256R1())


WATERMELON = b"When I grow up, I want to be a watermelon"
"""RFC 8291 appendix A, with all its intermediate values given by the browser's and the sender's keys."""
SENDER = private("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")
RECEIVER = Browser(private("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"), from_base64url("BTBZMqHH6r4Tts7J_aSIgg"))
P256DH = from_base64url("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4")
SALT = from_base64url("DGv6ra1nlYgDCS1FRnbzlw")
BODY = from_base64url(
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_"
    "yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def of(name: str) -> Subscription:
    known = browser(name)
    return Subscription("https://push.example.com/x", known.public, known.auth)


def test_the_example_of_rfc_8291_comes_out_to_the_byte() -> None:
    to = Subscription("https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV", P256DH, RECEIVER.auth)
    assert RECEIVER.public == P256DH
    assert encrypt(WATERMELON, to, sender=SENDER, salt=SALT) == BODY


def test_the_example_of_rfc_8188_comes_out_to_the_byte() -> None:
    salt, material = from_base64url("I1BsxtFttlv3u_Oo94xnmw"), from_base64url("yqdlZ-tYemfogSmv7Ws5PQ")
    expected = "I1BsxtFttlv3u_Oo94xnmwAAEAAA-NAVub2qFgBEuQKRapoZu-IxkIva3MEB1PD-ly8Thjg"
    assert encode(b"I am the walrus", material, key_id=b"", salt=salt) == from_base64url(expected)


def test_the_stand_ins_browser_reads_the_example_too() -> None:
    assert decrypt(BODY, RECEIVER) == WATERMELON


@given(st.binary(max_size=MAX_PLAINTEXT_BYTES), st.sampled_from(["one", "two"]))
def test_whatever_is_said_only_the_browser_that_was_meant_can_read_it(plaintext: bytes, name: str) -> None:
    body = encrypt(plaintext, of(name))
    assert decrypt(body, browser(name)) == plaintext
    try:
        decrypt(body, browser(name + " else"))
    except ValueError:
        return
    raise AssertionError("another browser could read it")


def test_the_longest_message_fills_a_body_that_every_push_service_takes() -> None:
    assert MAX_PLAINTEXT_BYTES == 3993
    assert len(encrypt(bytes(MAX_PLAINTEXT_BYTES), of("one"))) == RECORD_BYTES


def test_the_same_words_never_look_the_same_twice() -> None:
    first, second = (encrypt(b"same", of("one")) for _ in range(2))
    assert first[:16] != second[:16]  # salt
    assert first[21:86] != second[21:86]  # the sender's key
