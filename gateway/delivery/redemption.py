"""An offer code comes back: an order on the timeline, and proof that the offer reached its customer."""

from __future__ import annotations

from sqlalchemy import Connection

from gateway.delivery import evidence
from gateway.storage import contacts, offer_codes, timeline
from gateway.storage.offer_codes import OfferCode
from rules.decision import derived_id


def note(connection: Connection, offer: OfferCode) -> None:
    """Write down that ``offer`` was redeemed a moment ago, in the same transaction; no further channel is tried."""
    assert offer.redeemed_at is not None
    price = "" if offer.amount is None else f", {offer.amount:f} {offer.currency or ''}".rstrip()
    code = offer_codes.shown(offer.code)
    order = timeline.Entry(
        id=derived_id("t", offer.code, "redeemed"),
        customer_id=offer.customer_id,
        at=offer.redeemed_at,
        kind="order",
        summary=f"Redeemed offer code {code}: order {offer.order_id}{price}",
        direction="in",
        store_id=offer.store_id,
        rule_id=offer.rule_id,
        decision_id=offer.decision_id,
        detail={
            "code": code,
            "order_id": offer.order_id,
            "amount": None if offer.amount is None else float(offer.amount),
            "currency": offer.currency,
        },
    )
    timeline.add(connection, [order])
    contact_id = contacts.id_of(offer.decision_id, offer.customer_id)
    evidence.acknowledge(connection, contact_id, f"Offer code {code} was redeemed", offer.redeemed_at)
