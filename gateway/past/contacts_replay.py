"""Asking the contact policy the questions of the past again, under other settings. Pure."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

import msgspec

from gateway.past.contacts_past import Asked, ContactsPast, Sent
from notifiers.policy import Begun, Cap, Customer, History, Money, Plan, PolicySettings, Spent, Step, is_vital, plan
from notifiers.policy.limits import by_prefix
from notifiers.policy.stages.addresses import region_of
from notifiers.policy.stages.frequency_cap import caps_of
from notifiers.policy.stages.spending import refuse_units

_DAY_MS = 24 * 60 * 60 * 1000


class Outcome(msgspec.Struct):
    """What came, or would have come, of the questions."""

    messages: dict[str, int] = {}
    """By channel."""
    suppressions: dict[str, int] = {}
    """By reason."""
    held: int = 0
    segments: int = 0
    cost: float | None = None
    """Of the SMS; ``None`` where the price of one of them is not known."""


class _Touch(msgspec.Struct, frozen=True):
    at_ms: int
    decision_id: str
    rule_id: str
    alert_id: str
    purpose: str
    channel: str
    all_clear: bool


def happened(past: ContactsPast, money: Money) -> Outcome:
    """What really came of them, at the prices of ``money``."""
    sent = [message for asked in past.asked for message in asked.sent]
    channels = Counter(message.channel for message in sent)
    return Outcome(
        dict(channels), dict(past.reasons), past.held, sum(message.segments for message in sent), _price(sent, money)
    )


def replay(
    past: ContactsPast, customers: Mapping[str, Customer], settings: PolicySettings, heard: Callable[[int], None]
) -> Outcome:
    """What would have come of them under ``settings``.

    A first channel is taken as sent; a later one only where it was really used, for whether somebody would have
    answered is not known. Texts that were never worded have as many segments as those of the same rule on average.

    Args:
        past: the questions.
        customers: as they are now, with their consents.
        settings: the operator's choices to try.
        heard: told how many of the questions are answered, as they are.
    """
    return _Replay(past, customers, settings).run(heard)


class _Replay:
    def __init__(self, past: ContactsPast, customers: Mapping[str, Customer], settings: PolicySettings) -> None:
        self._past = past
        self._customers = customers
        self._settings = settings
        self._touches: dict[str, list[_Touch]] = {}
        self._spent: dict[int, Spent] = {}
        self._lengths = _lengths(past)
        self._sent: list[Sent] = []
        self._refused: Counter[str] = Counter()
        self._held = 0
        for asked in past.before:
            for channel in dict.fromkeys(message.channel for message in asked.sent):
                self._touch(asked, channel, asked.at_ms)

    def run(self, heard: Callable[[int], None]) -> Outcome:
        waiting = [(asked.at_ms, number, False) for number, asked in enumerate(self._past.asked)]
        heapq.heapify(waiting)
        answered = 0
        while waiting:
            now_ms, number, released = heapq.heappop(waiting)
            release = self._ask(self._past.asked[number], now_ms, released=released)
            if release is not None:
                heapq.heappush(waiting, (release, number, True))
            answered += not released
            heard(answered)
        channels = Counter(message.channel for message in self._sent)
        segments = sum(message.segments for message in self._sent)
        price = _price(self._sent, self._settings.money)
        return Outcome(dict(channels), dict(self._refused), self._held, segments, price)

    def _ask(self, asked: Asked, now_ms: int, *, released: bool) -> int | None:
        """Answer one question; until when it is held, if it is (epoch ms)."""
        if asked.silenced is not None:
            self._refused[asked.silenced] += 1
            return None
        customer = self._customers.get(asked.customer_id)
        made = plan(asked.request, customer, self._history(asked, now_ms), self._settings, now_ms)
        if made.hold_until_ms is not None:
            self._held += not released
            self._count(made)
            return made.hold_until_ms
        self._count(made)
        self._send(asked, made, now_ms)
        return None

    def _count(self, made: Plan) -> None:
        self._refused.update(no.reason.value for no in made.suppressions)

    def _send(self, asked: Asked, made: Plan, now_ms: int) -> None:
        """The first step that there is money for, and those after it that were really reached."""
        escalated = {message.channel for message in asked.sent if message.step > 0}
        begun = False
        for step in made.steps:
            if begun and step.channel not in escalated:
                continue
            if self._pay(asked, step, now_ms):
                begun = True
                self._touch(asked, step.channel, now_ms)

    def _pay(self, asked: Asked, step: Step, now_ms: int) -> bool:
        each = self._segments(asked, step.channel)
        units = dict.fromkeys(step.addresses, max(1, each))
        spent = self._spent.setdefault(now_ms // _DAY_MS, Spent({}, {}, {}))
        vital = is_vital(asked.request, self._settings)
        no = refuse_units(self._settings.money, spent, step.channel, units, vital=vital)
        if no is not None:
            self._refused[no.reason.value] += 1
            return False
        _add(spent.channels, {step.channel: sum(units.values())})
        if step.channel == "sms":
            _add(spent.numbers, units)
            _add(spent.prefixes, by_prefix(units))
        for address in step.addresses:
            country = region_of(address) if step.channel == "sms" else None
            self._sent.append(Sent(step.channel, 0, address, each, country))
        return True

    def _segments(self, asked: Asked, channel: str) -> int:
        if channel != "sms":
            return 0
        own = [message.segments for message in asked.sent if message.channel == "sms"]
        return own[0] if own else self._lengths.get(asked.request.rule_id, self._lengths[""])

    def _touch(self, asked: Asked, channel: str, now_ms: int) -> None:
        request = asked.request
        touch = _Touch(
            now_ms,
            request.decision_id,
            request.rule_id,
            asked.alert_id,
            request.purpose,
            channel,
            request.transition == "resolved",
        )
        self._touches.setdefault(asked.customer_id, []).append(touch)

    def _history(self, asked: Asked, now_ms: int) -> History:
        """What the policy would have known, from what would have been sent so far."""
        request = asked.request
        others = [t for t in self._touches.get(asked.customer_id, ()) if t.decision_id != request.decision_id]
        last = [t.at_ms for t in others if t.rule_id == request.rule_id and not t.all_clear]
        alert = self._past.alerts.get(asked.alert_id)
        return History(
            last_contact_at_ms=max(last, default=None),
            open_fault=any(fault.covers(now_ms) for fault in self._past.faults.get(asked.customer_id, ())),
            alert_active=alert is not None and (alert.until_ms is None or now_ms <= alert.until_ms),
            was_told=any(t.alert_id == asked.alert_id for t in others),
            begun=tuple(
                Begun(cap, tuple(_newest(others, cap))) for cap in caps_of(self._settings.caps, request.purpose)
            ),
            spent=self._spent.get(now_ms // _DAY_MS, Spent()),
        )


def _newest(touches: list[_Touch], cap: Cap) -> Iterator[int]:
    """When each contact that counts against ``cap`` last sent something."""
    newest: dict[str, int] = {}
    for touch in touches:
        if cap.purpose in (None, touch.purpose) and cap.channel in (None, touch.channel):
            newest[touch.decision_id] = max(touch.at_ms, newest.get(touch.decision_id, 0))
    return iter(sorted(newest.values(), reverse=True)[: cap.at_most])


def _lengths(past: ContactsPast) -> dict[str, int]:
    """Segments of an SMS, rounded, by rule; under the empty name of all together."""
    by_rule: dict[str, list[int]] = {"": []}
    for asked in past.asked:
        for message in asked.sent:
            if message.channel == "sms":
                by_rule.setdefault(asked.request.rule_id, []).append(message.segments)
                by_rule[""].append(message.segments)
    return {rule: max(1, round(sum(found) / len(found))) if found else 1 for rule, found in by_rule.items()}


def _add(totals: dict[str, int], more: Mapping[str, int]) -> None:
    for key, count in more.items():
        totals[key] = totals.get(key, 0) + count


def _price(sent: list[Sent], money: Money) -> float | None:
    total = 0.0
    for message in sent:
        if message.channel == "sms":
            price = money.price(message.country)
            if price is None:
                return None
            total += price * message.segments
    return round(total, 4) if money.sms_cost else None
