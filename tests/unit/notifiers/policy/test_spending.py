from __future__ import annotations

from typing import Any

import pytest

from notifiers.policy import History, Money, Plan, PolicySettings, Spent
from notifiers.policy.limits import Exceeded, exceeded
from tests.unit.notifiers.policy.asking import channels_of, customer, planned, reasons_of

NUMBER = "+818012345678"
BLOCK = "+818012345"
BUDGET = Money(daily_budget={"sms": 10}, daily_reserve={"sms": 5})
BLOCKS = Money(sms_per_number=3, sms_per_prefix=20)


def with_spent(money: Money, spent: Spent, **changes: Any) -> Plan:
    settings = PolicySettings(money=money)
    return planned(history=History(spent=spent), settings=settings, **changes)


def test_the_last_unit_of_a_budget_may_be_spent() -> None:
    assert with_spent(BUDGET, Spent(channels={"sms": 9})).suppressions == ()


def test_a_budget_that_is_used_up_closes_its_channel_only() -> None:
    made = with_spent(BUDGET, Spent(channels={"sms": 10}))
    assert channels_of(made) == ["push", "email"]
    assert reasons_of(made) == {"sms": "budget_used_up"}
    assert made.suppressions[0].detail == "Today's budget for SMS leaves no room: 10 of 10 segments are used."
    assert made.suppressions[0].inputs == {
        "channel": "sms", "budget": "sms", "used": 10, "allowed": 10, "wanted": 1, "vital": False,
    }  # fmt: skip


def test_vital_messages_go_on_from_the_reserve() -> None:
    vital = {"severity": "critical"}
    assert "sms" in channels_of(with_spent(BUDGET, Spent(channels={"sms": 14}), **vital))
    made = with_spent(BUDGET, Spent(channels={"sms": 15}), **vital)
    assert reasons_of(made) == {"sms": "budget_used_up"}
    assert "budget and reserve" in made.suppressions[0].detail


def test_a_reserve_that_is_not_set_is_as_large_as_the_budget() -> None:
    assert Money(daily_budget={"sms": 7}).limit("sms", vital=True) == 14


def test_a_channel_without_a_budget_has_no_limit() -> None:
    assert with_spent(BUDGET, Spent(channels={"email": 10**6})).suppressions == ()


def test_other_channels_are_counted_in_messages() -> None:
    made = with_spent(Money(daily_budget={"email": 1}), Spent(channels={"email": 1}))
    assert made.suppressions[0].detail == "Today's budget for email leaves no room: 1 of 1 messages are used."


def test_two_numbers_of_one_customer_need_two_units() -> None:
    two = customer(addresses={"sms": [NUMBER, "+818087654321"]})
    assert reasons_of(with_spent(BUDGET, Spent(channels={"sms": 9}), to=two, channels=("sms",))) == {
        "sms": "budget_used_up"
    }


@pytest.mark.parametrize(
    ("spent", "reason"),
    [(Spent(numbers={NUMBER: 3}), "number_cap"), (Spent(prefixes={BLOCK: 20}), "prefix_cap")],
)
def test_numbers_and_their_blocks_have_caps_that_vital_messages_pass(spent: Spent, reason: str) -> None:
    made = with_spent(BLOCKS, spent)
    assert reasons_of(made) == {"sms": reason}
    assert NUMBER not in str(made.suppressions[0]), "addresses are masked"
    assert "sms" in channels_of(with_spent(BLOCKS, spent, purpose="safety"))


def test_one_below_those_caps_passes() -> None:
    assert with_spent(BLOCKS, Spent(numbers={NUMBER: 2}, prefixes={BLOCK: 19})).suppressions == ()


def test_numbers_of_one_block_count_together() -> None:
    pumped = {f"{BLOCK}{last:03d}": 2 for last in range(11)}
    assert exceeded(BLOCKS, Spent(), "sms", pumped, vital=False) == Exceeded("prefix", BLOCK, 0, 20)


@pytest.mark.parametrize(("country", "price"), [("JP", 0.08), ("GB", 0.05), (None, 0.05)])
def test_a_segment_has_the_price_of_its_country(country: str | None, price: float) -> None:
    assert Money(sms_cost={"JP": 0.08, "*": 0.05}).price(country) == price


def test_without_a_price_there_is_none() -> None:
    assert Money(sms_cost={"JP": 0.08}).price("GB") is None
