"""Is this webhook Twilio's? Their signature, checked without their SDK.

The scheme (Twilio, "Webhooks security"): base64 of HMAC-SHA1 under the account's auth token, over the exact public URL
followed by each POST field's name and value, sorted by name. A JSON body is not part of it: the URL then carries
``bodySHA256``. Twilio sometimes signs the URL with its port and sometimes without, so both are accepted.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from urllib.parse import parse_qs, urlsplit, urlunsplit

HEADER = "X-Twilio-Signature"
_DEFAULT_PORTS = {"http": 80, "https": 443}


def sign(auth_token: str, url: str, fields: Iterable[tuple[str, str]] = ()) -> str:
    """Compute the signature of a request to ``url`` with the POST ``fields`` (a repeated value counts once)."""
    text = url + "".join(name + value for name, value in sorted(set(fields)))
    digest = hmac.new(auth_token.encode(), text.encode(errors="replace"), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def is_valid(
    auth_token: str, url: str, fields: Iterable[tuple[str, str]], signature: str, body: bytes | None = None
) -> bool:
    """Tell whether Twilio signed this request; in constant time as to the signature.

    Args:
        auth_token: the account's secret.
        url: the URL as Twilio called it, query string included (see ``public_url``).
        fields: the POST fields, decoded, each occurrence one pair; none for a JSON body.
        signature: the ``X-Twilio-Signature`` header, empty where absent.
        body: the raw body, needed where the URL carries ``bodySHA256``.
    """
    expected_body = parse_qs(urlsplit(url).query).get("bodySHA256")
    if expected_body is not None:
        actual = hashlib.sha256(body or b"").hexdigest()
        if not hmac.compare_digest(actual.encode(), expected_body[0].lower().encode(errors="replace")):
            return False
    pairs = list(fields)
    presented = signature.encode(errors="replace")
    matches = [hmac.compare_digest(sign(auth_token, each, pairs).encode(), presented) for each in _port_variants(url)]
    return bool(signature) and any(matches)


def public_url(configured: str, path: str, query: str = "") -> str:
    """Rebuild the URL that Twilio called from the public one, for behind a TLS proxy we only see plain http.

    Args:
        configured: the ``public_url`` setting, such as ``https://example.com`` or with a path prefix.
        path: the request's raw path.
        query: its raw query string, without ``?``.
    """
    base = urlsplit(configured)
    return urlunsplit((base.scheme, base.netloc, base.path.rstrip("/") + path, query, ""))


def _port_variants(url: str) -> tuple[str, str]:
    """The URL as it is, and with its default port added, or its port dropped."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        return url, url
    if port is None:
        other = f"{parts.netloc}:{_DEFAULT_PORTS.get(parts.scheme, 443)}"
    else:
        other = parts.netloc.rpartition(":")[0]
    return url, url.replace(parts.netloc, other, 1)
