from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifiers.endpoint import fault_of


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/hook?key=1",
        "https://example.com:8443/",
        "https://example.com:1024/",
        "https://example.com:443/",
        "http://example.com:80/",
        "https://example.com./hook",
        "http://example.com",
        "https://xn--r8jz45g.example/",
        "https://203.0.113.5/hook",
        "https://[2001:db8::1]:8443/hook",
        "https://my-host/hook",
    ],
)
def test_what_can_be_called_is_an_endpoint(url: str) -> None:
    assert fault_of(url) is None


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("", "is not a URL"),
        ("https://exa mple.com", "is not a URL"),
        ("https://example.com\\@10.0.0.1/", "is not a URL"),
        ("https://例え.jp/", "is not a URL"),
        ("https://[::1", "can't be read"),
        ("https://example.com:99999/", "can't be read"),
        ("https://example.com:0/", "no web server answers"),
        ("https://example.com:22/", "no web server answers"),
        ("https://example.com:25/", "no web server answers"),
        ("https://example.com:465/", "no web server answers"),
        ("https://example.com:1023/", "no web server answers"),
        ("https://example.com:6379/", "no web server answers"),
        ("https://example.com:6667/", "no web server answers"),
        ("ftp://example.com/", "must begin with https://"),
        ("file:///etc/passwd", "must begin with https://"),
        ("gopher://127.0.0.1:25/", "must begin with https://"),
        ("//example.com/", "must begin with https://"),
        ("https://user:secret@example.com/", "user name or password"),
        ("https://example.com:443@10.0.0.1/", "user name or password"),
        ("https://example.com%2f@10.0.0.1/", "user name or password"),
        ("https://example.com%00.internal/", "no host name"),
        ("https://%31%30.0.0.1/", "no host name"),
        ("https://example.com\r\nHost: internal/", "is not a URL"),
        ("https://①②⑦.0.0.1/", "is not a URL"),
        ("https://example。com/", "is not a URL"),
        ("https://example.com:25@example.com/", "user name or password"),
        ("unix:///var/run/docker.sock", "must begin with https://"),
        ("http+unix://%2Fvar%2Frun%2Fdocker.sock/", "must begin with https://"),
        ("https://@example.com/", "user name or password"),
        ("https:///path", "no host name"),
        ("https://-a.example/", "no host name"),
        ("https://exa_mple.com/", "no host name"),
        ("https://[fe80::1%25eth0]/", "no host name"),
        ("https://example.com/#part", "fragment"),
        ("https://example.com/" + "a" * 2_000, "longer than"),
    ],
)
def test_what_cannot_is_told_why(url: str, fault: str) -> None:
    assert fault in (fault_of(url) or "")


@given(st.text())
def test_no_text_is_too_odd_to_be_judged(text: str) -> None:
    fault_of(text)
    fault_of("https://" + text)
