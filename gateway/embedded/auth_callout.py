"""Answers the embedded NATS server when it asks who may connect: the devices' credentials live in the database.

For each MQTT client whose user is not named in the server's own configuration, the server sends a signed question to
``$SYS.REQ.USER.AUTH`` and waits for a signed answer: the permissions of that one connection, or a refusal. So a new or
revoked credential counts at once, with no file to write and no server to reload (docs/decisions/0001).
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from gateway.embedded.nats import ACCOUNT_NAME
from gateway.embedded.nkeys import AccountKey, NkeyError, read_server_token

Lookup = Callable[[str], Awaitable[str | None]]
"""Username (a device's id) to the stored ``sha256:…`` of its password, or None when it has no credential."""

AUTH_SUBJECT = "$SYS.REQ.USER.AUTH"
RESERVED_CLIENT_IDS = "kizashi"
"""MQTT client ids that begin so belong to the gateway: a second client of the same id throws the first one out."""

_SCHEME = "sha256:"
_NOBODY = _SCHEME + hashlib.sha256(b"").hexdigest()
_SAFE_ID = re.compile(r"[^\s/+#*>$\x00-\x1f\x7f]{1,256}")
_UNLIMITED = -1
_STOP_SECONDS = 2.0
_ROUND_TRIP_SECONDS = 10.0

_log = structlog.get_logger(__name__)


def hash_password(password: str) -> str:
    """What to store of a generated password.

    One round of SHA-256 is enough only because these passwords are random with at least 128 bits: there is no
    dictionary to try. Never use it for a password that a person chose.
    """
    return _SCHEME + hashlib.sha256(password.encode()).hexdigest()


def password_matches(password: str, stored: str | None) -> bool:
    """Whether ``password`` is the one behind ``stored``; takes as long for a device that does not exist."""
    equal = hmac.compare_digest(hash_password(password).encode(), (stored or _NOBODY).encode())
    return equal and stored is not None


def device_permissions(device_id: str) -> dict[str, Any]:
    """What a device may say and hear, as the ``nats`` claims of its connection's token.

    NATS writes the MQTT topic ``a/b`` as the subject ``a.b`` and a full stop inside a level as two slashes.
    ``$MQTT.sub.>`` is where the server itself delivers to a QoS 1 subscriber; MQTT clients can't subscribe to it.

    Raises:
        ValueError: the id would read as a wildcard or as several levels.
    """
    if not _SAFE_ID.fullmatch(device_id):
        raise ValueError("a device id has 1 to 256 characters and no space, slash, +, #, *, > or $")
    own = f"devices.{device_id.replace('.', '//')}"
    return {
        "type": "user",
        "version": 2,
        "pub": {"allow": [f"{own}.>"]},
        "sub": {"allow": [f"{own}.commands", f"{own}.commands.>", "$MQTT.sub.>"]},
        "subs": _UNLIMITED,
        "data": _UNLIMITED,
        "payload": _UNLIMITED,
        "allowed_connection_types": ["MQTT"],
    }


class AuthCallout:
    """The running service; ``serve_auth_callout`` makes it."""

    def __init__(self, key: AccountKey, lookup: Lookup) -> None:
        self._key = key
        self._lookup = lookup
        self._nc: Client | None = None
        self._subscription: Subscription | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def start(self, nc: Client) -> None:
        """Begin to answer on ``nc``; several gateways share the questions."""
        self._nc = nc
        self._subscription = await nc.subscribe(AUTH_SUBJECT, queue="kizashi-auth", cb=self._on_question)
        await _round_trip(nc)

    async def stop(self) -> None:
        """Answer no more questions; those that the server has sent already are answered.

        Returns once the server knows, where it can be reached: it would go on sending questions to a connection that is
        about to be closed, and each of those devices would be refused for want of an answer.
        """
        subscription, self._subscription = self._subscription, None
        if subscription is not None and self._nc is not None:
            try:
                async with asyncio.timeout(_STOP_SECONDS):
                    await subscription.drain()  # type: ignore[no-untyped-call]  # nats-py leaves out its None
                    await _round_trip(self._nc)
            except (TimeoutError, nats.errors.Error) as error:
                _log.warning("access.server_away", reason=f"{type(error).__name__}: {error}")
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _on_question(self, question: Msg) -> None:
        # A task each: one slow look-up must not hold up the others of a thousand devices that reconnect.
        task = asyncio.create_task(self._answer(question))
        self._open.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._open.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # Without an answer the server refuses by itself when its time is up. One line and no trace: a thousand
            # devices may ask while the database is away, and a trace would show what they sent.
            _log.error("access.lookup_failed", reason=f"{type(error).__name__}: {error}")

    async def _answer(self, question: Msg) -> None:
        try:
            asked = read_server_token(question.data.decode())["nats"]
            user_key, server = str(asked["user_nkey"]), str(asked["server_id"]["id"])
            options = asked["connect_opts"]
            client_id = str(asked["client_info"].get("mqtt_id", ""))
        except (NkeyError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
            _log.warning("access.question_unreadable", reason=str(error))
            return
        username = str(options.get("user", ""))
        refusal = await self._refusal(username, str(options.get("pass", "")), client_id)
        if refusal is None:
            verdict = {"jwt": self._user_token(user_key, username)}
        else:
            _log.warning("access.device_refused", device_id=username, client_id=client_id, reason=refusal)
            verdict = {"error": refusal}
        await question.respond(self._answer_token(user_key, server, verdict).encode())

    async def _refusal(self, username: str, password: str, client_id: str) -> str | None:
        """Why not, or None."""
        if not _SAFE_ID.fullmatch(username):
            return "no such device"
        if not password_matches(password, await self._lookup(username)):
            return "wrong user name or password"
        if client_id == username:
            return None
        if client_id.lower().startswith(RESERVED_CLIENT_IDS):
            return "this MQTT client id is reserved for the gateway"
        if client_id and await self._lookup(client_id) is not None:
            return "this MQTT client id is another device's"
        return None

    def _user_token(self, user_key: str, device_id: str) -> str:
        return self._key.sign_token(
            {
                "sub": user_key,
                "aud": ACCOUNT_NAME,
                "name": device_id,
                "iat": int(time.time()),
                "nats": device_permissions(device_id),
            }
        )

    def _answer_token(self, user_key: str, server: str, verdict: dict[str, str]) -> str:
        nats = {"type": "authorization_response", "version": 2, **verdict}
        return self._key.sign_token({"sub": user_key, "aud": server, "iat": int(time.time()), "nats": nats})


async def _round_trip(nc: Client) -> None:
    """Return once the server has read everything that was sent on ``nc`` before.

    ``flush`` does not say so: nats-py writes its PING at once, past a SUB that still waits to be written. No message of
    our own can overtake one.
    """
    inbox = nc.new_inbox()
    echo = await nc.subscribe(inbox)
    await nc.publish(inbox)
    await echo.next_msg(_ROUND_TRIP_SECONDS)
    await echo.unsubscribe()


async def serve_auth_callout(nc: Client, issuer_seed: str, lookup: Lookup) -> AuthCallout:
    """Answer the server's questions on ``nc`` until ``stop`` is called; returns once the server knows.

    Args:
        nc: connected as the gateway's own user; reconnects are its business and lose nothing here.
        issuer_seed: ``StackAddresses.issuer_seed``.
        lookup: asked once per connection, and once more for a client id that is not the user name. An exception of
            its own is logged and refuses that connection.

    Raises:
        NkeyError: ``issuer_seed`` is no seed.
        nats.errors.TimeoutError: the server did not answer.
    """
    callout = AuthCallout(AccountKey.from_seed(issuer_seed), lookup)
    await callout.start(nc)
    return callout
