"""What the page shows of one customer: their phone and their mailbox, as they would see them."""

from __future__ import annotations

import re
from email.utils import parseaddr
from typing import Any, Final

import msgspec

from notifiers.sandbox.customers import Known, pairs
from notifiers.sandbox.fcm import ack
from notifiers.sandbox.outbound import Outbound
from notifiers.sandbox.record import Received, Record, Said

SHOWN: Final = 60
"""Of each channel, the newest."""

_ADDRESS_LINK: Final = re.compile(r"<(https?://[^>\s]+)>", re.IGNORECASE)
_WEB: Final = re.compile(r"https?://", re.IGNORECASE)


class Push(msgspec.Struct, frozen=True):
    """A notification on the phone."""

    channel: str
    """``push``: of the app; ``webpush``: of the browser."""
    n: int
    to: str
    at: int
    title: str
    text: str
    state: str
    link: str
    acknowledges: bool
    """Whether the app was told where to acknowledge it."""


class Text(msgspec.Struct, frozen=True):
    """A text message to the customer."""

    n: int
    to: str
    at: int
    sender: str
    text: str
    state: str
    segments: int


class Mail(msgspec.Struct, frozen=True):
    """A mail."""

    n: int
    to: str
    at: int
    sender: str
    sender_address: str
    subject: str
    text: str
    state: str
    html: bool
    headers: list[list[str]]
    unsubscribe: bool
    """Whether a mail reader would offer to unsubscribe in one click (RFC 8058)."""


class View(msgspec.Struct, frozen=True):
    """One customer; all lists newest first, but what they wrote."""

    customer: Known
    pushes: list[Push]
    texts: list[Text]
    said: list[Said]
    mails: list[Mail]
    opted_out: bool
    """Twilio refuses to send to their number."""


def view(customer: Known, record: Record, outbound: Outbound) -> View:
    """Gather what ``customer`` has received. ``outbound`` learns from mails what the gateway calls itself."""
    number, mailbox = customer.addresses.sms, customer.addresses.email
    ways = [(channel, address) for channel, address in pairs(customer.addresses) if channel in ("push", "webpush")]
    pushes = [each for channel, address in ways for each in record.messages(channel, address, SHOWN)]
    mails = record.messages("email", mailbox, SHOWN) if mailbox else []
    for url in filter(None, map(one_click, mails)):
        outbound.learn(url)
    pushes.sort(key=lambda each: -each.n)
    return View(
        customer,
        [_push(each) for each in pushes[:SHOWN]],
        [_text(each) for each in record.messages("sms", number, SHOWN)] if number else [],
        record.said({number} if number else ()),
        [_mail(each) for each in mails],
        number in record.opted_out,
    )


def one_click(mail: Received) -> str | None:
    """Where a mail reader's one click posts to; none where the mail does not offer that."""
    named = headers_of(mail)
    if named.get("list-unsubscribe-post", "").replace(" ", "").lower() != "list-unsubscribe=one-click":
        return None
    found = _ADDRESS_LINK.search(named.get("list-unsubscribe", ""))
    return found.group(1) if found else None


def headers_of(mail: Received) -> dict[str, str]:
    """By name in small letters; the last of a name that comes twice."""
    return {name.lower(): value for name, value in mail.detail["headers"]}


def _push(each: Received) -> Push:
    data: dict[str, Any] = each.detail["data"]
    link = str(data.get("link", ""))
    link = link if _WEB.match(link) else ""
    return Push(
        each.channel,
        each.n,
        each.to,
        each.at,
        each.title,
        each.text,
        each.state,
        link,
        ack(each, "opened") is not None,
    )


def _text(each: Received) -> Text:
    detail = each.detail
    sender = detail["from"] or detail["messaging_service_sid"] or ""
    return Text(each.n, each.to, each.at, sender, each.text, each.state, detail["segments"])


def _mail(each: Received) -> Mail:
    name, address = parseaddr(headers_of(each).get("from", ""))
    return Mail(
        each.n,
        each.to,
        each.at,
        name or address,
        address,
        each.title,
        each.text,
        each.state,
        each.html is not None,
        each.detail["headers"],
        one_click(each) is not None,
    )
