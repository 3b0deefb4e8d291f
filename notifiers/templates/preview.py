"""What a message would look like and cost, without sending it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from notifiers.outcome import Outgoing
from notifiers.push.fitting import MAX_PAYLOAD_BYTES, size
from notifiers.sms.segments import beyond_gsm, segments
from notifiers.templates.library import Rendered, Templates
from notifiers.templates.remarks import FEW, named
from notifiers.webpush import payload
from notifiers.webpush.encryption import MAX_PLAINTEXT_BYTES

OUR_DATA = {"message_id": "m_" + "0" * 32, "ack_url": "https://notify.example.com/hooks/push/" + "0" * 64}
"""What goes along with each push, at its usual length."""


class SmsSize(msgspec.Struct, frozen=True):
    """How an operator counts the text."""

    encoding: Literal["gsm-7", "ucs-2"]
    units: int
    """Septets, or UTF-16 units."""
    segments: int
    forcing: tuple[str, ...]
    """The characters that make it UCS-2."""
    cost: float | None
    """Of all segments, where the price of one is known; in the price's own currency."""


class PushSize(msgspec.Struct, frozen=True):
    """What goes to the phone or the browser, with what Kizashi adds for acknowledging it."""

    bytes: int
    limit: int


class Preview(msgspec.Struct, frozen=True):
    """One text of a template with one event."""

    template: str
    channel: str
    text_of: str
    """The channel whose text it is: another one's where the template has none for this channel, and it borrows one."""
    locale: str
    """Of the text: what the wanted one fell back to."""
    title: str
    text: str
    html: str | None
    sms: SmsSize | None
    push: PushSize | None
    warnings: tuple[str, ...]


def preview(
    templates: Templates,
    name: str,
    channel: str,
    locale: str,
    context: Mapping[str, Any],
    price_per_segment: float | None = None,
) -> Preview:
    """Render as for sending, and measure.

    Args:
        templates: of the deployment.
        name: the template's.
        channel: one that the template has, or that borrows the text of one.
        locale: the reader's, ``ja-JP``.
        context: see ``TemplateContext``.
        price_per_segment: of an SMS, in whatever currency.

    Raises:
        TemplateError: as ``Templates.render``.
    """
    wording = templates.wording(name, channel)
    made = templates.render(name, wording, locale, context)
    sms = _sms(made.text, price_per_segment) if channel == "sms" else None
    return Preview(
        template=name,
        channel=channel,
        text_of=wording,
        locale=templates.locale_of(name, wording, locale),
        title=made.title,
        text=made.text,
        html=made.html,
        sms=sms,
        push=_pushed(channel, made),
        warnings=tuple(_warnings(sms)),
    )


def _pushed(channel: str, made: Rendered) -> PushSize | None:
    if channel == "push":
        return PushSize(size(made.title, made.text, OUR_DATA), MAX_PAYLOAD_BYTES)
    if channel == "webpush":
        message = Outgoing(OUR_DATA["message_id"], "", made.title, made.text, status_callback=OUR_DATA["ack_url"])
        return PushSize(len(payload.build(message)), MAX_PLAINTEXT_BYTES)
    return None


def _sms(text: str, price: float | None) -> SmsSize:
    counted = segments(text)
    cost = None if price is None else round(price * counted.parts, 6)
    return SmsSize(counted.encoding, counted.units, counted.parts, beyond_gsm(text), cost)


def _warnings(sms: SmsSize | None) -> list[str]:
    if sms is None:
        return []
    said = []
    if sms.segments > 1:
        said.append(f"takes {sms.segments} segments: each is paid as a message of its own")
    if 0 < len(sms.forcing) <= FEW:
        said.append(f"{named(sms.forcing)} makes it UCS-2, 70 characters a segment and not 160")
    return said
