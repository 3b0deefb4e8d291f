"""Contact policy: whether, where and when a customer is told. Pure; every "no" has a reason.

Start reading in ``planning``; ``stages`` holds one file per question that is asked.
"""

from notifiers.policy.digest import Digest
from notifiers.policy.limits import Begun, Cap, Money, Spent
from notifiers.policy.planning import Plan, Step, plan
from notifiers.policy.reason import Reason, Suppression
from notifiers.policy.request import ContactRequest, Customer, History, is_vital
from notifiers.policy.settings import PolicySettings, QuietHours, parse_quiet_hours, policy_settings

__all__ = [
    "Begun",
    "Cap",
    "ContactRequest",
    "Customer",
    "Digest",
    "History",
    "Money",
    "Plan",
    "PolicySettings",
    "QuietHours",
    "Reason",
    "Spent",
    "Step",
    "Suppression",
    "is_vital",
    "parse_quiet_hours",
    "plan",
    "policy_settings",
]
