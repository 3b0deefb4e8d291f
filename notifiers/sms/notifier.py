"""The SMS channel: Twilio's SDK, sending once, and asking where a send's fate is unknown."""

from __future__ import annotations

import unicodedata
import weakref
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import requests
from twilio.base.exceptions import TwilioException
from twilio.rest import Client

from notifiers.attempt import Attempt, attempt
from notifiers.outcome import Accepted, CannotTell, NotSent, Outcome, Outgoing, Refused, Retry, Settlement, Unknown
from notifiers.sms import outcomes
from notifiers.sms.config import SmsConfig
from notifiers.sms.http_client import DeadlineTwilioClient
from notifiers.sms.segments import utf16_units

MAX_BODY = 1600
"""Twilio's limit for ``Body``, UTF-16 units."""

MAX_VALIDITY_S = 36_000
CLOCK_SLACK_MS = 2_000
"""``date_created`` has whole seconds, and Twilio's clock is not ours."""

LISTED = 100
"""Messages to one number that are looked through when settling."""

_ELLIPSIS = "..."
"""Three dots: the one-character ellipsis would turn a GSM-7 text into UCS-2, at twice the price."""

_SDK_FAILURES = (
    TwilioException,
    requests.exceptions.RequestException,
    OSError,
    # What the SDK's own reading of a malformed answer ends in.
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
)


class SmsNotifier:
    """Sends by Twilio's Messages resource. Safe for several threads; ``close`` it when done."""

    channel = "sms"
    provider = "twilio"

    def __init__(self, config: SmsConfig) -> None:
        """Open nothing yet; the first send connects."""
        self._config = config
        self._http = DeadlineTwilioClient(config.base_url, config.connections)
        self._client = Client(config.account_sid, config.auth_token, http_client=self._http, environment={"-": ""})
        self._finalizer = weakref.finalize(self, self._http.session.close)

    def send(self, message: Outgoing) -> Outcome:
        """Send once; see ``notifiers.outcome.Notifier``."""
        if not _is_number(message.to):
            return Refused("twilio: not an E.164 number", drop_address=True)
        with attempt(self._config.deadline_s) as now:
            try:
                self._client.messages.create(**self._fields(message))
            except _SDK_FAILURES as error:
                return _outcome(now, error)
            return _outcome(now, None)

    def settle(self, message: Outgoing, sent_after_ms: int) -> Settlement:
        """Look for ``message`` among what Twilio has for that number: same body, created since, not ``taken``.

        Ask some seconds after the send: a message shows in Twilio's list a moment after it was taken.
        """
        with attempt(self._config.deadline_s) as now:
            try:
                listed = self._client.messages.list(to=message.to, limit=LISTED, page_size=LISTED)
            except _SDK_FAILURES:
                return CannotTell()
            if now.answer is None or now.answer.status != HTTPStatus.OK:
                return CannotTell()
        since = datetime.fromtimestamp((sent_after_ms - CLOCK_SLACK_MS) // 1000, UTC)
        recent = [each for each in listed if each.date_created is None or each.date_created >= since]
        for each in reversed(recent):  # newest first on the wire; the oldest match is ours
            if _is_ours(each, message):
                return Accepted(each.sid)
        # A full list that does not reach back far enough proves nothing.
        return CannotTell() if len(recent) == LISTED else NotSent()

    def close(self) -> None:
        """Close the connections."""
        self._finalizer()

    def _fields(self, message: Outgoing) -> dict[str, Any]:
        fields: dict[str, Any] = {"to": message.to, "body": fit(message.text)}
        if self._config.messaging_service_sid:
            fields["messaging_service_sid"] = self._config.messaging_service_sid
        else:
            fields["from_"] = self._config.from_
        if message.status_callback:
            fields["status_callback"] = message.status_callback
        if message.ttl_s is not None:
            fields["validity_period"] = min(max(message.ttl_s, 1), MAX_VALIDITY_S)
        return fields


def fit(text: str) -> str:
    """Cut ``text`` to Twilio's limit, at a character's end; what UTF-8 cannot carry (lone surrogates) is replaced."""
    text = text.encode(errors="replace").decode()
    if utf16_units(text) <= MAX_BODY:
        return text
    cut = text[: MAX_BODY - len(_ELLIPSIS)]
    while utf16_units(cut) > MAX_BODY - len(_ELLIPSIS):
        cut = cut[:-1]
    return cut + _ELLIPSIS


def _outcome(now: Attempt, error: BaseException | None) -> Outcome:
    """Judge by the answer where there is one, else by whether the request left."""
    if now.answer is not None:
        return outcomes.outcome_of(now.answer)
    reason = f"twilio {type(error).__name__}"
    if now.request_left:
        return Unknown(f"{reason} after the request left")
    return Retry(f"{reason} before the request left")


def _is_number(text: str) -> bool:
    digits = text[1:]
    return text.startswith("+") and digits.isascii() and digits.isdigit() and len(digits) in range(5, 16)


def _is_ours(listed: Any, message: Outgoing) -> bool:
    if not isinstance(listed.sid, str) or listed.sid in message.taken:
        return False
    if str(listed.direction or "").startswith("inbound"):
        return False
    return _same_body(str(listed.body or ""), fit(message.text))


def _same_body(listed: str, ours: str) -> bool:
    """Twilio trims the ends, and may compose characters."""
    return unicodedata.normalize("NFC", listed).strip() == unicodedata.normalize("NFC", ours).strip()
