"""A stand-in for a browser's push service (RFC 8030), and for the browsers behind it.

The last part of an endpoint's path is the browser's name, and its keys are made from that, so that nothing needs to be
kept: whoever knows the name knows the subscription. The name decides what becomes of it: ``-gone`` 410, ``-expired``
404, ``-mismatch`` 403, ``-untrusted`` 401, ``-large`` 413, ``-quota`` 429; ``-silent`` and ``-opens`` as for apps.

A real push service can't read what it carries. This one also is the browser, and refuses (400) what that could not
decrypt, where a real browser would keep quiet. What it checks is written here once more, apart from
``notifiers.webpush``, so that each checks the other.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import struct
import time
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import APIRouter, Request, Response

from notifiers.sandbox.answering import Connections, answer
from notifiers.sandbox.faults import TAKES_IT, Fault, Faults, Mode, now_ms
from notifiers.sandbox.fcm import acknowledge
from notifiers.sandbox.outbound import Outbound
from notifiers.sandbox.record import Received, Record

MAX_BODY_BYTES: Final = 4096
LONGEST_TOKEN_S: Final = 24 * 3600
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of P-256's generator (SEC 2, section 2.4.2)."""
_ENDINGS: Final = {
    "-gone": 410,
    "-expired": 404,
    "-mismatch": 403,
    "-untrusted": 401,
    "-large": 413,
    "-quota": 429,
}
_VAPID: Final = re.compile(r"vapid t=([\w-]+)\.([\w-]+)\.([\w-]+), ?k=([\w-]+)")
_TOPIC: Final = re.compile(r"[\w-]{1,32}", re.ASCII)
_URGENCIES: Final = frozenset({"very-low", "low", "normal", "high"})


class RefusalError(Exception):
    """The push service says no, with this status."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


class Shown(msgspec.Struct, frozen=True):
    """What a service worker is given."""

    title: str = ""
    body: str = ""
    tag: str = ""
    data: dict[str, str] = {}


class Browser(NamedTuple):
    """What a browser keeps to itself about a subscription."""

    private: ec.EllipticCurvePrivateKey
    auth: bytes

    @property
    def public(self) -> bytes:
        """Its public key, as an uncompressed point."""
        return self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def browser(name: str) -> Browser:
    """The browser of that name: always the same."""
    seed = hashlib.sha512(b"sandbox browser " + name.encode(errors="replace")).digest()
    private = ec.derive_private_key(int.from_bytes(seed[:40], "big") % (_ORDER - 1) + 1, ec.SECP256R1())
    return Browser(private, seed[40:56])


def subscription_of(base_url: str, name: str) -> dict[str, Any]:
    """What ``PushSubscription.toJSON()`` gives in that browser; ``base_url``: the sandbox's."""
    known = browser(name)
    keys = {"p256dh": _base64url(known.public), "auth": _base64url(known.auth)}
    return {"endpoint": f"{base_url.rstrip('/')}/webpush/{name}", "expirationTime": None, "keys": keys}


def decrypt(body: bytes, known: Browser) -> bytes:
    """What was encrypted for the browser (RFC 8291 section 3.4, RFC 8188 section 2).

    Raises:
        ValueError: it was not, or is no single record of that coding.
    """
    if len(body) < 21:  # noqa: PLR2004 - salt, record size, length of the key id
        raise ValueError("no header")
    salt, (record, length) = body[:16], struct.unpack("!LB", body[16:21])
    point, sealed = body[21 : 21 + length], body[21 + length :]
    if len(sealed) > record:
        raise ValueError("more than one record")
    sender = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    agreed = known.private.exchange(ec.ECDH(), sender)
    material = _hkdf(known.auth, agreed, b"WebPush: info\0" + known.public + point, 32)
    key = _hkdf(salt, material, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _hkdf(salt, material, b"Content-Encoding: nonce\0", 12)
    try:
        opened = AESGCM(key).decrypt(nonce, sealed, None).rstrip(b"\0")
    except InvalidTag as error:
        raise ValueError("not meant for this browser") from error
    if not opened.endswith(b"\x02"):
        raise ValueError("no delimiter of a last record")
    return opened[:-1]


def key_that_signed(header: str, audience: str, now_s: float) -> str:
    """The application server's key, base64url, whose token the header ``Authorization`` holds (RFC 8292).

    Raises:
        RefusalError: 401, no such token, or it is another service's, too old, too long, or signs no contact.
    """
    found = _VAPID.fullmatch(header)
    if found is None:
        raise RefusalError(401)
    head, claims, signature, key = found.groups()
    try:
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _unbase64url(key))
        raw = _unbase64url(signature)
        numbers = (int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        point.verify(encode_dss_signature(*numbers), f"{head}.{claims}".encode(), ec.ECDSA(SHA256()))
        said, about = msgspec.json.decode(_unbase64url(head)), msgspec.json.decode(_unbase64url(claims))
    except (ValueError, InvalidSignature) as error:
        raise RefusalError(401) from error
    contact = str(about.get("sub", "")).startswith(("mailto:", "https:"))
    in_time = now_s < about.get("exp", 0) <= now_s + LONGEST_TOKEN_S
    if said.get("alg") != "ES256" or about.get("aud") != audience or not contact or not in_time:
        raise RefusalError(401)
    return key


def router(
    wanted_key: str | None, record: Record, faults: Faults, connections: Connections, outbound: Outbound
) -> APIRouter:
    """``POST /webpush/{browser}``, the push resource. ``wanted_key``: the only one to which browsers subscribe."""
    routes = APIRouter()

    @routes.post("/webpush/{name}")
    async def push(name: str, request: Request) -> Response:
        body = await request.body()
        fault = faults.take("webpush")
        message = _opened(body, name)
        if fault.mode not in TAKES_IT:
            _log(record, request, message, "fault", fault.mode)
        process = partial(_process, name, request, body, message, fault, wanted_key, record=record, outbound=outbound)
        return await answer(request, fault, connections, process, lambda status: Response(status_code=status))

    return routes


def subscribing() -> APIRouter:
    """``GET /sandbox/webpush/{browser}``: what the page hands to the shop when a person allows notifications."""
    routes = APIRouter(prefix="/sandbox")

    @routes.get("/webpush/{name}")
    async def subscribe(name: str, request: Request) -> Response:
        found = subscription_of(str(request.base_url), name)
        return Response(msgspec.json.encode(found), media_type="application/json")

    return routes


def _process(
    name: str,
    request: Request,
    body: bytes,
    message: Shown | None,
    fault: Fault,
    wanted_key: str | None,
    *,
    record: Record,
    outbound: Outbound,
) -> Response:
    try:
        _check(name, request, body, wanted_key)
        if fault.mode == "refuse":
            raise RefusalError(_ENDINGS["-gone"])
        if message is None:
            raise RefusalError(400)
    except RefusalError as refusal:
        _log(record, request, message, f"refused {refusal.status}", fault.mode)
        return Response(status_code=refusal.status)
    provider_id = secrets.token_hex(8)
    number = _log(record, request, message, "accepted", fault.mode, provider_id)
    _show(_received(number, provider_id, request, message), fault, record, outbound)
    return Response(
        b'{"status":"accepted"}', 201, headers={"Location": f"{request.base_url}webpush-messages/{provider_id}"}
    )


def _check(name: str, request: Request, body: bytes, wanted_key: str | None) -> None:
    """What a push service looks at.

    Raises:
        RefusalError: it refuses.
    """
    said = request.headers
    status = next((status for ending, status in _ENDINGS.items() if ending in name), None)
    if status is not None:
        raise RefusalError(status)
    key = key_that_signed(said.get("Authorization", ""), f"{request.url.scheme}://{request.url.netloc}", time.time())
    if wanted_key is not None and key != wanted_key:
        raise RefusalError(403)
    if len(body) > MAX_BODY_BYTES:
        raise RefusalError(413)
    well_formed = (
        said.get("TTL", "").isdecimal()
        and said.get("Content-Encoding") == "aes128gcm"
        and said.get("Urgency", "normal") in _URGENCIES
        and _TOPIC.fullmatch(said.get("Topic", "none"))
    )
    if not well_formed:
        raise RefusalError(400)


def _show(received: Received, fault: Fault, record: Record, outbound: Outbound) -> None:
    """As the browser does: what has the same tag takes the place of the first."""
    tag = received.detail["tag"]
    before = next((each for each in record.messages("webpush", received.to) if each.detail["tag"] == tag), None)
    if before is None:
        record.message(received)
    else:
        before.message_id, before.provider_id = received.message_id, received.provider_id
        before.title, before.text, before.detail = received.title, received.text, received.detail
        record.change(before, "accepted")
    if "-silent" not in received.to:
        acknowledge(before or received, fault, outbound)


def _received(number: int, provider_id: str, request: Request, message: Shown) -> Received:
    headers = {name: request.headers.get(name, "") for name in ("TTL", "Topic", "Urgency")}
    return Received(
        number,
        now_ms(),
        "webpush",
        str(request.url),
        message.data.get("message_id", ""),
        provider_id,
        message.title,
        message.body,
        detail={"data": message.data, "tag": message.tag, "headers": headers},
    )


def _opened(body: bytes, name: str) -> Shown | None:
    """What the browser can read; none where it can't."""
    try:
        return msgspec.json.decode(decrypt(body, browser(name)), type=Shown)
    except ValueError:
        return None


def _log(
    record: Record,
    request: Request,
    message: Shown | None,
    outcome: str,
    mode: Mode,
    provider_id: str = "",
) -> int:
    message_id = message.data.get("message_id", "") if message else ""
    return record.request("webpush", message_id, str(request.url), outcome, fault=mode, provider_id=provider_id)


def _hkdf(salt: bytes, material: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869 for at most 32 bytes."""
    extracted = hmac.digest(salt, material, "sha256")
    return hmac.digest(extracted, info + b"\x01", "sha256")[:length]


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _unbase64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
