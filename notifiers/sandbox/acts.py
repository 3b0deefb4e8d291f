"""What a person does with what they received: tap, dismiss, reply, unsubscribe. The gateway hears of it as it would."""

from __future__ import annotations

from typing import Literal

import msgspec

from notifiers.sandbox import inbound, returned, twilio
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
    act: Literal["open", "dismiss", "reply", "unsubscribe", "bounce", "spam"]
    text: str = ""
    """Of a reply."""


class Done(msgspec.Struct, frozen=True):
    """What came of it."""

    told: bool
    """Whether the gateway was told at all: it never hears of a dismissal."""
    taken: bool = False
    """Whether it took note."""
    said: str = ""
    """Its answer, an HTTP status or its program's last line; empty: none."""


class Ways(msgspec.Struct, frozen=True):
    """How the gateway hears of what no message says by itself."""

    inbound_url: str | None = None
    """Where replies go; none: to where the gateway hears of its messages' status."""
    bounce_command: tuple[str, ...] = ()
    """The program into which mail that comes back is piped; empty: nothing comes back."""


class Person:
    """Acts for whoever received a message."""

    def __init__(self, account: twilio.Account, record: Record, outbound: Outbound, ways: Ways) -> None:
        """Nothing is done yet."""
        self._account = account
        self._record = record
        self._outbound = outbound
        self.ways = ways

    async def act(self, received: Received, act: Act) -> Done:
        """Do ``act``.

        Raises:
            ActError: not with this message.
        """
        match received.channel, act.act:
            case (("push" | "webpush"), "open"):
                return await self._open(received)
            case (("push" | "webpush"), "dismiss"):
                self._record.change(received, "dismissed")
                return Done(told=False)
            case "sms", "reply":
                return await self._reply(received, act.text)
            case "email", "unsubscribe":
                return await self._unsubscribe(received)
            case "email", ("bounce" | "spam") as reason:
                return await self._return(received, reason)
        raise ActError(f"nobody can {act.act} a message of the channel {received.channel}")

    async def _open(self, received: Received) -> Done:
        call = ack(received, "opened")
        self._record.change(received, "opened")
        if call is None:
            return Done(told=False)
        return _answered(await self._outbound.now(call))

    async def _reply(self, received: Received, text: str) -> Done:
        try:
            said = await inbound.reply(
                text, received, self._account, self._record, self._outbound, self.ways.inbound_url
            )
        except inbound.ReplyError as error:
            raise ActError(str(error)) from error
        return _answered(said.status)

    async def _unsubscribe(self, received: Received) -> Done:
        url = one_click(received)
        if url is None:
            raise ActError("the mail offers no one-click unsubscribe")
        status = await self._outbound.now(Call(url, b"List-Unsubscribe=One-Click", {"Content-Type": twilio.FORM}))
        done = _answered(status)
        if done.taken:
            self._record.change(received, "unsubscribed")
        return done

    async def _return(self, received: Received, reason: returned.Reason) -> Done:
        if not self.ways.bounce_command:
            raise ActError("the sandbox was not told by --bounce-command into which program mail comes back")
        try:
            mail = returned.report(received, reason, returned.now())
        except returned.ReturnError as error:
            raise ActError(str(error)) from error
        taken, said = await returned.pipe(self.ways.bounce_command, mail)
        if taken:
            self._record.change(received, "bounced" if reason == "bounce" else "spam")
        return Done(told=True, taken=taken, said=said)


def _answered(status: int | None) -> Done:
    return Done(told=True, taken=status in _OK, said=str(status or ""))
