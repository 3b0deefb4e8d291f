"""Getting together what planning and wording need, from the settings and the database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection

from gateway.delivery.contacts import contact, hold_back
from gateway.delivery.links import SECRET, Links
from gateway.delivery.rendering import Means
from gateway.settings import FrequencyCap, Policy, Settings
from gateway.storage import secrets
from gateway.templates_watch import held
from notifiers.policy import Cap, Digest, Money, PolicySettings, policy_settings
from notifiers.policy.digest import minute_of
from notifiers.templates import Templates
from rules.decision import Decision, Intervention
from rules.duration import parse_duration

Follow = Callable[[Connection, Decision | Intervention, datetime], None]


def load(connection: Connection, settings: Settings) -> Means:
    """Policy and links as the settings say, and the templates that hold; makes the links' secret if nobody has yet.

    Raises:
        ValueError: quiet hours that no day has.
        TemplateError: no templates are kept yet, and ``templates.dir`` is not a folder.
    """
    _, templates = held(connection, settings.templates.dir)
    return Means(templates, policy_of(settings), links_of(connection, settings))


def links_of(connection: Connection, settings: Settings) -> Links:
    """The deployment's links; every process gets the same secret."""
    return Links(settings.public_url, secrets.shared(connection, SECRET), settings.smtp.bounce_domain)


def policy_of(settings: Settings) -> PolicySettings:
    """The operator's contact policy. An empty string switches a purpose's quiet hours off.

    Raises:
        ValueError: a span is not understood; the message names it.
    """
    return policy_from(settings.policy)


def policy_from(policy: Policy) -> PolicySettings:
    """The same of the section alone.

    Raises:
        ValueError: a span is not understood; the message names it.
    """
    return policy_settings(
        {purpose: hours or "never" for purpose, hours in policy.quiet_hours.items()},
        woken_by={purpose: frozenset(severities) for purpose, severities in policy.woken_by.items()},
        sms_regions=None if policy.sms_countries is None else frozenset(policy.sms_countries),
        time_zone=policy.time_zone,
        caps=None if policy.caps is None else tuple(_cap(each) for each in policy.caps),
        vital={purpose: frozenset(severities) for purpose, severities in policy.vital.items()},
        money=Money(
            policy.daily_budget, policy.daily_reserve, policy.sms_per_number, policy.sms_per_prefix, policy.sms_cost
        ),
        digest=Digest(frozenset(policy.digest.purposes), minute_of(policy.digest.at)),
    )


def _cap(cap: FrequencyCap) -> Cap:
    return Cap(cap.at_most, parse_duration(cap.per), cap.purpose, cap.channel)


def follow(means: Means, templates: Callable[[], Templates] | None = None) -> Follow:
    """What the worker calls for each decision and each person's word on an alert, inside its transaction.

    Args:
        means: what planning and wording need.
        templates: those that hold now; left out: those of ``means``, for ever.
    """

    def follow_outcome(connection: Connection, outcome: Decision | Intervention, now: datetime) -> None:
        if isinstance(outcome, Decision):
            present = means.templates if templates is None else templates()
            contact(connection, outcome, present, means.policy, now, means.links)
        else:
            hold_back(connection, outcome, now)

    return follow_outcome
