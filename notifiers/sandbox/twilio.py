"""A stand-in for Twilio's Messages resource, with signed status callbacks.

Like Twilio's own test numbers, a number's ending decides what becomes of a message to it. ``+…500555`` followed by
0001: 21211 invalid, 0002: 21612 no route, 0003: 21408 region, 0006: 21606 sender, 0009: 21610 opted out, 0014: 21614
not mobile, 0029: 20429 too fast. By callback, 0103: 30003 unreachable, 0104: 30004 blocked, 0105: 30005 unknown number,
0107: 30007 filtered, 0108: 30008 unknown error, 0140: delivered, then read, 0150: no callback ever.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec
from fastapi import APIRouter, Request, Response

from notifiers.sandbox.answering import Connections, answer
from notifiers.sandbox.faults import TAKES_IT, Fault, Faults, Mode, now_ms
from notifiers.sandbox.outbound import Call, Outbound
from notifiers.sandbox.receipts import Due, send
from notifiers.sandbox.record import Received, Record
from notifiers.sms.segments import segments, utf16_units

MAX_BODY = 1600
STEP_S = 0.2
"""Between two status callbacks."""

_VALIDITIES = frozenset(str(seconds) for seconds in range(1, 36_001))
_MAGIC = re.compile(r".*500555(\d{4})")
_REFUSED_NUMBERS = {
    "0001": (400, 21211),
    "0002": (400, 21612),
    "0003": (400, 21408),
    "0006": (400, 21606),
    "0009": (400, 21610),
    "0014": (400, 21614),
    "0029": (429, 20429),
}
_LATER = {"0103": 30003, "0104": 30004, "0105": 30005, "0107": 30007, "0108": 30008}
_READ, _SILENT = "0140", "0150"
_FAULT_CODES = {500: 20500, 503: 20503, 429: 20429}
_NUMBER = re.compile(r"\+\d{5,15}")
_INVALID, _OPTED_OUT = (400, 21211), (400, 21610)
API_VERSION = "2010-04-01"
FORM = "application/x-www-form-urlencoded"


class RefusalError(Exception):
    """Twilio says no."""

    def __init__(self, status: int, code: int) -> None:
        """An HTTP status and Twilio's own code."""
        super().__init__(str(code))
        self.status = status
        self.code = code


class Account:
    """Who may send, and the secret that signs callbacks."""

    def __init__(self, auth_token: str, account_sid: str | None = None) -> None:
        """Any account sid will do where none is named."""
        self._token = auth_token
        self._sid = account_sid

    def check(self, sid: str, authorization: str) -> None:
        """Check basic authentication.

        Raises:
            RefusalError: wrong account or token.
        """
        if self._sid is not None and sid != self._sid:
            raise RefusalError(404, 20404)
        wanted = b"Basic " + base64.b64encode(f"{sid}:{self._token}".encode())
        if not hmac.compare_digest(authorization.encode(), wanted):
            raise RefusalError(401, 20003)

    def sign(self, url: str, fields: Mapping[str, str]) -> str:
        """Sign a callback as Twilio does; apart from ``notifiers.sms.signature``, so that each checks the other."""
        mac = hmac.new(self._token.encode(), url.encode(), hashlib.sha1)
        for name in sorted(fields):
            mac.update(name.encode() + fields[name].encode())
        return base64.b64encode(mac.digest()).decode()

    def signed(self, url: str, fields: Mapping[str, str]) -> Call:
        """A webhook call as Twilio makes it."""
        headers = {
            "Content-Type": FORM,
            "X-Twilio-Signature": self.sign(url, fields),
            "I-Twilio-Idempotency-Token": secrets.token_hex(16),
        }
        return Call(url, urlencode(fields).encode(), headers)


def router(account: Account, record: Record, faults: Faults, connections: Connections, outbound: Outbound) -> APIRouter:
    """Creating and listing messages."""
    routes = APIRouter(prefix="/2010-04-01/Accounts/{sid}")

    @routes.post("/Messages.json")
    async def create(sid: str, request: Request) -> Response:
        fields = dict(parse_qsl((await request.body()).decode(errors="replace"), keep_blank_values=True))
        fault = faults.take("twilio")
        if fault.mode not in TAKES_IT:
            _log(record, fields, "fault", fault.mode)
        authorization = request.headers.get("Authorization", "")
        process = partial(_process, account, sid, authorization, fields, fault, record=record, outbound=outbound)
        return await answer(request, fault, connections, process, lambda status: error(status, _FAULT_CODES[status]))

    @routes.get("/Messages.json")
    async def listed(sid: str, request: Request) -> Response:
        try:
            account.check(sid, request.headers.get("Authorization", ""))
        except RefusalError as refusal:
            return error(refusal.status, refusal.code)
        return _respond(_page(record, sid, request.query_params))

    return routes


def validate(fields: Mapping[str, str]) -> None:
    """Check a message the way Twilio does.

    Raises:
        RefusalError: it would be refused.
    """
    to, body = fields.get("To", ""), fields.get("Body", "")
    if not _NUMBER.fullmatch(to):
        raise RefusalError(400, 21211)
    if not fields.get("From") and not fields.get("MessagingServiceSid"):
        raise RefusalError(400, 21603)
    if not body:
        raise RefusalError(400, 21602)
    if utf16_units(body) > MAX_BODY:
        raise RefusalError(400, 21617)
    if fields.get("ValidityPeriod", "1") not in _VALIDITIES:
        raise RefusalError(400, 21910)
    if (callback := fields.get("StatusCallback")) and not urlsplit(callback).netloc:
        raise RefusalError(400, 21609)
    refused = _REFUSED_NUMBERS.get(_ending(to))
    if refused is not None:
        raise RefusalError(*refused)


def error(status: int, code: int) -> Response:
    """Twilio's error body."""
    return _respond(
        {"code": code, "message": "The request was refused.", "more_info": f"errors/{code}", "status": status}, status
    )


def _process(
    account: Account,
    sid: str,
    authorization: str,
    fields: dict[str, str],
    fault: Fault,
    *,
    record: Record,
    outbound: Outbound,
) -> Response:
    try:
        account.check(sid, authorization)
        validate(fields)
        if fault.mode == "refuse":
            raise RefusalError(*_INVALID)
        if fields["To"] in record.opted_out:
            raise RefusalError(*_OPTED_OUT)
    except RefusalError as refusal:
        _log(record, fields, f"refused {refusal.code}", fault.mode)
        return error(refusal.status, refusal.code)
    received = _take(sid, fields, fault.mode, record)
    if fields.get("StatusCallback"):
        _report(account, sid, received, fault, outbound)
    return _respond(_resource(received, sid), 201)


def _take(account_sid: str, fields: dict[str, str], mode: Mode, record: Record) -> Received:
    sid = f"SM{secrets.token_hex(16)}"
    number = _log(record, fields, "accepted", mode, provider_id=sid)
    text = fields["Body"]
    detail = {
        "from": fields.get("From", ""),
        "messaging_service_sid": fields.get("MessagingServiceSid"),
        "segments": segments(text).parts,
        "validity_period": fields.get("ValidityPeriod"),
        "account_sid": account_sid,
        "status_callback": fields.get("StatusCallback", ""),
    }
    received = Received(
        number, now_ms(), "sms", fields["To"], _message_id(fields), sid, "", text, state="queued", detail=detail
    )
    record.message(received)
    return received


def _report(account: Account, sid: str, received: Received, fault: Fault, outbound: Outbound) -> None:
    """Schedule the status callbacks that this number deserves."""
    ending = _ending(received.to)
    if ending == _SILENT:
        return
    code = _LATER.get(ending)
    last = ["undelivered"] if code else ["delivered", "read"] if ending == _READ else ["delivered"]
    planned = [
        Due(STEP_S * number, account.signed(received.detail["status_callback"], _status(sid, received, status, code)))
        for number, status in enumerate(["sent", *last], 1)
    ]
    send(outbound, planned, fault)
    received.state = last[-1]


def _status(sid: str, received: Received, status: str, code: int | None) -> dict[str, str]:
    """A status callback's fields."""
    fields = {
        "AccountSid": sid,
        "ApiVersion": API_VERSION,
        "From": received.detail["from"],
        "MessageSid": received.provider_id,
        "MessageStatus": status,
        "SmsSid": received.provider_id,
        "SmsStatus": status,
        "To": received.to,
    }
    return {**fields, "ErrorCode": str(code)} if code and status == "undelivered" else fields


def _page(record: Record, sid: str, query: Mapping[str, str]) -> dict[str, Any]:
    size = min(max(int(query.get("PageSize", "50")), 1), 1000)
    page = max(int(query.get("Page", "0")), 0)
    found = [
        each
        for each in record.messages("sms", query.get("To", ""))
        if query.get("From", "") in {"", each.detail["from"]} and _on_day(each.at, query)
    ]
    path = f"/2010-04-01/Accounts/{sid}/Messages.json"
    shown = found[page * size : (page + 1) * size]
    rest = {name: value for name, value in query.items() if name not in {"Page", "PageSize"}}
    more = urlencode({**rest, "PageSize": size, "Page": page + 1})
    return {
        "messages": [_resource(each, sid) for each in shown],
        "page": page,
        "page_size": size,
        "start": page * size,
        "end": page * size + max(len(shown) - 1, 0),
        "first_page_uri": f"{path}?{urlencode({**rest, 'PageSize': size, 'Page': 0})}",
        "next_page_uri": f"{path}?{more}" if len(found) > (page + 1) * size else None,
        "previous_page_uri": None,
        "uri": path,
    }


def _on_day(at: int, query: Mapping[str, str]) -> bool:
    """Twilio's DateSent filter has days for its grain."""
    day = datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d")
    exact, before, after = query.get("DateSent"), query.get("DateSent<"), query.get("DateSent>")
    return (not exact or day == exact[:10]) and (not before or day <= before[:10]) and (not after or day >= after[:10])


def _resource(received: Received, sid: str) -> dict[str, Any]:
    created = format_datetime(datetime.fromtimestamp(received.at // 1000, UTC))
    uri = f"/2010-04-01/Accounts/{sid}/Messages/{received.provider_id}.json"
    return {
        "account_sid": sid,
        "api_version": API_VERSION,
        "body": received.text,
        "date_created": created,
        "date_sent": created,
        "date_updated": created,
        "direction": "outbound-api",
        "error_code": _LATER.get(_ending(received.to)),
        "error_message": None,
        "from": received.detail["from"] or None,
        "messaging_service_sid": received.detail["messaging_service_sid"],
        "num_media": "0",
        "num_segments": str(received.detail["segments"]),
        "price": None,
        "price_unit": "USD",
        "sid": received.provider_id,
        "status": received.state,
        "subresource_uris": {"media": uri.replace(".json", "/Media.json")},
        "to": received.to,
        "uri": uri,
    }


def _log(record: Record, fields: dict[str, str], outcome: str, mode: Mode, provider_id: str = "") -> int:
    return record.request(
        "twilio", _message_id(fields), fields.get("To", ""), outcome, fault=mode, provider_id=provider_id
    )


def _message_id(fields: Mapping[str, str]) -> str:
    """Our id is the last part of the status callback's path."""
    return urlsplit(fields.get("StatusCallback", "")).path.rpartition("/")[2]


def _ending(number: str) -> str:
    found = _MAGIC.fullmatch(number)
    return found.group(1) if found else ""


def _respond(body: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")
