"""Twilio's answers to a send and what they mean for the message. Pure: an answer in, an outcome out.

Source: Twilio's error dictionary. Reasons hold codes only, never the provider's text: it quotes the number.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec

from notifiers.attempt import Answer
from notifiers.http_session import retry_after_s
from notifiers.outcome import Accepted, Outcome, Refused, Retry, Unknown

BY_CODE: dict[int, Refused | Retry] = {
    # The recipient.
    21610: Refused("twilio 21610: opted out", opted_out=True),
    21211: Refused("twilio 21211: invalid number", drop_address=True),
    21214: Refused("twilio 21214: number cannot be reached", drop_address=True),
    21217: Refused("twilio 21217: invalid number", drop_address=True),
    21614: Refused("twilio 21614: not a mobile number", drop_address=True),
    21612: Refused("twilio 21612: no route from sender to number"),
    # The message.
    21602: Refused("twilio 21602: empty body"),
    21617: Refused("twilio 21617: body too long"),
    # A region that the account does not serve, often on purpose: use the next channel, and look.
    21408: Refused("twilio 21408: region not enabled", alarm=True),
    # Our configuration: the message is kept until somebody has mended it.
    20003: Retry("twilio 20003: credentials", alarm=True),
    20005: Retry("twilio 20005: account not active", alarm=True),
    20404: Retry("twilio 20404: no such account", alarm=True),
    21212: Retry("twilio 21212: invalid sender", alarm=True),
    21603: Retry("twilio 21603: no sender", alarm=True),
    21606: Retry("twilio 21606: sender cannot send to this number", alarm=True),
    21609: Retry("twilio 21609: invalid status callback", alarm=True),
    21659: Retry("twilio 21659: sender is not the account's", alarm=True),
    21660: Retry("twilio 21660: sender is not the account's", alarm=True),
    21701: Retry("twilio 21701: no such messaging service", alarm=True),
    21703: Retry("twilio 21703: messaging service without senders", alarm=True),
    30002: Retry("twilio 30002: account suspended", alarm=True),
    63038: Retry("twilio 63038: daily limit", alarm=True),
    # Too fast: not processed.
    20429: Retry("twilio 20429: too many requests"),
    21611: Retry("twilio 21611: sender's queue is full"),
}
"""Error code of the answer to what it means. Codes that come later, by callback: ``notifiers.sms.status``."""


def outcome_of(answer: Answer) -> Outcome:
    """Read a whole HTTP answer to ``POST Messages.json``."""
    body = _json(answer.body)
    if answer.status in {HTTPStatus.OK, HTTPStatus.CREATED}:
        return _success(body)
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status < HTTPStatus.MULTIPLE_CHOICES:
        # Twilio knows no idempotency key: whether a 5xx was processed can only be asked, never assumed.
        return Unknown(f"twilio HTTP {answer.status}")
    code = body.get("code")
    meant = BY_CODE.get(code) if isinstance(code, int) else None
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS or isinstance(meant, Retry):
        meant = meant if isinstance(meant, Retry) else BY_CODE[20429]
        return msgspec.structs.replace(meant, after_s=retry_after_s(answer.headers))
    return meant or _other(answer.status, code)


def _success(body: dict[str, Any]) -> Outcome:
    sid = body.get("sid")
    if not isinstance(sid, str) or not sid:
        return Unknown("twilio accepted without a sid")
    return Accepted(sid)


def _other(status: int, code: Any) -> Outcome:
    reason = f"twilio {code}" if isinstance(code, int) else f"twilio HTTP {status}"
    if status == HTTPStatus.BAD_REQUEST:
        return Refused(reason)
    # 401, 403, 404, redirects: our address or credentials.
    return Retry(reason, alarm=True)


def _json(body: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
