"""Is there anybody to tell?"""

from __future__ import annotations

from notifiers.policy.reason import Reason, Suppression
from notifiers.policy.request import ContactRequest


def nobody_to_tell(request: ContactRequest) -> Suppression:
    """The "no" for a device without an owner."""
    return Suppression(
        None,
        Reason.NO_CUSTOMER,
        f"Device {request.device_id} has no owner on record, so there is nobody to tell.",
        {"device_id": request.device_id},
    )
