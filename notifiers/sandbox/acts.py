"""What a person does with what they received: tap, dismiss, reply, unsubscribe. The gateway hears of it as it would."""

from __future__ import annotations

from typing import Literal

import msgspec

from notifiers.sandbox import inbound, twilio
from notifiers.sandbox.fcm import ack
from notifiers.sandbox.outbound import Call, Outbound
from notifiers.sandbox.record import Received, Record
from notifiers.sandbox.view import one_click

_OK = range(200, 300)


class ActError(ValueError):
    """That can't be done with this message; the message says why."""


class Act(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``POST /sandbox/messages/{n}/acts`` takes."""

    to: str
    """The receiver: one mail may have several."""
    act: Literal["open", "dismiss", "reply", "unsubscribe"]
    text: str = ""
    """Of a reply."""


class Done(msgspec.Struct, frozen=True):
    """What came of it."""

    told: bool
    """Whether the gateway was told at all: it never hears of a dismissal."""
    status: int | None = None
    """The gateway's answer; none: nobody answered."""


class Person:
    """Acts for whoever received a message."""

    def __init__(
        self, account: twilio.Account, record: Record, outbound: Outbound, inbound_url: str | None = None
    ) -> None:
        """``inbound_url``: where replies go; left out, to the host that hears of the messages' status."""
        self._account = account
        self._record = record
        self._outbound = outbound
        self._inbound_url = inbound_url

    async def act(self, received: Received, act: Act) -> Done:
        """Do ``act``.

        Raises:
            ActError: not with this message.
        """
        match received.channel, act.act:
            case "push", "open":
                return await self._open(received)
            case "push", "dismiss":
                self._record.change(received, "dismissed")
                return Done(told=False)
            case "sms", "reply":
                return await self._reply(received, act.text)
            case "email", "unsubscribe":
                return await self._unsubscribe(received)
        raise ActError(f"nobody can {act.act} a message of the channel {received.channel}")

    async def _open(self, received: Received) -> Done:
        call = ack(received, "opened")
        self._record.change(received, "opened")
        if call is None:
            return Done(told=False)
        return Done(told=True, status=await self._outbound.now(call))

    async def _reply(self, received: Received, text: str) -> Done:
        try:
            said = await inbound.reply(text, received, self._account, self._record, self._outbound, self._inbound_url)
        except inbound.ReplyError as error:
            raise ActError(str(error)) from error
        return Done(told=True, status=said.status)

    async def _unsubscribe(self, received: Received) -> Done:
        url = one_click(received)
        if url is None:
            raise ActError("the mail offers no one-click unsubscribe")
        status = await self._outbound.now(Call(url, b"List-Unsubscribe=One-Click", {"Content-Type": twilio.FORM}))
        if status in _OK:
            self._record.change(received, "unsubscribed")
        return Done(told=True, status=status)
