"""What a webhook's address may look like. Pure: which machine answers there is looked at when connecting."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

MAX_URL = 2_000

WEB_PORTS = frozenset({80, 443})
OTHERS_PORTS = frozenset(
    {
        *(1719, 1720, 1723, 2049, 3306, 3389, 3659, 4045, 4190, 5060, 5061, 5432, 6000, 6379, 6566, 6679, 6697),
        *range(6665, 6670),
        *(9200, 10080, 11211, 27017),
    }
)
"""Above 1023, and yet of other protocols: what we post could be read there as commands. WHATWG Fetch standard, "Port
blocking", and the databases that listen in the clear."""
FIRST_FREE_PORT = 1024

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
    if not _HOST.fullmatch(host):
        return "has no host name that can be called (write international names in their xn-- form)"
    if port is not None and not _is_web_port(port):
        return f"names port {port}, on which no web server answers; use 443, or one above 1023"
    if parts.fragment:
        return "may not hold a fragment (#…)"
    return None


def _is_web_port(port: int) -> bool:
    return port in WEB_PORTS or (port >= FIRST_FREE_PORT and port not in OTHERS_PORTS)
