"""The doors that providers, apps and mail readers knock on. No key: each request proves by itself who made it.

Bodies are small and bounded before anything reads them; what does not prove itself is answered 403 and changes nothing.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

import msgspec
import structlog
from fastapi import APIRouter, Request, Response
from prometheus_client import Counter
from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from gateway.api.pages import link_ended_page, unsubscribe_page, unsubscribed_page, wrong_link_page
from gateway.api.previews import is_person
from gateway.delivery import evidence
from gateway.delivery.links import CLICK_TOKEN, LinkError, Links, Unsubscribe
from gateway.settings import Settings
from gateway.storage import links, unread
from notifiers.sms import signature
from notifiers.sms.status import StatusUpdate, read_status

log = structlog.get_logger()

MAX_BODY: Final = 64_000
MAX_FIELDS: Final = 100
MAX_ID: Final = 128
FORM: Final = "application/x-www-form-urlencoded"
_TWIML: Final = '<?xml version="1.0" encoding="UTF-8"?><Response/>'
_HTML_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
    "Cache-Control": "no-store",
}
_ANY_ORIGIN: Final = {"Access-Control-Allow-Origin": "*"}
"""A shop's service worker acknowledges from the shop's own origin. It sends no cookie, and none would count."""

REFUSED = Counter("kizashi_hooks_refused", "Webhook requests that did not prove who made them", ["hook"])


class Refusal(Exception):  # noqa: N818 - an answer, not a fault of ours
    """The request is answered with this status and changes nothing."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class _Ack(msgspec.Struct):
    event: evidence.PushEvent = "delivered"
    token: str = ""


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def router(engine: Engine, settings: Settings, signed: Links, clock: Callable[[], datetime] = utc_now) -> APIRouter:
    """The routes outside ``/v1`` that the outside world calls.

    Args:
        engine: requests run on a pool of threads, so its pool wants some connections.
        settings: ``public_url`` and ``twilio.auth_token``; without the latter Twilio's routes answer 403.
        signed: the deployment's, see ``gateway.delivery.means.links_of``.
        clock: UTC.
    """
    routes = APIRouter(include_in_schema=False)
    hooks = _Hooks(engine, settings, signed, clock)
    routes.add_api_route("/hooks/twilio/status/{message_id}", hooks.sms_status, methods=["POST"])
    routes.add_api_route("/hooks/twilio/inbound", hooks.sms_inbound, methods=["POST"])
    routes.add_api_route("/hooks/push/{message_id}", hooks.push_ack, methods=["POST"])
    routes.add_api_route("/hooks/push/{message_id}", push_ack_asked, methods=["OPTIONS"])
    routes.add_api_route("/c/{token}", hooks.click, methods=["GET", "HEAD"])
    routes.add_api_route("/u/{token}", hooks.unsubscribe_shown, methods=["GET"])
    routes.add_api_route("/u/{token}", hooks.unsubscribe, methods=["POST"])
    return routes


async def push_ack_asked(message_id: str) -> Response:  # noqa: ARG001 - any: only the token counts
    """A browser asks whether a page of another origin may acknowledge a message (CORS)."""
    allowed = {
        "Access-Control-Allow-Methods": "POST",
        "Access-Control-Allow-Headers": "Content-Type",
        "Access-Control-Max-Age": "86400",
    }
    return Response(status_code=204, headers={**_ANY_ORIGIN, **allowed})


class _Account(NamedTuple):
    """One of our accounts with Twilio."""

    provider: str
    auth_token: str
    sid: str | None


class _Hooks:
    def __init__(self, engine: Engine, settings: Settings, signed: Links, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._links = signed
        self._clock = clock
        self._public_url = settings.public_url
        accounts = (("twilio", settings.twilio), ("twilio_2", settings.twilio_2))
        self._accounts = [
            _Account(name, twilio.auth_token.get_secret_value(), twilio.account_sid)
            for name, twilio in accounts
            if twilio.auth_token
        ]

    async def sms_status(self, message_id: str, request: Request) -> Response:
        """Twilio reports what became of a message."""
        try:
            account, fields = await self._twilio_form(request)
        except Refusal as refusal:
            return _refused("twilio_status", refusal)
        update = read_status(fields)
        if update is None:
            return Response(status_code=204)
        known = await run_in_threadpool(self._apply_status, message_id, update, fields, account)
        return Response(status_code=204 if known else 404)

    def _apply_status(self, message_id: str, update: StatusUpdate, fields: dict[str, str], account: str) -> bool:
        if len(message_id) > MAX_ID:
            return False
        with self._engine.begin() as connection, unread.kept_back(connection):
            return evidence.sms_status(connection, message_id, update, fields, self._clock(), provider=account)

    async def sms_inbound(self, request: Request) -> Response:
        """Somebody has written to our number."""
        try:
            _, fields = await self._twilio_form(request)
        except Refusal as refusal:
            return _refused("twilio_inbound", refusal)
        await run_in_threadpool(self._hear, fields)
        return Response(_TWIML, media_type="text/xml")

    def _hear(self, fields: dict[str, str]) -> None:
        number, sid = fields.get("From", ""), fields.get("MessageSid") or fields.get("SmsSid", "")
        with self._engine.connect() as connection:
            writers = evidence.senders(connection, number)
        if not writers:
            log.info("hooks.reply_from_stranger", sid=sid)
        answered: list[str] = []
        for customer_id in writers:
            with self._engine.begin() as connection:
                answered += evidence.inbound_sms(
                    connection, customer_id, sid, fields.get("Body", ""), number, self._clock()
                )
        # One contact a transaction, see storage.contacts.
        for contact_id in answered:
            with self._engine.begin() as connection:
                evidence.acknowledge(connection, contact_id, "The customer replied by SMS", self._clock())

    async def push_ack(self, message_id: str, request: Request) -> Response:
        """The app or the service worker has the message, or its user opened it."""
        answer = await self._acknowledged(message_id, request)
        answer.headers.update(_ANY_ORIGIN)
        return answer

    async def _acknowledged(self, message_id: str, request: Request) -> Response:
        try:
            ack = _read_ack(await _body(request))
            token = request.query_params.get("token") or ack.token
            if len(message_id) > MAX_ID or not self._links.is_ack_token(message_id, token):
                raise Refusal(403, "the token is not the one that came with the message")
        except Refusal as refusal:
            return _refused("push", refusal)
        known = await run_in_threadpool(self._apply_ack, message_id, ack.event)
        return Response(status_code=204 if known else 404)

    def _apply_ack(self, message_id: str, event: evidence.PushEvent) -> bool:
        with self._engine.begin() as connection, unread.kept_back(connection):
            return evidence.push_ack(connection, message_id, event, self._clock())

    async def click(self, token: str, request: Request) -> Response:
        """Lead on to where the message's link goes, and note it where a person follows it."""
        if CLICK_TOKEN.fullmatch(token) is None:
            return _page(link_ended_page(), 404)
        target = await run_in_threadpool(self._follow, token, is_person(request.method, request.headers))
        if target is None:
            return _page(link_ended_page(), 404)
        return Response(status_code=302, headers={**_HTML_HEADERS, "Location": target})

    def _follow(self, token: str, by_person: bool) -> str | None:
        """The target as it was settled when the message was worded; ``None``: never made, erased or expired."""
        now = self._clock()
        with self._engine.begin() as connection:
            link = links.find(connection, token)
            if link is None or link.expires_at <= now:
                return None
            if by_person:
                evidence.click(connection, link.message_id, now)
            return link.target

    async def unsubscribe_shown(self, token: str) -> Response:
        """Show what the link would stop. Mail scanners follow links, so looking changes nothing."""
        try:
            what = self._links.read_unsubscribe(token)
        except LinkError:
            return _page(wrong_link_page(), 404)
        return _page(unsubscribe_page(what.purpose, what.channel))

    async def unsubscribe(self, token: str, request: Request) -> Response:
        """The button, or the mail reader's one click (RFC 8058)."""
        try:
            await _body(request)
            what = self._links.read_unsubscribe(token)
        except LinkError:
            REFUSED.labels("unsubscribe").inc()
            return _page(wrong_link_page(), 404)
        except Refusal as refusal:
            return _refused("unsubscribe", refusal)
        await run_in_threadpool(self._apply_unsubscribe, what)
        return _page(unsubscribed_page(what.purpose, what.channel))

    def _apply_unsubscribe(self, what: Unsubscribe) -> None:
        with self._engine.begin() as connection:
            evidence.unsubscribe(connection, what.customer_id, what.purpose, what.channel, self._clock())

    async def _twilio_form(self, request: Request) -> tuple[str, dict[str, str]]:
        """The provider whose account signed the request, and its fields.

        Raises:
            Refusal: it is not Twilio's, is altered, was meant for another URL, or is no form.
        """
        body = await _body(request)
        if not self._accounts:
            raise Refusal(403, "twilio.auth_token is not set, so nothing can be Twilio's")
        pairs = _form(request, body)
        url = signature.public_url(self._public_url, request.scope["raw_path"].decode("latin-1"), request.url.query)
        given = request.headers.get(signature.HEADER, "")
        signed = [each for each in self._accounts if signature.is_valid(each.auth_token, url, pairs, given, body)]
        if not signed:
            raise Refusal(403, "the signature is not Twilio's for this URL and these fields")
        fields = dict(pairs)
        said = fields.get("AccountSid", "")
        for account in signed:
            if not account.sid or not said or hmac.compare_digest(said.encode(), account.sid.encode()):
                return account.provider, fields
        raise Refusal(403, "the account is not ours")


async def _body(request: Request) -> bytes:
    announced = request.headers.get("Content-Length", "0")
    if not announced.isdecimal() or int(announced) > MAX_BODY:
        raise Refusal(413, "the body is too large")
    found = bytearray()
    try:
        async for chunk in request.stream():
            found += chunk
            if len(found) > MAX_BODY:
                raise Refusal(413, "the body is too large")
    except ClientDisconnect as error:
        raise Refusal(400, "the body ended early") from error
    return bytes(found)


def _form(request: Request, body: bytes) -> list[tuple[str, str]]:
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != FORM:
        raise Refusal(403, f"the body is not {FORM}")
    try:
        text = body.decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except (ValueError, UnicodeDecodeError) as error:
        raise Refusal(400, "the form can't be read") from error
    if any("\x00" in name or "\x00" in value for name, value in pairs):
        raise Refusal(400, "the form holds NUL")
    return pairs


def _read_ack(body: bytes) -> _Ack:
    if not body.strip():
        return _Ack()
    try:
        return msgspec.json.decode(body, type=_Ack)
    except msgspec.DecodeError as error:
        raise Refusal(400, 'write {"event": "delivered"} or {"event": "opened"}') from error


def _refused(hook: str, refusal: Refusal) -> Response:
    REFUSED.labels(hook).inc()
    log.warning("hooks.refused", hook=hook, status=refusal.status, reason=str(refusal))
    problem = {"type": "about:blank", "status": refusal.status, "title": "Refused", "detail": str(refusal)}
    return Response(msgspec.json.encode(problem), refusal.status, media_type="application/problem+json")


def _page(html: str, status: int = 200) -> Response:
    return Response(html, status, headers=dict(_HTML_HEADERS), media_type="text/html; charset=utf-8")
