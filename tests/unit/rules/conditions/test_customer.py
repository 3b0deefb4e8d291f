from typing import Any

import pytest

from devices.event import CustomerFacts, DeviceFacts
from rules.document import parse
from rules.problem import RuleErrors
from tests.unit.rules.story import Story, device, reading, rule


def owned(customer: CustomerFacts | None, owner: str | None = "aiko") -> DeviceFacts:
    return DeviceFacts("chiller-7", owner=owner, customer=customer)


def aiko(**attributes: Any) -> CustomerFacts:
    return CustomerFacts("Asia/Tokyo", "ja-JP", attributes)


def holds(condition: str, facts: DeviceFacts) -> bool | None:
    for sign, when in ((True, f"{{customer: {condition}}}"), (False, f"{{not: {{customer: {condition}}}}}")):
        story = Story(rule(when), device(facts))
        if story.heard(reading(0, 1), reading(1, 1)):
            return sign
    return None


@pytest.mark.parametrize(
    ("condition", "customer", "expected"),
    [
        ("{attribute: {tier: gold}}", aiko(tier="gold"), True),
        ("{attribute: {tier: gold}}", aiko(tier="silver"), False),
        ("{attribute: {tier: gold}}", aiko(), None),
        ("{attribute: {tier: gold}}", None, None),
        ("{attribute: {orders: {above: 10}}}", aiko(orders=11), True),
        ("{locale: ja}", aiko(), True),
        ("{locale: j}", aiko(), False),
        ("{locale: ja-*}", aiko(), True),
        ("{locale: en}", aiko(), False),
        ("{locale: ja, attribute: {tier: gold}}", aiko(tier="gold"), True),
        ("{time_zone: Asia/*}", aiko(), True),
        ("{time_zone: Europe/Berlin}", aiko(), False),
        ("{id: aiko}", None, True),
        ("{id: ben}", aiko(), False),
    ],
)
def test_asks_what_the_registry_says_of_the_owner(
    condition: str, customer: CustomerFacts | None, expected: bool | None
) -> None:
    assert holds(condition, owned(customer)) is expected


def test_without_an_owner_nothing_is_known() -> None:
    assert holds("{id: aiko}", owned(None, owner=None)) is None
    assert holds("{locale: ja}", owned(None, owner=None)) is None


def test_a_customer_who_becomes_gold_is_noticed_though_the_device_is_silent() -> None:
    story = Story(rule("{metric: t, below: 16, customer: {attribute: {tier: gold}}}"), device(owned(aiko(tier="tin"))))
    assert story.heard(reading(0, 20), reading(10, 12)) == []
    assert story.heard(device(owned(aiko(tier="gold")), after=60)) == [("firing", 60)]
    assert story.decisions[0].summary == "t 12 is below 16 and the customer's tier is gold on chiller-7"
    # Erased: nothing is known of anybody any more, so the alert goes on until the metric ends it.
    assert story.heard(device(owned(None, owner=None), after=90)) == []
    assert story.heard(reading(100, 20)) == [("resolved", 100)]


def test_names_the_place_and_the_mend() -> None:
    for condition, message in (("{}", "nothing is asked"), ("{tier: gold}", "unknown key 'tier'"), ("gold", "mapping")):
        with pytest.raises(RuleErrors) as caught:
            parse({"a": rule(f"{{customer: {condition}}}")})
        assert message in caught.value.problems[0].message
