"""Whose phone, number and mailbox it is: what the sandbox was told, or each address for itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

CHANNELS: Final = frozenset({"push", "webpush", "sms", "email"})
"""Those of people; a webhook's receiver is a program, and has no page."""

KEPT: Final = 2_000
"""More customers than that can't be introduced."""


class Browser(msgspec.Struct, frozen=True):
    """A push subscription, of which the keys are passed over."""

    endpoint: str


class Addresses(msgspec.Struct, frozen=True):
    """How a customer is reached; as in the gateway's API."""

    push: list[str] = []
    sms: str | None = None
    email: str | None = None
    webpush: list[Browser] = []


class Customer(msgspec.Struct, frozen=True):
    """What ``PUT /sandbox/customers/{id}`` takes: the gateway's own shape, of which the rest is passed over."""

    addresses: Addresses
    name: str = ""
    time_zone: str = ""
    """IANA name; their phone's clock. Empty: the clock of whoever looks."""


class Known(msgspec.Struct, frozen=True):
    """One entry of the list of customers."""

    id: str
    name: str
    addresses: Addresses
    time_zone: str
    messages: int
    newest: int | None
    """Epoch ms of their newest message."""


class FullError(ValueError):
    """No room for another customer."""


class Customers:
    """The customers that were introduced, by id."""

    def __init__(self) -> None:
        """Nobody yet."""
        self._known: dict[str, Customer] = {}

    def introduce(self, customer_id: str, customer: Customer) -> None:
        """Learn whose addresses those are; a second time replaces.

        Raises:
            FullError: there are too many already.
        """
        if customer_id not in self._known and len(self._known) >= KEPT:
            raise FullError(f"the sandbox keeps {KEPT} customers")
        self._known[customer_id] = customer

    def listed(self, newest: Mapping[tuple[str, str], tuple[int, int]]) -> list[Known]:
        """Everybody: who heard last first, then who has heard nothing.

        Args:
            newest: channel and address to how many messages it has and when the newest came.
        """
        owned = {pair for known in self._known.values() for pair in pairs(known.addresses)}
        found = [_summed(key, each, newest) for key, each in self._known.items()]
        found += [
            _summed(address, Customer(alone(channel, address)), newest)
            for channel, address in newest
            if channel in CHANNELS and (channel, address) not in owned
        ]
        return sorted(found, key=lambda known: -(known.newest or 0))

    def find(self, customer_id: str, newest: Mapping[tuple[str, str], tuple[int, int]]) -> Known | None:
        """One of those, by id or by address."""
        everybody = self.listed(newest)
        by_id = next((each for each in everybody if each.id == customer_id), None)
        return by_id or next(
            (each for each in everybody if customer_id in {address for _, address in pairs(each.addresses)}), None
        )


def pairs(addresses: Addresses) -> list[tuple[str, str]]:
    """Channel and address of each."""
    found = [("push", token) for token in addresses.push]
    found += [("webpush", each.endpoint) for each in addresses.webpush]
    found += [("sms", addresses.sms)] if addresses.sms else []
    return found + ([("email", addresses.email)] if addresses.email else [])


def alone(channel: str, address: str) -> Addresses:
    """The addresses of somebody of whom only one is known."""
    match channel:
        case "push":
            return Addresses(push=[address])
        case "webpush":
            return Addresses(webpush=[Browser(address)])
        case "sms":
            return Addresses(sms=address)
    return Addresses(email=address)


def _summed(key: str, customer: Customer, newest: Mapping[tuple[str, str], tuple[int, int]]) -> Known:
    heard = [newest[pair] for pair in pairs(customer.addresses) if pair in newest]
    return Known(
        key,
        customer.name or key,
        customer.addresses,
        customer.time_zone,
        sum(number for number, _ in heard),
        max((at for _, at in heard), default=None),
    )
