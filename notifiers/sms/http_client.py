"""Twilio's SDK on our HTTP session, at another endpoint where wanted, and silent."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit, urlunsplit

from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response

from notifiers import http_session


class DeadlineTwilioClient(TwilioHttpClient):  # type: ignore[misc]
    """Swaps scheme and host (edge and region cannot point elsewhere), sends once, within the thread's attempt."""

    def __init__(self, base_url: str | None, connections: int) -> None:
        """Keep up to ``connections`` connections alive."""
        super().__init__(pool_connections=False)
        self.session = http_session.session(connections)
        self._base = urlsplit(base_url.rstrip("/")) if base_url else None

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        """Send, see the base class."""
        return super().request(method, self._elsewhere(url), *args, **kwargs)

    def log_request(self, kwargs: dict[str, Any]) -> None:
        """Log nothing: the SDK would log the customer's number."""

    def log_response(self, status_code: int, response: Any) -> None:
        """Log nothing."""

    def _elsewhere(self, url: str) -> str:
        if self._base is None:
            return url
        parts = urlsplit(url)
        return urlunsplit((self._base.scheme, self._base.netloc, self._base.path + parts.path, parts.query, ""))
