"""A control group, so that the effect of a message can be measured.

The last "no" before the night: whoever lacks consent or an address never counts as held out, so that the people who
were contacted and the people who were held out differ by nothing but the draw.
"""

from __future__ import annotations

import hashlib

from notifiers.policy.reason import Reason, Suppression
from notifiers.policy.request import Contact


def draw(rule_id: str, customer_id: str) -> float:
    """The customer's fixed place in [0, 100) for this rule: BLAKE2b of both ids, uniform over customers.

    Raising a rule's percentage only ever adds people to its control group.
    """
    digest = hashlib.blake2b(f"{rule_id}\x1f{customer_id}".encode(), digest_size=6).digest()
    return int.from_bytes(digest, "big") / (1 << 48) * 100


def refuse_held_out(contact: Contact) -> Suppression | None:
    """The customer's draw lies within the rule's holdout."""
    request, percent = contact.request, contact.request.holdout_percent
    if percent <= 0 or request.purpose in contact.settings.never_held_out:
        return None
    place = draw(request.rule_id, contact.customer.id)
    if place >= percent:
        return None
    return Suppression(
        None,
        Reason.HOLDOUT,
        f"The customer belongs to the {percent:g} % who are not contacted, so that the effect can be measured.",
        {"holdout_percent": percent, "draw": round(place, 3)},
    )
