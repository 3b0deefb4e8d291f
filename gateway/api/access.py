"""Who may do what: one table of roles and routes, and the two gates that read it.

A request is first *identified* (middleware, before its body is read: 401), then *allowed* (a dependency on every
router under ``/v1``: 403). A route that is missing from the table is closed to everybody.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from typing import Final

import msgspec
import structlog
from fastapi import Request
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.api import problems
from gateway.api.problems import Problem
from gateway.storage import keys
from gateway.storage.keys import Role

_log = structlog.get_logger(__name__)

_ADMIN: Final[frozenset[Role]] = frozenset({"admin"})
_INGEST: Final[frozenset[Role]] = frozenset({"admin", "ingest"})
_AGENT: Final[frozenset[Role]] = frozenset({"admin", "agent"})
_READ: Final[frozenset[Role]] = frozenset({"admin", "agent", "read"})

ACCESS: Final[dict[tuple[str, str], frozenset[Role]]] = {
    ("POST", "/v1/events"): _INGEST,
    ("GET", "/v1/devices"): _READ,
    ("GET", "/v1/devices/{device_id}"): _READ,
    ("PUT", "/v1/devices/{device_id}"): _ADMIN,
    ("POST", "/v1/devices/{device_id}/credentials"): _ADMIN,
    ("GET", "/v1/customers"): _READ,
    ("GET", "/v1/customers/{customer_id}"): _READ,
    ("PUT", "/v1/customers/{customer_id}"): _AGENT,
    ("DELETE", "/v1/customers/{customer_id}"): _ADMIN,
    ("GET", "/v1/customers/{customer_id}/export"): _AGENT,
    ("GET", "/v1/customers/{customer_id}/consents"): _READ,
    ("PUT", "/v1/customers/{customer_id}/consents"): _AGENT,
    ("GET", "/v1/customers/{customer_id}/timeline"): _READ,
    ("POST", "/v1/customers/{customer_id}/touchpoints"): _AGENT,
    ("GET", "/v1/customers/{customer_id}/inbox"): _READ,
    ("POST", "/v1/customers/{customer_id}/inbox/{message_id}/read"): _AGENT,
    ("GET", "/v1/stores"): _READ,
    ("GET", "/v1/stores/{store_id}"): _READ,
    ("PUT", "/v1/stores/{store_id}"): _ADMIN,
    ("GET", "/v1/rules"): _READ,
    ("PUT", "/v1/rules"): _ADMIN,
    ("POST", "/v1/rules/check"): _READ,
    ("POST", "/v1/rules/backtest"): _AGENT,
    ("GET", "/v1/rules/backtest/{backtest_id}"): _READ,
    ("DELETE", "/v1/rules/backtest/{backtest_id}"): _AGENT,
    ("GET", "/v1/rules/{rule_id}/explain"): _READ,
    ("GET", "/v1/rules/{rule_id}/lift"): _READ,
    ("GET", "/v1/alerts"): _READ,
    ("GET", "/v1/alerts/{alert_id}"): _READ,
    ("POST", "/v1/alerts/{alert_id}/acknowledge"): _AGENT,
    ("POST", "/v1/alerts/{alert_id}/snooze"): _AGENT,
    ("POST", "/v1/alerts/{alert_id}/resolve"): _AGENT,
    ("GET", "/v1/decisions/{decision_id}"): _READ,
    ("GET", "/v1/messages"): _READ,
    ("GET", "/v1/messages/{message_id}"): _READ,
    ("POST", "/v1/messages/{message_id}/resend"): _AGENT,
    ("GET", "/v1/offer-codes/{code}"): _READ,
    ("POST", "/v1/offer-codes/{code}/redeem"): _AGENT,
    ("GET", "/v1/templates"): _READ,
    ("POST", "/v1/templates/{name}/preview"): _READ,
    ("POST", "/v1/templates/{name}/send-test"): _ADMIN,
    ("GET", "/v1/cases"): _READ,
    ("POST", "/v1/cases"): _AGENT,
    ("GET", "/v1/cases/{case_id}"): _READ,
    ("POST", "/v1/cases/{case_id}/assign"): _AGENT,
    ("POST", "/v1/cases/{case_id}/comments"): _AGENT,
    ("POST", "/v1/cases/{case_id}/resolve"): _AGENT,
}
"""Method and route to the roles that may. Everything under ``/v1`` stands here."""

OPEN: Final = frozenset({"/v1/openapi.json"})
"""Under ``/v1``, and needs no key."""

REMEMBERED_SECONDS = 5.0
"""How long a found key is believed: a revoked one works at most so much longer."""
_REMEMBERED_KEYS = 1000


class Caller(msgspec.Struct, frozen=True):
    """Whose key came with the request."""

    key_id: str
    name: str
    role: Role


class KeyRing:
    """Finds the caller of a bearer key, remembering it for a few seconds. Safe to use from several threads."""

    def __init__(
        self, engine: Engine, bootstrap_key: str | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._engine = engine
        self._bootstrap = keys.hashed(bootstrap_key) if bootstrap_key else None
        # Named after the key itself: a session that began with another bootstrap key ends with it.
        self._bootstrap_caller = Caller(f"bootstrap-{(self._bootstrap or '')[-12:]}", "bootstrap", "admin")
        self._clock = clock
        self._remembered: dict[str, tuple[float, Caller]] = {}

    def remembered(self, secret: str) -> Caller | None:
        """The caller, if it was found a moment ago or is the bootstrap key."""
        key_hash = keys.hashed(secret)
        if self._bootstrap is not None and hmac.compare_digest(key_hash, self._bootstrap):
            return self._bootstrap_caller
        until, caller = self._remembered.get(key_hash, (0.0, None))
        return caller if self._clock() < until else None

    def find(self, secret: str) -> Caller | None:
        """The caller, or ``None`` for a key that is not known or was revoked. Blocks on the database."""
        caller = self.remembered(secret)
        if caller is not None:
            return caller
        with self._engine.connect() as connection:
            key = keys.find(connection, secret)
        if key is None:
            return None
        caller = Caller(key.id, key.name, key.role)
        if len(self._remembered) >= _REMEMBERED_KEYS:
            self._remembered.clear()
        self._remembered[keys.hashed(secret)] = (self._clock() + REMEMBERED_SECONDS, caller)
        return caller

    def still_valid(self, caller: Caller) -> bool:
        """Whether the key behind a session that began earlier still works. Blocks on the database."""
        if caller.key_id.startswith("bootstrap-"):
            return self._bootstrap is not None and caller == self._bootstrap_caller
        with self._engine.connect() as connection:
            key = keys.get(connection, caller.key_id)
        return key is not None and key.revoked_at is None and key.role == caller.role


class Identify:
    """ASGI middleware: under ``/v1`` a bearer key must name a caller, before anything else is looked at."""

    def __init__(self, app: ASGIApp, ring: KeyRing) -> None:
        self._app = app
        self._ring = ring

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Put the caller into ``scope["state"]``, or answer 401."""
        if scope["type"] == "http" and _needs_key(scope["path"]):
            try:
                caller = await self._caller(scope)
            except SQLAlchemyError:
                answer = problems.response(
                    503, "The database can't be reached, so the key can't be checked. Try again."
                )
                await answer(scope, receive, send)
                return
            if caller is None:
                headers = {"WWW-Authenticate": 'Bearer realm="kizashi"'}
                detail = "Send a key that works: `Authorization: Bearer kz_…`; `kizashi keys add` makes one."
                await problems.response(401, detail, headers=headers)(scope, receive, send)
                return
            scope.setdefault("state", {})["caller"] = caller
        await self._app(scope, receive, send)

    async def _caller(self, scope: Scope) -> Caller | None:
        secret = _bearer(scope)
        if secret is None:
            return None
        return self._ring.remembered(secret) or await run_in_threadpool(self._ring.find, secret)


def allow(request: Request) -> None:
    """The dependency of every router under ``/v1``.

    Raises:
        Problem: 403, the caller's role may not do this.
    """
    caller = caller_of(request)
    route = request.scope["route"].path
    roles = ACCESS.get((request.method, route), frozenset())
    if caller.role not in roles:
        _log.warning("access.refused", key=caller.key_id, role=caller.role, method=request.method, route=route)
        need = " or ".join(sorted(roles)) or "no role at all"
        raise Problem(403, f"A key of role {caller.role} may not do this; it takes {need}.")


def caller_of(request: Request) -> Caller:
    """Who calls.

    Raises:
        Problem: 401, nobody was identified.
    """
    caller = request.scope.get("state", {}).get("caller")
    if not isinstance(caller, Caller):
        raise Problem(401, "Send a key: `Authorization: Bearer kz_…`.")
    return caller


def _needs_key(path: str) -> bool:
    return (path == "/v1" or path.startswith("/v1/")) and path not in OPEN


def _bearer(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, secret = value.decode("latin-1").partition(" ")
            return secret.strip() or None if scheme.lower() == "bearer" else None
    return None
