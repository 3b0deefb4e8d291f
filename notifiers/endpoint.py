"""What a webhook's address may look like. Pure: which machine answers there is looked at when connecting."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

MAX_URL = 2_000

_PLAIN = re.compile(r"[\x21-\x7e]+")
_HOST = re.compile(
    r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*\.?|[0-9a-f:.]*:[0-9a-f:.]*"
)


def fault_of(url: str) -> str | None:
    r"""What keeps ``url`` from being an endpoint, ready to follow a subject; ``None``: nothing.

    Strict where programs read URLs differently: no user name, no fragment, no backslash, a host of plain ASCII.
    """
    if len(url) > MAX_URL:
        return f"is longer than {MAX_URL} characters"
    if not _PLAIN.fullmatch(url) or "\\" in url:
        return "is not a URL: it holds spaces, backslashes or characters outside ASCII"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "is not a URL: its host or port can't be read"
    if parts.scheme not in {"https", "http"}:
        return "must begin with https://"
    if "@" in parts.netloc:
        return "may not hold a user name or password; put a secret into the path"
    if not _HOST.fullmatch(host) or port == 0:
        return "has no host name that can be called (write international names in their xn-- form)"
    if parts.fragment:
        return "may not hold a fragment (#…)"
    return None
