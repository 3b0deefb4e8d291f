"""Telling a person who follows a link from machines that look at it."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from gateway.api.previews import is_person

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Safari/604.1"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
)


@pytest.mark.parametrize(
    "headers",
    [
        {"user-agent": IPHONE},
        {"user-agent": f"{IPHONE} Line/14.1.0"},
        {"user-agent": f"{IPHONE} [Pinterest/iOS]"},
        {"user-agent": CHROME, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"},
        {"user-agent": "Mozilla/5.0 (Linux; Android 12; CUBOT KING KONG 7) AppleWebKit/537.36 Chrome/120.0 Mobile"},
    ],
)
def test_browsers_are_people(headers: dict[str, str]) -> None:
    assert is_person("GET", Headers(headers))


@pytest.mark.parametrize(
    "agent",
    [
        "", " ", "Twitterbot/1.0", "TelegramBot (like TwitterBot)", "Mozilla/5.0 (compatible; Discordbot/2.0)",
        "facebookexternalhit/1.1 Facebot Twitterbot/1.0", "WhatsApp/2.23.20 A", "SkypeUriPreview Preview/0.5",
        "MyApp/1 CFNetwork/1498 Darwin/23.6.0", "Mozilla/5.0 (Windows NT 5.1) GoogleImageProxy",
    ],
)  # fmt: skip
def test_what_says_that_it_is_a_machine_is_one(agent: str) -> None:
    assert not is_person("GET", Headers({"user-agent": agent}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Sec-Purpose", "prefetch"), ("Sec-Purpose", "prefetch;prerender"), ("Purpose", "prefetch"),
        ("X-Purpose", "preview"), ("X-Moz", "prefetch"), ("Sec-Fetch-Mode", "no-cors"),
    ],
)  # fmt: skip
def test_looking_ahead_is_not_following(name: str, value: str) -> None:
    assert not is_person("GET", Headers({"user-agent": CHROME, name: value}))


def test_asking_for_the_head_is_not_following() -> None:
    assert not is_person("HEAD", Headers({"user-agent": CHROME}))
