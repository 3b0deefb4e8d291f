"""Where can the customer be reached on a channel, and can that be an address at all?"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
import phonenumbers

from notifiers import endpoint, subscription
from notifiers.channel_names import named, within
from notifiers.policy.reason import Reason, Suppression
from notifiers.policy.request import Contact

MAX_MAILBOX = 254
"""RFC 5321 section 4.5.3.1.3: a path has 256 octets, two of them angle brackets."""
MAX_LOCAL_PART = 64
MAX_TOKEN = 4096

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[^\W_](?:[^\W_]|-){0,62}"
_MAILBOX = re.compile(rf"({_ATOM}(?:\.{_ATOM})*)@({_LABEL}(?:\.{_LABEL})*)")
_TOKEN = re.compile(r"[\x21-\x7e]+")


class Checked(NamedTuple):
    """One address: its canonical form, or what is wrong with it."""

    address: str
    fault: str | None = None


class Reached(NamedTuple):
    """The usable addresses of one channel, or the "no", and remarks on single addresses that were left out."""

    addresses: tuple[str, ...]
    no: Suppression | None
    notes: tuple[str, ...] = ()


def check_push(token: str) -> Checked:
    """A push token is opaque: one word of printable ASCII."""
    if len(token) > MAX_TOKEN or not _TOKEN.fullmatch(token):
        return Checked(token, "is not a push token: it holds spaces or characters outside ASCII, or is too long")
    return Checked(token)


@lru_cache(maxsize=16_384)
def check_sms(number: str) -> Checked:
    """An international number, brought to E.164.

    The length must be possible for its country; whether the range is in use is left to the provider, since numbering
    plans change faster than metadata. Premium rates are refused: nobody is warned at 3 EUR a message.
    """
    if not number.startswith("+"):
        return Checked(number, "must start with + and the country code, for example +81 or +44")
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return Checked(number, "is not a telephone number")
    if not phonenumbers.is_possible_number(parsed):
        return Checked(number, "has a length that its country does not have")
    if phonenumbers.number_type(parsed) == phonenumbers.PhoneNumberType.PREMIUM_RATE:
        return Checked(number, "is charged at a premium rate")
    return Checked(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))


def check_email(mailbox: str) -> Checked:
    """A mailbox: a dot-atom, an @ and a host name (RFC 5321; quoted local parts and address literals are refused)."""
    match = _MAILBOX.fullmatch(mailbox)
    if match is None or len(mailbox) > MAX_MAILBOX or len(match.group(1)) > MAX_LOCAL_PART:
        return Checked(mailbox, "is not a mailbox such as name@example.org")
    if any(label.endswith("-") for label in match.group(2).split(".")):
        return Checked(mailbox, "has a host name with a label that ends in a hyphen")
    return Checked(mailbox)


def check_webhook(url: str) -> Checked:
    """A webhook's URL; where it leads is looked at when connecting."""
    return Checked(url, endpoint.fault_of(url))


@lru_cache(maxsize=16_384)
def check_webpush(text: str) -> Checked:
    """A browser's push subscription, as JSON; brought to one spelling."""
    try:
        return Checked(subscription.written(subscription.read(text)))
    except subscription.SubscriptionError as error:
        return Checked(text, str(error))


CHECKS: dict[str, Callable[[str], Checked]] = {
    "push": check_push,
    "sms": check_sms,
    "email": check_email,
    "webhook": check_webhook,
    "webpush": check_webpush,
}
"""By channel. Addresses of other channels are taken as they are."""


def masked(address: str) -> str:
    """Enough of an address to recognise it, not to use it: ``+81…78``, ``an…@example.org``, ``https://example.org/…``.

    Of a push subscription, the push service.
    """
    if address.startswith("{"):
        return masked(subscription.endpoint_in(address))
    scheme, sign, rest = address.partition("://")
    if sign:
        return f"{scheme}://{rest.partition('/')[0]}/…"
    local, at, host = address.partition("@")
    if at:
        return f"{local[:2]}…@{host}"
    return f"{address[:3]}…{address[-2:]}" if len(address) > 8 else "…"  # noqa: PLR2004 shorter ones would show whole


def as_text(one: Any) -> str:
    """An address on record as one line of text: an object as JSON. What is not text fails its check as text."""
    return msgspec.json.encode(one, order="sorted").decode() if isinstance(one, dict) else str(one).strip()


def _on_record(value: Any) -> tuple[str, ...]:
    """One address or a list of them, blanks and repetitions left out."""
    several = value if isinstance(value, list | tuple) else [value]
    texts = (as_text(one) for one in several if one is not None)
    return tuple(dict.fromkeys(text for text in texts if text))


def region_of(number: str) -> str | None:
    """ISO 3166 country of an E.164 number, for unassigned ranges the main country of its code; ``None``: no country."""
    parsed = phonenumbers.parse(number, None)
    region = phonenumbers.region_code_for_number(parsed)
    return region or phonenumbers.region_code_for_country_code(parsed.country_code or 0)


def usable(recorded: Any, channel: str) -> tuple[str, ...]:
    """Of what is on record for ``channel`` (one address or a list) those that can be used, in their canonical form."""
    check = CHECKS.get(channel, Checked)
    checked = [check(address) for address in _on_record(recorded)]
    return tuple(dict.fromkeys(one.address for one in checked if not one.fault))


def reach(contact: Contact, channel: str) -> Reached:
    """The addresses of ``channel`` that can be used; at least one, or a "no"."""
    recorded = _on_record(contact.customer.addresses.get(channel))
    if not recorded:
        detail = f"The customer has no address for {within(channel)}."
        return Reached((), Suppression(channel, Reason.NO_ADDRESS, detail, {"channel": channel}))
    check = CHECKS.get(channel, Checked)
    bad = contact.customer.bad_addresses.get(channel, {})
    checked = [_unless_bad(check(address), bad) for address in recorded]
    faults = tuple(f"address {masked(one.address)} {one.fault}." for one in checked if one.fault)
    notes = tuple(f"{named(channel)} {fault}" for fault in faults)
    good = tuple(dict.fromkeys(one.address for one in checked if not one.fault))
    if not good:
        inputs = {"channel": channel, "addresses": [masked(address) for address in recorded]}
        detail = f"The customer's {within(channel)} {faults[0]}"
        return Reached((), Suppression(channel, Reason.BAD_ADDRESS, detail, inputs))
    no = _refuse_region(contact, channel, good)
    return Reached((), no, notes) if no else Reached(good, None, notes)


def _unless_bad(checked: Checked, bad: Mapping[str, str]) -> Checked:
    """An address that has shown that it reaches nobody is as good as none."""
    why = None if checked.fault else bad.get(checked.address)
    return checked if why is None else Checked(checked.address, why)


def _refuse_region(contact: Contact, channel: str, numbers: tuple[str, ...]) -> Suppression | None:
    """SMS costs money by country, and pumped numbers lie abroad: one forbidden number is enough for a no."""
    allowed = contact.settings.sms_regions
    if channel != "sms" or allowed is None:
        return None
    forbidden = [number for number in numbers if region_of(number) not in allowed]
    if not forbidden:
        return None
    region = region_of(forbidden[0]) or "no country"
    return Suppression(
        channel,
        Reason.REGION_NOT_ALLOWED,
        f"SMS to {region} is not allowed here.",
        {"channel": channel, "region": region, "allowed": sorted(allowed)},
    )
