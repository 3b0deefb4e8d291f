"""Asking one of our own processes whether it answers."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

PROBE_SECONDS = 2.0
_OK = 200


def answers(url: str) -> bool:
    """Whether a GET of ``url`` is answered by 200 within two seconds; never goes through a proxy."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PROBE_SECONDS)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == _OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
