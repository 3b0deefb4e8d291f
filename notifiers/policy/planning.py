"""The contact policy: whether, where and when a customer is told. A pure function with a reason for each "no".

The two tables below are the order of its stages:

    nobody there → expired → recovered → not told → open fault
      → cooldown → frequency cap → no channel                               the whole contact
      → unknown channel → no consent → frequency cap → no or bad address
      → spending                                                            each channel
      → holdout → quiet hours                                               the whole contact
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from notifiers.policy.reason import Suppression
from notifiers.policy.request import Contact, ContactRequest, Customer, History
from notifiers.policy.settings import PolicySettings
from notifiers.policy.stages.addresses import Reached, reach
from notifiers.policy.stages.channels import refuse_unknown_channel, refuse_without_channel, requested_channels
from notifiers.policy.stages.consent import refuse_without_consent
from notifiers.policy.stages.cooldown import refuse_within_cooldown
from notifiers.policy.stages.expiry import expires_at_ms, refuse_expired
from notifiers.policy.stages.frequency_cap import passed_cap, refuse_over_cap, refuse_over_channel_cap
from notifiers.policy.stages.holdout import refuse_held_out
from notifiers.policy.stages.open_fault import refuse_during_fault
from notifiers.policy.stages.quiet_hours import (
    applicable_hours,
    hold,
    quiet_from_ms,
    refuse_outlived,
    whereabouts,
)
from notifiers.policy.stages.recipient import nobody_to_tell
from notifiers.policy.stages.recovery import refuse_recovered
from notifiers.policy.stages.spending import refuse_overspent
from notifiers.policy.stages.told import refuse_untold

CONTACT_STAGES: tuple[Callable[[Contact], Suppression | None], ...] = (
    refuse_expired,
    refuse_recovered,
    refuse_untold,
    refuse_during_fault,
    refuse_within_cooldown,
    refuse_over_cap,
    refuse_without_channel,
)
"""Each may refuse the whole contact; the first "no" wins."""

CHANNEL_STAGES: tuple[Callable[[Contact, str], Suppression | None], ...] = (
    refuse_unknown_channel,
    refuse_without_consent,
    refuse_over_channel_cap,
)
"""Each may refuse one channel, before its addresses are looked at; the first "no" wins."""


class Step(msgspec.Struct, frozen=True):
    """One channel to try, with every address of the customer on it."""

    channel: str
    addresses: tuple[str, ...]


class Plan(msgspec.Struct, frozen=True):
    """What may be sent. No steps means: nothing, and ``suppressions`` says why."""

    steps: tuple[Step, ...] = ()
    """In order: the next one is for when the one before failed or was not confirmed in time."""
    hold_until_ms: int | None = None
    """Not before (epoch ms); plan again at that moment. ``None``: now."""
    suppressions: tuple[Suppression, ...] = ()
    """One for each refused channel, and one with ``channel=None`` where the whole contact is refused."""
    quiet_from_ms: int | None = None
    """Not from this moment on (epoch ms): what has not left by then is planned again. ``None``: at any time."""
    expires_at_ms: int | None = None
    held: Suppression | None = None
    """Why it is held, for the timeline; set together with ``hold_until_ms``."""
    notes: tuple[str, ...] = ()
    """Remarks that stop nothing: an unknown time zone, one bad address among good ones, a cap that was passed."""


def plan(
    request: ContactRequest, customer: Customer | None, history: History, settings: PolicySettings, now_ms: int
) -> Plan:
    """Decide whether, where and when ``customer`` is told.

    Plan again, with the history of that moment, when a hold ends, when quiet hours begin before all has left, and
    before each later step: what recovered, expired or lost its consent meanwhile is then refused with its reason.

    Args:
        request: what a decision asks for.
        customer: the device's owner, ``None`` where nobody owns it.
        history: what happened before, without this decision's own messages.
        settings: the operator's choices.
        now_ms: the present, epoch ms.
    """
    if customer is None:
        return Plan(suppressions=(nobody_to_tell(request),))
    contact = Contact(request, customer, history, settings, now_ms)
    expires_at = expires_at_ms(request, settings)
    for stage in CONTACT_STAGES:
        no = stage(contact)
        if no is not None:
            return Plan(suppressions=(no,), expires_at_ms=expires_at)
    return _timed(contact, _by_channel(contact, expires_at))


def _by_channel(contact: Contact, expires_at: int | None) -> Plan:
    """Split the requested channels into steps and refusals."""
    steps: list[Step] = []
    refused: list[Suppression] = []
    notes = [said] if (said := passed_cap(contact, None)) else []
    for channel in requested_channels(contact):
        reached = _reach(contact, channel)
        notes.extend(reached.notes)
        if reached.no is not None:
            refused.append(reached.no)
        else:
            steps.append(Step(channel, reached.addresses))
            notes.extend(filter(None, [passed_cap(contact, channel)]))
    return Plan(tuple(steps), suppressions=tuple(refused), expires_at_ms=expires_at, notes=tuple(notes))


def _reach(contact: Contact, channel: str) -> Reached:
    for stage in CHANNEL_STAGES:
        no = stage(contact, channel)
        if no is not None:
            return Reached((), no)
    reached = reach(contact, channel)
    broke = refuse_overspent(contact, channel, reached.addresses) if reached.no is None else None
    return Reached((), broke, reached.notes) if broke else reached


def _timed(contact: Contact, possible: Plan) -> Plan:
    """Apply what concerns the contact as a whole and only matters if it is possible: holdout, then the night."""
    if not possible.steps:
        return possible
    held_out = refuse_held_out(contact)
    if held_out is not None:
        return _refused(possible, held_out)
    if applicable_hours(contact) is None:
        return possible
    place = whereabouts(contact)
    notes = (*possible.notes, place.note) if place.note else possible.notes
    night = hold(contact, place)
    if night is None:
        return msgspec.structs.replace(possible, notes=notes, quiet_from_ms=quiet_from_ms(contact, place))
    in_vain = refuse_outlived(contact, night)
    if in_vain is not None:
        return _refused(msgspec.structs.replace(possible, notes=notes), in_vain)
    return msgspec.structs.replace(possible, hold_until_ms=night.until_ms, held=night.why, notes=notes)


def _refused(possible: Plan, no: Suppression) -> Plan:
    """The whole contact refused; the channels' own refusals stay on record beside it."""
    return msgspec.structs.replace(possible, steps=(), suppressions=(*possible.suppressions, no))
