"""``customer``: what the registry says of the device's owner: attributes, language, time zone."""

from __future__ import annotations

from typing import Any

from devices.event import DeviceFacts
from rules.condition import Condition, Operator, Scope
from rules.facts import OfFacts, Part, is_pattern, read_attributes, read_pattern
from rules.reading import Reading

_MEND = "write customer: {attribute: {tier: gold}, locale: ja, time_zone: Asia/*}"


class Customer(OfFacts):
    """What the registry says of the owner; unknown without one."""

    __slots__ = ()

    noun = "customer"

    def fact(self, facts: DeviceFacts, name: str) -> Any:
        """Nothing is known of an owner who is not in the registry but the id."""
        customer = facts.customer
        if name == "id":
            return facts.owner
        if customer is None:
            return None
        if name.startswith("attribute."):
            return customer.attributes.get(name.removeprefix("attribute."))
        return customer.locale if name == "locale" else customer.time_zone


def _read_locale(customer: Reading) -> Part | None:
    """A language with all its regions: ``ja`` is ``ja-JP`` too."""
    part = read_pattern(customer, "locale")
    if part is None or is_pattern(part.wanted):
        return part
    language = part.wanted
    return part._replace(test=lambda found: found == language or found.startswith(f"{language}-"))


def _read(reading: Reading, _scope: Scope) -> Condition | None:
    customer = reading.mapping("customer", _MEND)
    if customer is None:
        return None
    noted = len(customer.problems)
    customer.only(("id", "attribute", "locale", "time_zone"))
    texts = (read_pattern(customer, "id"), _read_locale(customer), read_pattern(customer, "time_zone"))
    parts = [part for part in texts if part is not None]
    parts += read_attributes(customer, _MEND)
    if not customer.entries:
        customer.refuse(None, "nothing is asked of the customer", _MEND)
    return Customer(tuple(parts)) if len(customer.problems) == noted else None


OPERATOR = Operator("customer", _read)
