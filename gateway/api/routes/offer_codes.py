"""Offer codes: the till asks whose one is, and redeems it once."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from sqlalchemy import Connection

from gateway.api.context import Here
from gateway.api.problems import Problem
from gateway.api.shapes.offer_code import OfferCodeAnswer, RedemptionBody
from gateway.api.shapes.plain import rfc3339
from gateway.delivery import redemption
from gateway.storage import offer_codes
from gateway.storage.offer_codes import OfferCode

router = APIRouter(prefix="/v1/offer-codes", tags=["offer codes"])

Code = Annotated[str, Path(max_length=40, description="As printed or typed: hyphens, spaces and case do not matter.")]


@router.get("/{code}")
def get_offer_code(api: Here, code: Code) -> OfferCodeAnswer:
    """Whose code it is, and whether it was redeemed."""
    with api.engine.connect() as connection:
        return OfferCodeAnswer.model_validate(_present(connection, code))


@router.post("/{code}/redeem")
def redeem_offer_code(api: Here, code: Code, body: RedemptionBody) -> OfferCodeAnswer:
    """Redeem the code: once. 409 says when, and for which order, it was redeemed before."""
    with api.engine.begin() as connection:
        there = _present(connection, code)
        redeemed = offer_codes.redeem(
            connection,
            there.code,
            order_id=body.order_id,
            amount=body.amount,
            currency=body.currency,
            store_id=body.store_id,
        )
        if redeemed is not None:
            redemption.note(connection, redeemed)
            return OfferCodeAnswer.model_validate(redeemed)
    raise _redeemed_before(api, there.code)


def _redeemed_before(api: Here, code: str) -> Problem:
    with api.engine.connect() as connection:
        found = _present(connection, code)
    at = "" if found.redeemed_at is None else rfc3339(found.redeemed_at)
    place = {"place": "path.code", "message": "redeemed before", "redeemed_at": at, "order_id": found.order_id}
    return Problem(409, f"The code was redeemed at {at} for order {found.order_id}.", errors=[place])


def _present(connection: Connection, typed: str) -> OfferCode:
    code = offer_codes.normalised(typed)
    if code is None:
        raise Problem(404, "This is none of our codes: a character is wrong or missing. Read it out once more.")
    found = offer_codes.get(connection, code)
    if found is None:
        raise Problem(404, "There is no such code, or its customer was erased.")
    return found
