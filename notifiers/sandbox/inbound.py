"""A text message from a person to one of our numbers: Twilio's inbound webhook, and its own opt-out list.

Twilio answers STOP, START and HELP (as a whole body) by itself before the webhook hears of them, and refuses later
messages to a number that wrote STOP with 21610 until it writes START.
"""

from __future__ import annotations

import secrets
from typing import Final

from notifiers.sandbox.outbound import Outbound
from notifiers.sandbox.record import Received, Record, Said
from notifiers.sandbox.twilio import API_VERSION, MAX_BODY, Account
from notifiers.sms.segments import segments, utf16_units

PATH: Final = "/hooks/twilio/inbound"
"""Where a reply goes unless ``inbound_url`` says otherwise: beside where the gateway hears of its messages' status."""

_HOOKS: Final = "/hooks/"

_STOP = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"})
_START = frozenset({"START", "YES", "UNSTOP"})
_HELP = frozenset({"HELP", "INFO"})
_STOPPED = (
    "You have successfully been unsubscribed. You will not receive any more messages from this number. "
    "Reply START to resubscribe."
)
_STARTED = (
    "You have successfully been re-subscribed to messages from this number. "
    "Reply HELP for help. Reply STOP to unsubscribe."
)
_HELPED = "Reply STOP to unsubscribe."


class ReplyError(ValueError):
    """The reply can't be sent; the message says why."""


async def reply(
    text: str, answered: Received, account: Account, record: Record, outbound: Outbound, inbound_url: str | None = None
) -> Said:
    """Send ``text`` from the receiver of ``answered`` to its sender, as Twilio hands it on.

    Raises:
        ReplyError: it is empty or too long, or nobody said where replies go.
    """
    if not text.strip():
        raise ReplyError("write something")
    if utf16_units(text) > MAX_BODY:
        raise ReplyError(f"at most {MAX_BODY} characters")
    url = inbound_url or _beside(answered.detail["status_callback"])
    if url is None:
        raise ReplyError("the message names no status callback, so nobody knows the gateway; use --inbound-url")
    answer = _obey(text, answered.to, record)
    fields = _fields(text, answered)
    status = await outbound.now(account.signed(url, fields))
    return record.say(answered.to, fields["To"], text, status, answer)


def _beside(status_callback: str) -> str | None:
    public, hooks, _ = status_callback.partition(_HOOKS)
    return public + PATH if hooks else None


def _obey(text: str, number: str, record: Record) -> str:
    """Keep Twilio's own list; returns Twilio's own answer."""
    word = text.strip().upper()
    if word in _STOP:
        record.opted_out.add(number)
        return _STOPPED
    if word in _START:
        record.opted_out.discard(number)
        return _STARTED
    return _HELPED if word in _HELP else ""


def _fields(text: str, answered: Received) -> dict[str, str]:
    sid = f"SM{secrets.token_hex(16)}"
    fields = {
        "AccountSid": answered.detail["account_sid"],
        "ApiVersion": API_VERSION,
        "Body": text,
        "From": answered.to,
        "MessageSid": sid,
        "NumMedia": "0",
        "NumSegments": str(segments(text).parts),
        "SmsMessageSid": sid,
        "SmsSid": sid,
        "SmsStatus": "received",
        "To": answered.detail["from"],
    }
    service = answered.detail["messaging_service_sid"]
    return {**fields, "MessagingServiceSid": service} if service else fields
