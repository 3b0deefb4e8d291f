"""``for_devices``: whom a rule concerns, and which part of it a device does not meet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.event import DeviceFacts
from rules.document import parse
from rules.selector import Selector

CHILLER = DeviceFacts("c1", model="chiller-x200", store="ginza", tags=("indoor",), attributes={"floor": 2})


def selector(text: str) -> Selector:
    rule = f"rules:\n  - id: r\n    for_devices: {text}\n    when: {{metric: t, above: 1}}\n    purpose: service\n"
    return parse({"r.yaml": rule}).rules[0].selector


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{model: chiller-*}", []),
        ("{model: freezer-*}", ["model: the rule wants freezer-*, the device has chiller-x200"]),
        ("{profile: cold}", ["profile: the rule wants cold, the device has none"]),
        ("{tag: outdoor}", ["tag: the rule wants outdoor, the device has indoor"]),
        ("{attribute: {floor: 3}}", ["attribute.floor: the rule wants 3, the device has 2"]),
        ("{attribute: {wing: b}}", ["attribute.wing: the rule wants b, the device has none"]),
        ("{store: sh*, tag: outdoor}", ["store: ", "tag: "]),
    ],
)
def test_a_device_is_told_which_parts_it_does_not_meet(text: str, says: list[str]) -> None:
    unmet = [str(each) for each in selector(text).unmet(CHILLER)]
    assert len(unmet) == len(says)
    assert all(one.startswith(start) for one, start in zip(unmet, says, strict=True)), unmet


@given(
    model=st.sampled_from(["", "chiller-1", "freezer-1"]),
    store=st.sampled_from([None, "ginza", "shibuya"]),
    tags=st.sets(st.sampled_from(["a", "b"])),
    floor=st.sampled_from([None, 1, 2]),
)
def test_a_rule_concerns_exactly_the_devices_that_meet_every_part(
    model: str, store: str | None, tags: set[str], floor: int | None
) -> None:
    chosen = selector("{model: chiller-*, store: g*, tag: a, attribute: {floor: 1}}")
    attributes = {} if floor is None else {"floor": floor}
    facts = DeviceFacts("d", model=model, store=store, tags=tuple(sorted(tags)), attributes=attributes)
    assert chosen.matches(facts) == (not chosen.unmet(facts))


def test_a_pattern_of_many_stars_does_not_hang() -> None:
    greedy = selector("{model: '" + "*a" * 60 + "*b'}")
    assert not greedy.matches(DeviceFacts("d", model="a" * 5_000))
