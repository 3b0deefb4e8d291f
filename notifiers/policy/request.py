"""What the policy is asked, and all that it may know. No clock, no I/O: the caller reads, the policy decides."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import msgspec

from notifiers.policy.limits import Begun, Spent
from notifiers.policy.settings import PolicySettings

Transition = Literal["firing", "repeat", "raised", "lowered", "resolved"]
Severity = Literal["critical", "major", "minor", "warning", "info"]


class ContactRequest(msgspec.Struct, frozen=True):
    """A decision wants somebody told. Durations in ms, times in epoch ms."""

    decision_id: str
    rule_id: str
    transition: Transition
    severity: Severity
    purpose: str
    channels: tuple[str, ...]
    """The rule's order; empty means the customer's preference, else ``PolicySettings.channels``."""
    template: str
    device_id: str
    decided_at_ms: int
    cooldown_ms: int | None = None
    escalate_after_ms: int | None = None
    expires_after_ms: int | None = None
    """Counted from ``decided_at_ms``; ``None`` means the purpose's default."""
    holdout_percent: float = 0.0
    store_time_zone: str | None = None
    """The device's or rule's store; used where the customer's own zone is missing or unknown."""
    digest: bool = False
    """It tells at once of several decisions that were refused because a cap was full; such a cap does not refuse it."""


class Customer(msgspec.Struct, frozen=True):
    """The person, as on record. ``addresses`` and ``consents`` are taken as they came in by the API."""

    id: str
    name: str = ""
    locale: str = "en"
    time_zone: str = ""
    """IANA name, ``Asia/Tokyo``."""
    addresses: dict[str, Any] = {}
    """``{"push": [token, …], "sms": "+81…", "email": "…"}``; each may be one address or a list. A push subscription
    (``webpush``) is an object, or that object as JSON."""
    bad_addresses: dict[str, dict[str, str]] = {}
    """Channel to address to why it is not to be used, ``{"email": {"a@example.org": "bounced (5.1.1)"}}``."""
    preferred_channels: tuple[str, ...] = ()
    consents: dict[str, Any] = {}
    """``{purpose: {channel: bool}}``; other entries (``"source": "sign-up form"``) are not consent."""
    attributes: dict[str, Any] = {}


class History(msgspec.Struct, frozen=True):
    """What happened between us and this customer before, read at the moment of planning."""

    last_contact_at_ms: int | None = None
    """When a message of the same rule last left for the same customer; needed within the rule's cooldown only. Must
    leave out this decision's own messages."""
    open_fault: bool = False
    """The customer has a firing alert of purpose ``maintenance`` or ``safety``, or an open case from one."""
    alert_active: bool = True
    """The alert that asked is still firing."""
    was_told: bool = False
    """For ``resolved``: a message of this alert's firing left for this customer."""
    begun: tuple[Begun, ...] = ()
    """For each cap that concerns the request: the customer's contacts that count, this decision's own left out."""
    spent: Spent = Spent()
    """What was spent today; where nothing limits that, it may be left empty."""


class Contact(NamedTuple):
    """One question to the policy; what every stage is given."""

    request: ContactRequest
    customer: Customer
    history: History
    settings: PolicySettings
    now_ms: int

    @property
    def vital(self) -> bool:
        """See ``is_vital``."""
        return is_vital(self.request, self.settings)


def is_vital(request: ContactRequest, settings: PolicySettings) -> bool:
    """Whether a request passes frequency caps and may draw on the reserve of a budget. An all-clear never does."""
    return request.transition != "resolved" and request.severity in settings.vital.get(request.purpose, ())
