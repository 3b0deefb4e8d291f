"""Offer codes over the API."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, PlainSerializer, StringConstraints

from gateway.api.shapes.plain import Id, Line, Shape, Utc
from gateway.storage.offer_codes import shown

Amount = Annotated[Decimal, Field(ge=0, max_digits=15, decimal_places=4), PlainSerializer(float, return_type=float)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
"""ISO 4217, ``JPY``."""


class RedemptionBody(Shape):
    """A sale in which a customer used their code."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"order_id": "A-1712", "amount": 1980, "currency": "JPY", "store_id": "ginza"}}
    )

    order_id: Annotated[Line, StringConstraints(min_length=1)]
    amount: Amount | None = None
    currency: Currency | None = None
    store_id: Id | None = None


class OfferCodeAnswer(Shape):
    """One code: whose it is, from which decision, and what it was redeemed for."""

    code: Annotated[str, AfterValidator(shown)]
    customer_id: str
    decision_id: str
    rule_id: str
    made_at: Utc
    redeemed_at: Utc | None
    order_id: str | None
    amount: Amount | None
    currency: str | None
    store_id: str | None


class GroupAnswer(Shape):
    """Customers who were treated alike, and their orders."""

    customers: int
    ordered: int
    orders: int
    share: float | None


class LiftAnswer(Shape):
    """Those who were told beside those who were held out. `lift` is the difference of their shares."""

    rule_id: str
    since: Utc
    days: int
    told: GroupAnswer
    held_out: GroupAnswer
    lift: float | None
    codes: int
    redeemed: int
