"""Tells a person who follows a link from the machines that only look at it. Pure.

Apps fetch a link to show a preview the moment the message arrives; counting that as a click would stop an escalation
that nobody has seen. Only what says of itself that it is a machine can be told: see docs/reference/hooks.md.

Headers: Sec-Purpose (Fetch standard, prefetch), Sec-Fetch-Mode and Sec-Fetch-Dest (W3C Fetch Metadata), Purpose and
X-Purpose (older Chromium and WebKit), X-Moz (older Firefox).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_AHEAD_OF_TIME: Final = ("sec-purpose", "purpose", "x-purpose", "x-moz")
_BOT: Final = re.compile(r"(?<!cu)bot")
"""CUBOT is a make of telephone."""
_LOOKING: Final = re.compile(r"prefetch|prerender|preview", re.IGNORECASE)

AGENTS: Final = (
    "crawler", "spider", "preview", "facebookexternalhit", "facebookcatalog", "meta-externalagent",
    "whatsapp", "line-poker", "viber", "skypeuripreview", "embedly", "iframely", "vkshare", "kakaotalk-scrap",
    "microsoft office", "ms-office", "googleimageproxy", "yahoomailproxy", "google-safety", "barracuda", "mimecast",
    "proofpoint", "urldefense", "symantec", "headlesschrome", "cfnetwork",
)  # fmt: skip
"""Beside those with *bot* in their name, what previewing apps, crawlers and mail scanners call themselves, in lower
case. ``cfnetwork`` is an iPhone's system fetching for a preview: its browsers do not say so."""


def is_person(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a request for a link is a person's: a GET by something that calls itself a browser and goes there now.

    Args:
        method: ``HEAD`` only looks.
        headers: names in any case, as the server's mapping gives them.
    """
    if method != "GET" or any(_LOOKING.search(headers.get(name, "")) for name in _AHEAD_OF_TIME):
        return False
    # A browser that sends fetch metadata says ``navigate`` when a person goes there, ``no-cors`` for a picture.
    if headers.get("sec-fetch-mode", "navigate") != "navigate":
        return False
    agent = headers.get("user-agent", "").lower()
    return bool(agent.strip()) and _BOT.search(agent) is None and not any(name in agent for name in AGENTS)
