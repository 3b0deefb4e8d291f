"""An endpoint's answers and what they mean for the message. Pure: an answer in, an outcome out.

Source: Standard Webhooks specification, "Operational considerations": 2xx is success, 410 asks never to be called
again, 429 and 503 may carry ``Retry-After``, redirects are not followed. Reasons hold the status only, never the
answer's text or the URL.
"""

from __future__ import annotations

from http import HTTPStatus

from notifiers.attempt import Answer
from notifiers.http_session import retry_after_s
from notifiers.outcome import Accepted, Outcome, Refused, Retry

AGAIN = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
"""4xx answers that say "later", not "no"."""


def outcome_of(answer: Answer, message_id: str) -> Outcome:
    """Read a whole answer to our POST. The body means nothing: the status is the answer."""
    status = answer.status
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        # Nobody stands between us and the receiver: that it answered is that it has the message.
        return Accepted(message_id, delivered=True)
    reason = f"webhook HTTP {status}"
    if status == HTTPStatus.GONE:
        return Refused(f"{reason}: the endpoint wants no more", drop_address=True)
    if status in AGAIN or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Retry(reason, after_s=retry_after_s(answer.headers))
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return Refused(f"{reason}: redirects are not followed; put the final URL")
    return Refused(reason)
