"""A push service's answers and what they mean for a message. Pure: an answer in, an outcome out.

Source: RFC 8030 sections 5 and 7.3 (what is accepted, expired subscriptions), 8.4 (rate limits), RFC 8292 section 4.2
(401 and 403). Reasons hold the status only, never the answer's text or the URL.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from notifiers.attempt import Answer
from notifiers.http_session import retry_after_s
from notifiers.outcome import Accepted, Outcome, Refused, Retry, Unknown

QUOTA_WAIT_S: Final = 60.0
"""Where a 429 comes without ``Retry-After``."""


def outcome_of(answer: Answer, message_id: str) -> Outcome:
    """Read a whole answer to our POST. The body means nothing: the status is the answer."""
    status, reason = answer.status, f"webpush HTTP {answer.status}"
    if status in ACCEPTED:
        return Accepted(message_id)
    if status in BY_STATUS:
        return BY_STATUS[status](reason, answer)
    if status < HTTPStatus.MULTIPLE_CHOICES or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        # 504 above all: a proxy waited for the push service in vain, which may have the message.
        return Unknown(reason)
    if status < HTTPStatus.BAD_REQUEST:
        return Refused(f"{reason}: redirects are not followed")
    return Refused(reason)


def _gone(reason: str, _: Answer) -> Outcome:
    return Refused(f"{reason}: the subscription is gone", drop_address=True)


def _too_large(reason: str, _: Answer) -> Outcome:
    return Refused(f"{reason}: larger than this push service takes")


def _not_believed(reason: str, answer: Answer) -> Outcome:
    said = f"{reason}: the push service does not take our token; see webpush.private_key, webpush.subject and the clock"
    return Retry(said, after_s=retry_after_s(answer.headers), alarm=True)


def _another_key(reason: str, _: Answer) -> Outcome:
    # For this one subscription no repeat helps. It stays on record: the operator may have set a wrong key, and every
    # subscription there is would go with it.
    return Refused(f"{reason}: the subscription was made for another key than webpush.private_key", alarm=True)


def _quota(reason: str, answer: Answer) -> Outcome:
    wait = retry_after_s(answer.headers)
    return Retry(reason, after_s=QUOTA_WAIT_S if wait is None else wait)


def _later(reason: str, answer: Answer) -> Outcome:
    return Retry(reason, after_s=retry_after_s(answer.headers))


ACCEPTED: Final = frozenset({HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.ACCEPTED})
"""201 by RFC 8030; the others are what some push services say in its place."""

BY_STATUS: Final[dict[int, Callable[[str, Answer], Outcome]]] = {
    HTTPStatus.UNAUTHORIZED: _not_believed,
    HTTPStatus.FORBIDDEN: _another_key,
    HTTPStatus.NOT_FOUND: _gone,
    HTTPStatus.REQUEST_TIMEOUT: _later,
    HTTPStatus.GONE: _gone,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: _too_large,
    HTTPStatus.TOO_EARLY: _later,
    HTTPStatus.TOO_MANY_REQUESTS: _quota,
    HTTPStatus.INTERNAL_SERVER_ERROR: _later,
    HTTPStatus.BAD_GATEWAY: _later,
    HTTPStatus.SERVICE_UNAVAILABLE: _later,
}
"""What each status means."""
