"""Makes a NATS server send an MQTT session's unacknowledged messages again first, and in order.

MQTT wants a broker to send again, at reconnection, what was not acknowledged, before anything newer (MQTT 3.1.1,
sections 4.4 and 4.6). NATS does so only when its ``ack_wait`` is over, behind newer messages: a machine's past would
come after its present. Each subscription of a session is a durable consumer of the stream ``$MQTT_msgs``; resetting
it, while nobody is connected, puts it back to what was acknowledged (ADR-60 of NATS).
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec
import nats
import structlog
from nats.aio.client import Client

from gateway.log.errors import LogUnreachableError

log = structlog.get_logger()

STREAM: Final = "$MQTT_msgs"
SECONDS: Final = 5.0
_NOT_FOUND: Final = 404
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def session_hash(client_id: str) -> str:
    """How NATS names the consumers of ``client_id``: eight digits of base 62 from its SHA-256, before an underscore."""
    return "".join(_DIGITS[byte % len(_DIGITS)] for byte in hashlib.sha256(client_id.encode()).digest()[:8])


async def rewind(nc: Client, client_id: str) -> int:
    """Have everything that ``client_id`` did not acknowledge sent again from the start; nobody may be connected as it.

    Returns:
        How many messages will come again; 0 also where this server is not the MQTT broker.

    Raises:
        LogUnreachableError: the server does not answer.
    """
    again = 0
    try:
        async for name in _consumers(nc, f"{session_hash(client_id)}_"):
            info = await _ask(nc, f"CONSUMER.INFO.{STREAM}.{name}", {})
            waiting = int(info.get("num_ack_pending", 0))
            if waiting and await _reset(nc, name):
                again += waiting
    except (nats.errors.Error, TimeoutError) as error:
        raise LogUnreachableError(repr(error)) from error
    if again:
        log.info("log.mqtt_session_rewound", client_id=client_id, messages=again)
    return again


async def _reset(nc: Client, name: str) -> bool:
    try:
        await _ask(nc, f"CONSUMER.RESET.{STREAM}.{name}", {})
    except nats.errors.NoRespondersError:
        # It answered a moment ago, so it is this request that it does not know.
        log.warning("log.mqtt_session_not_rewound", mend="use NATS 2.14 or newer: this one sends old messages late")
        return False
    return True


async def _consumers(nc: Client, prefix: str) -> AsyncIterator[str]:
    offset = 0
    while True:
        page = await _ask(nc, f"CONSUMER.NAMES.{STREAM}", {"offset": offset})
        names = page.get("consumers") or []
        for name in names:
            if name.startswith(prefix):
                yield name
        offset += len(names)
        if not names or offset >= page["total"]:
            return


async def _ask(nc: Client, what: str, body: dict[str, Any]) -> dict[str, Any]:
    message = await nc.request(f"$JS.API.{what}", msgspec.json.encode(body) if body else b"", timeout=SECONDS)
    answer: dict[str, Any] = msgspec.json.decode(message.data)
    error = answer.get("error")
    if error is None:
        return answer
    if error.get("code") == _NOT_FOUND:
        return {}
    raise LogUnreachableError(f"{what}: {error.get('description', error)}")
