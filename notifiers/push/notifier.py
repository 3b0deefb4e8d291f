"""The push channel: firebase-admin, with its hidden repeats off."""

from __future__ import annotations

import threading
import time
import uuid
import weakref
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import firebase_admin
import requests
from firebase_admin import _http_client, credentials, exceptions, messaging
from google.auth import credentials as google_credentials
from google.auth import exceptions as google_exceptions
from google.auth.transport.requests import AuthorizedSession, Request

from notifiers import http_session
from notifiers.attempt import Attempt, attempt
from notifiers.outcome import Accepted, CannotTell, Outcome, Outgoing, Refused, Retry, Settlement, Unknown
from notifiers.push import outcomes
from notifiers.push.config import PushConfig
from notifiers.push.payload import build

_SDK_FAILURES = (
    exceptions.FirebaseError,
    requests.exceptions.RequestException,
    OSError,
    # What the SDK's own reading of a malformed answer ends in.
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
)
_LONG_AGO = datetime.fromtimestamp(0, UTC).replace(tzinfo=None)
"""google-auth counts in UTC without saying so."""

_MALFORMED_ADDRESS = "fcm: the token is not one"


class _StaticToken(google_credentials.Credentials):
    """A token that never expires, for a local endpoint that asks for none in particular."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.token = "local"  # noqa: S105 - not a secret

    def refresh(self, request: Any) -> None:
        """Nothing to refresh."""


class _StaticCredential(credentials.Base):  # type: ignore[misc]
    def get_credential(self) -> google_credentials.Credentials:
        """The token that every request carries."""
        return _StaticToken()


class PushNotifier:
    """Sends by FCM's HTTP v1 interface. Safe for several threads; ``close`` it when done."""

    channel = "push"
    provider = "fcm"

    def __init__(self, config: PushConfig) -> None:
        """Open nothing yet; the first send connects.

        Raises:
            ValueError: the credentials file is no service account's.
            OSError: it cannot be read.
        """
        self._config = config
        self._app = firebase_admin.initialize_app(
            _credential(config), {"projectId": config.project_id, "httpTimeout": config.deadline_s}, uuid.uuid4().hex
        )
        self._credential = self._app.credential.get_credential()
        self._session = _install_session(self._app, self._credential, config)
        self._finalizer = weakref.finalize(self, self._session.close)

    def send(self, message: Outgoing) -> Outcome:
        """Send once; see ``notifiers.outcome.Notifier``."""
        if not message.to.strip() or not message.to.isprintable():
            return Refused(_MALFORMED_ADDRESS, drop_address=True)
        payload = build(message, self._config.default_ttl_s, int(time.time()))
        with attempt(self._config.deadline_s) as now:
            try:
                name = messaging.send(payload, app=self._app)
            except google_exceptions.GoogleAuthError as error:
                # Raised while fetching an access token: the message itself has not left.
                rejected = isinstance(error, google_exceptions.RefreshError)
                return Retry(f"fcm credentials: {type(error).__name__}", alarm=rejected)
            except _SDK_FAILURES as error:
                return self._failed(now, error)
        return Accepted(name) if isinstance(name, str) and name else Unknown("fcm answered 200 without a message name")

    def settle(self, message: Outgoing, sent_after_ms: int) -> Settlement:
        """FCM cannot be asked; only the app's acknowledgement settles."""
        return CannotTell()

    def close(self) -> None:
        """Close the connections and forget the app."""
        if not self._finalizer.alive:
            return
        self._finalizer()
        # delete_app runs an event loop of its own, which a thread that already runs one may not.
        closing = threading.Thread(target=firebase_admin.delete_app, args=(self._app,))
        closing.start()
        closing.join()

    def _failed(self, now: Attempt, error: BaseException) -> Outcome:
        if now.answer is not None:
            if now.answer.status == HTTPStatus.UNAUTHORIZED:
                self._credential.expiry = _LONG_AGO  # fetch a new token for the next message
            return outcomes.outcome_of(now.answer)
        reason = f"fcm {type(error).__name__}"
        if now.request_left:
            return Unknown(f"{reason} after the request left")
        return Retry(f"{reason} before the request left")


def _credential(config: PushConfig) -> credentials.Base:
    if config.base_url is not None:
        return _StaticCredential()
    if config.credentials_file is not None:
        return credentials.Certificate(config.credentials_file)
    return credentials.ApplicationDefault()


def _install_session(app: firebase_admin.App, credential: Any, config: PushConfig) -> requests.Session:
    """Give the app's messaging service our session and, where wanted, another endpoint.

    The SDK has no option for either. Its own client repeats on 500, 503, dropped connections and 401; this one never.
    """
    tokens = Request(http_session.session(1))
    authorized: Any = AuthorizedSession  # untyped, like most of that library
    session: requests.Session = authorized(
        credential, refresh_status_codes=(), max_refresh_attempts=0, auth_request=tokens
    )
    http_session.mount(session, config.connections)
    service = messaging._get_messaging_service(app)
    service._client = _http_client.JsonHttpClient(session=session, retries=None, timeout=config.deadline_s)
    if config.base_url is not None:
        service._fcm_url = f"{config.base_url.rstrip('/')}/v1/projects/{config.project_id}/messages:send"
    return session
