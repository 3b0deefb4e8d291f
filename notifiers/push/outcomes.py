"""FCM's answers and what they mean for a message. Pure: an answer in, an outcome out.

Source: FCM HTTP v1 ``ErrorCode`` reference. Reasons hold codes only, never the provider's text: it may quote the token.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import msgspec

from notifiers.attempt import Answer
from notifiers.http_session import retry_after_s
from notifiers.outcome import Accepted, Outcome, Refused, Retry, Unknown

QUOTA_WAIT_S = 60.0
"""FCM's wish where a 429 comes without Retry-After."""

_FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
_LONGEST_CODE = 40
_SERVER_TROUBLE = frozenset({500, 502, 503})
_TOKEN_FIELD = "message.token"  # noqa: S105 - the name of a field


class Problem(msgspec.Struct, frozen=True):
    """The parts of FCM's error body that decide."""

    code: str
    """``errorCode``, or the RPC status where FCM itself did not speak; empty for a body that is not FCM's."""
    from_fcm: bool = False
    fields: tuple[str, ...] = ()
    """Fields that violate the request's rules."""


def outcome_of(answer: Answer) -> Outcome:
    """Read a whole HTTP answer."""
    if answer.status == HTTPStatus.OK:
        return _success(answer.body)
    problem = read_problem(answer.body)
    if problem.from_fcm and problem.code in BY_CODE:
        return BY_CODE[problem.code](problem, answer)
    return _by_status(answer, problem)


def read_problem(body: bytes) -> Problem:
    """Find the error code; HTML, truncated and foreign bodies give an empty one."""
    error = _get(_json(body), "error")
    details = _list(error, "details")
    code = next((_text(d, "errorCode") for d in details if _get(d, "@type") == _FCM_ERROR), "")
    fields = tuple(
        _text(violation, "field")
        for detail in details
        if _get(detail, "@type") == _BAD_REQUEST
        for violation in _list(detail, "fieldViolations")
    )
    return Problem(code or _text(error, "status"), from_fcm=bool(code), fields=fields)


def _success(body: bytes) -> Outcome:
    name = _text(_json(body), "name")
    if not name:
        return Unknown("fcm answered 200 without a message name")
    return Accepted(name)


def _invalid_argument(problem: Problem, _: Answer) -> Outcome:
    return Refused("fcm INVALID_ARGUMENT", drop_address=_TOKEN_FIELD in problem.fields)


def _configuration(problem: Problem, answer: Answer) -> Outcome:
    return Retry(f"fcm {problem.code}", after_s=retry_after_s(answer.headers), alarm=True)


def _token_gone(problem: Problem, _: Answer) -> Outcome:
    return Refused(f"fcm {problem.code}", drop_address=True)


def _quota(_: Problem, answer: Answer) -> Outcome:
    wait = retry_after_s(answer.headers)
    return Retry("fcm QUOTA_EXCEEDED", after_s=QUOTA_WAIT_S if wait is None else wait)


def _server(problem: Problem, answer: Answer) -> Outcome:
    return Retry(f"fcm {problem.code}", after_s=retry_after_s(answer.headers))


BY_CODE: dict[str, Callable[[Problem, Answer], Outcome]] = {
    "INVALID_ARGUMENT": _invalid_argument,
    "THIRD_PARTY_AUTH_ERROR": _configuration,
    "APNS_AUTH_ERROR": _configuration,
    "SENDER_ID_MISMATCH": _token_gone,
    "UNREGISTERED": _token_gone,
    "QUOTA_EXCEEDED": _quota,
    "INTERNAL": _server,
    "UNAVAILABLE": _server,
}
"""FCM's own codes. They come before the HTTP status, which several of them share."""


def _by_status(answer: Answer, problem: Problem) -> Outcome:
    """Judge an answer that carries no FCM code: a proxy's, or the API's front door's."""
    status = answer.status
    reason = f"fcm HTTP {status}" + (f" {problem.code}" if _is_code(problem.code) else "")
    if status == HTTPStatus.BAD_REQUEST:
        return _invalid_argument(problem, answer)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return _quota(problem, answer)
    if status in _SERVER_TROUBLE:
        return Retry(reason, after_s=retry_after_s(answer.headers))
    if status < HTTPStatus.MULTIPLE_CHOICES or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        # 504 above all: a proxy waited for FCM in vain, FCM may have the message.
        return Unknown(reason)
    # 401, 403, 404 and redirects without FCM's code: project, address or credentials of ours.
    return Retry(reason, after_s=retry_after_s(answer.headers), alarm=True)


def _is_code(text: str) -> bool:
    return text.isascii() and text.replace("_", "").isalpha() and text.isupper() and len(text) <= _LONGEST_CODE


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _get(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None


def _list(value: Any, key: str) -> list[Any]:
    found = _get(value, key)
    return found if isinstance(found, list) else []


def _text(value: Any, key: str) -> str:
    found = _get(value, key)
    return found if isinstance(found, str) else ""
