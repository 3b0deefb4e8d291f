"""What a message would look like and cost, without sending it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from notifiers.push.fitting import MAX_PAYLOAD_BYTES, size
from notifiers.sms.segments import beyond_gsm, segments
from notifiers.templates.library import Templates
from notifiers.templates.remarks import FEW, named

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
    """What goes to the phone, with what Kizashi adds for acknowledging it."""

    bytes: int
    limit: int = MAX_PAYLOAD_BYTES


class Preview(msgspec.Struct, frozen=True):
    """One text of a template with one event."""

    template: str
    channel: str
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
        channel: one that the template has.
        locale: the reader's, ``ja-JP``.
        context: see ``TemplateContext``.
        price_per_segment: of an SMS, in whatever currency.

    Raises:
        TemplateError: as ``Templates.render``.
    """
    made = templates.render(name, channel, locale, context)
    sms = _sms(made.text, price_per_segment) if channel == "sms" else None
    push = PushSize(size(made.title, made.text, OUR_DATA)) if channel == "push" else None
    return Preview(
        template=name,
        channel=channel,
        locale=templates.locale_of(name, channel, locale),
        title=made.title,
        text=made.text,
        html=made.html,
        sms=sms,
        push=push,
        warnings=tuple(_warnings(sms)),
    )


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
