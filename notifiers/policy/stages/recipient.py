"""Is there anybody to tell?"""

from __future__ import annotations

from notifiers.policy.reason import Reason, Suppression
from notifiers.policy.request import ContactRequest, Customer


def refuse_without_customer(request: ContactRequest, customer: Customer | None) -> Suppression | None:
    """No customer, no contact."""
    if customer is not None:
        return None
    return Suppression(
        None,
        Reason.NO_CUSTOMER,
        f"Device {request.device_id} has no owner on record, so there is nobody to tell.",
        {"device_id": request.device_id},
    )
