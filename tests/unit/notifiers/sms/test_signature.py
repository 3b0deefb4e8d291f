from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from notifiers.sms.signature import is_valid, public_url, sign

TOKEN = "12345"
URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
FIELDS = [
    ("CallSid", "CA1234567890ABCDE"),
    ("Caller", "+12349013030"),
    ("Digits", "1234"),
    ("From", "+12349013030"),
    ("To", "+18005551212"),
]
SIGNATURE = "0/KCTR6DLpKmkAf8muzZqo1nDgQ="


def test_the_published_vector() -> None:
    assert sign(TOKEN, URL, FIELDS) == SIGNATURE
    assert is_valid(TOKEN, URL, FIELDS, SIGNATURE)


def test_fields_in_any_order_and_repeated_sign_the_same() -> None:
    assert is_valid(TOKEN, URL, [*reversed(FIELDS), FIELDS[0]], SIGNATURE)


@pytest.mark.parametrize(
    ("token", "url", "fields", "signature"),
    [
        ("12346", URL, FIELDS, SIGNATURE),
        (TOKEN, URL.replace("https", "http"), FIELDS, SIGNATURE),
        (TOKEN, URL + "&more=1", FIELDS, SIGNATURE),
        (TOKEN, URL.replace("mycompany", "other"), FIELDS, SIGNATURE),
        (TOKEN, URL, FIELDS[1:], SIGNATURE),
        (TOKEN, URL, [*FIELDS, ("Extra", "1")], SIGNATURE),
        (TOKEN, URL, FIELDS, ""),
        (TOKEN, URL, FIELDS, SIGNATURE.lower()),
        (TOKEN, URL, FIELDS, "é\ud800"),
    ],
)
def test_anything_altered_is_refused(token: str, url: str, fields: list[tuple[str, str]], signature: str) -> None:
    assert not is_valid(token, url, fields, signature)


@pytest.mark.parametrize(
    ("signed", "seen"),
    [
        ("https://example.com:443/a", "https://example.com/a"),
        ("https://example.com/a", "https://example.com:443/a"),
        ("http://example.com:80/a", "http://example.com/a"),
        ("https://example.com/a", "https://example.com:8443/a"),
    ],
)
def test_the_url_counts_with_and_without_its_port(signed: str, seen: str) -> None:
    assert is_valid(TOKEN, seen, FIELDS, sign(TOKEN, signed, FIELDS))


def test_a_json_body_is_checked_by_its_hash() -> None:
    body = b'{"a":1}'
    url = f"https://example.com/a?bodySHA256={hashlib.sha256(body).hexdigest()}"
    signature = sign(TOKEN, url)
    assert is_valid(TOKEN, url, [], signature, body)
    assert not is_valid(TOKEN, url, [], signature, b'{"a":2}')
    assert not is_valid(TOKEN, url, [], signature)


def test_behind_a_proxy_the_public_url_is_rebuilt() -> None:
    assert public_url("https://example.com", "/hooks/a", "x=1") == "https://example.com/hooks/a?x=1"
    assert public_url("https://example.com:8443/gate/", "/hooks/a") == "https://example.com:8443/gate/hooks/a"


@given(st.dictionaries(st.text("abcXYZ", min_size=1), st.text("abc 気+&=", max_size=8)), st.text("abc/", max_size=8))
def test_twilios_own_library_agrees(fields: dict[str, str], path: str) -> None:
    url = f"https://example.com/{path}"
    theirs = RequestValidator(TOKEN).compute_signature(url, fields)
    assert sign(TOKEN, url, fields.items()) == theirs
    assert is_valid(TOKEN, url, fields.items(), theirs)
