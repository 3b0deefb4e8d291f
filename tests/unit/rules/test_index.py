"""Finding the rules that concern a device."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.event import DeviceFacts, RulesChanged
from rules.decision import Position
from rules.document import parse
from rules.engine import step
from rules.index import Index, Likeness
from rules.plan import Plans
from rules.selector import Selector
from rules.state import PartitionState
from tests.unit.rules.story import START, Story, device, reading

words = st.sampled_from(["", "a", "ab", "abc", "b", "a*", "a[b]", "ba"])
patterns = st.sampled_from(["a", "ab", "a*", "ab*", "*b", "?", "a?c", "[ab]", "a[[]b]", "*", "b", ""])
scalars = st.sampled_from([1, 2.0, 1.0, True, "a", "b"])
selectors = st.builds(
    Selector,
    st.dictionaries(st.sampled_from(["model", "profile", "id", "store"]), patterns, max_size=3),
    st.none() | st.sampled_from(["t", "u"]),
    st.dictionaries(st.sampled_from(["x", "y"]), scalars, max_size=2),
)
facts = st.builds(
    DeviceFacts,
    words,
    model=words,
    profile=words,
    store=st.none() | words,
    tags=st.lists(st.sampled_from("tuv"), max_size=3).map(tuple),
    attributes=st.dictionaries(st.sampled_from(["x", "y", "z"]), scalars | st.just([1]) | st.none(), max_size=3),
)


@given(st.lists(selectors, max_size=12), facts)
def test_finds_the_selectors_that_match_each_once_and_in_order(many: list[Selector], who: DeviceFacts) -> None:
    expected = [number for number, selector in enumerate(many) if selector.matches(who)]
    assert Index(enumerate(many)).concerning(who) == expected


@given(st.lists(selectors, max_size=12), facts, facts)
def test_devices_that_are_alike_are_concerned_by_the_same(
    many: list[Selector], one: DeviceFacts, other: DeviceFacts
) -> None:
    likeness = Likeness(many)
    if likeness.of(one) == likeness.of(other):
        assert [each.matches(one) for each in many] == [each.matches(other) for each in many]


class Counting(Selector):
    """Counts how often it is asked."""

    def __init__(self, texts: dict[str, str]) -> None:
        super().__init__(texts, None, {})
        self.asked = 0

    def matches(self, facts: DeviceFacts) -> bool:
        self.asked += 1
        return super().matches(facts)


@pytest.mark.parametrize("pattern", ["m{}", "m{}-*"])
def test_rules_about_other_models_are_not_even_asked(pattern: str) -> None:
    many = [Counting({"model": pattern.format(f"{n:04}")}) for n in range(1000)]
    assert Index(enumerate(many)).concerning(DeviceFacts("d", model="m0007-")) == ([7] if "*" in pattern else [])
    assert sum(each.asked for each in many) <= 1


def rules_of(**when: str) -> str:
    return "rules:\n" + "".join(
        f"  - {{id: {name}, for_devices: {devices}, when: {{metric: t, above: 8}}}}\n" for name, devices in when.items()
    )


def test_the_rules_of_a_device_are_those_that_name_it_and_those_for_all_like_it() -> None:
    plans = Plans(parse({"f": rules_of(a="{model: x}", b="{id: d1}", c="{model: y}", d="{id: d*, model: x}")}))
    assert [rule.id for rule in plans.plan_for(DeviceFacts("d1", model="x")).rules] == ["a", "b", "d"]
    assert [rule.id for rule in plans.plan_for(DeviceFacts("e1", model="x")).rules] == ["a"]
    assert plans.plan_for(DeviceFacts("e1", model="x")) is plans.plan_for(DeviceFacts("e2", model="x"))


def test_devices_whose_rules_did_not_change_keep_their_plan_and_are_not_written_again() -> None:
    story = Story(
        rules_of(a="{model: x}", b="{model: y}"), device(DeviceFacts("dx", "x")), device(DeviceFacts("dy", "y"))
    )
    story.tell(reading(0, 1, device="dx"), reading(0, 1, device="dy"))
    subjects, state = story.state.subjects, story.state
    before = {name: subject.plan for name, subject in subjects.items()}
    state.take_dirty()
    story.load(rules_of(a="{model: x}", c="{model: y}"), after=1)
    assert subjects["dx"].plan is before["dx"]
    assert subjects["dy"].plan is not before["dy"]
    assert state.take_dirty() == {"dy"}


def test_ten_thousand_rules_that_never_have_anything_to_say_cost_a_device_nothing() -> None:
    text = "rules:\n" + "".join(f"  - {{id: r{n}, when: {{metric: m{n}, above: 8}}}}\n" for n in range(2000))
    state = PartitionState.empty()
    step(state, RulesChanged(START, "v", {"f": text}), Position(1, 0))
    step(state, reading(0, 1, metric="m7"), Position(2, 0))
    step(state, RulesChanged(START + 1000, "w", {"f": text.replace("above: 8", "above: 9")}), Position(3, 0))
    slots = state.subjects["chiller-7"].slots
    assert len(slots) == 2000
    assert len(slots.everyone()) == 1


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", "a" * 20_000),
        ("*[a-z]*[a-z]*[a-z]*[a-z]*[a-z]*[a-z]*[a-z]*!", "a" * 20_000),
        ("*?*?*?*?*?*?*?*?*?*?*?*?*?*?*?b", "a" * 20_000),
    ],
)
def test_a_hostile_pattern_takes_no_longer_than_others(pattern: str, text: str) -> None:
    """Patterns that would keep a backtracking matcher busy for years: that this ends at all is the test."""
    selector = Selector({"model": pattern}, None, {})
    assert not selector.matches(DeviceFacts("d", model=text))
    assert selector.matches(DeviceFacts("d", model=text + pattern[-1]))
