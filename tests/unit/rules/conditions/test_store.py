import pytest

from devices.event import DeviceFacts, StoreFacts
from rules.document import parse
from rules.problem import RuleErrors
from tests.unit.rules.story import GINZA, Story, device, fix, reading, rule, store

AT_HOME = DeviceFacts("chiller-7", store="ginza")
TOKYO = StoreFacts("ginza", "Ginza", GINZA.geofence, ("flagship",), {}, "Asia/Tokyo")
NOWHERE = StoreFacts("outlet", "Outlet", {"lat": 0.0, "lon": 0.0, "radius": 50})


def holds(condition: str, facts: DeviceFacts) -> bool | None:
    for sign, when in ((True, f"{{store: {condition}}}"), (False, f"{{not: {{store: {condition}}}}}")):
        story = Story(rule(when), store(TOKYO), store(NOWHERE), device(facts))
        if story.heard(reading(0, 1), reading(1, 1)):
            return sign
    return None


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("ginza", True),
        ("{id: gin*}", True),
        ("{id: outlet}", False),
        ("{name: Ginza}", True),
        ("{tag: flagship}", True),
        ("{tag: outlet}", False),
        ("{time_zone: Asia/*, tag: flagship}", True),
        ("{time_zone: Asia/*, tag: outlet}", False),
    ],
)
def test_asks_what_the_registry_says_of_the_own_store(condition: str, expected: bool) -> None:
    assert holds(condition, AT_HOME) is expected


def test_without_a_store_or_with_one_that_is_not_known_nobody_knows() -> None:
    assert holds("ginza", DeviceFacts("chiller-7")) is None
    assert holds("ginza", DeviceFacts("chiller-7", store="closed")) is None


def test_where_the_device_is_counts_before_where_it_belongs() -> None:
    story = Story(rule("{store: {tag: flagship}}"), store(TOKYO), store(NOWHERE))
    story.tell(device(DeviceFacts("phone-3", store="outlet")))
    assert story.heard(fix(0, 500), fix(10, 0), fix(20, 500)) == [("firing", 10), ("resolved", 20)]
    assert story.decisions[0].summary == "the store is tagged flagship on phone-3"
    assert [decision.store_id for decision in story.decisions] == ["ginza", "ginza"]
    assert story.decisions[0].values["store"] == "Ginza"


def test_a_phone_that_is_in_no_store_is_in_no_such_store() -> None:
    story = Story(rule("{store: ginza}"), store(TOKYO))
    assert story.heard(fix(0, 500), fix(10, 0), fix(20, 500)) == [("firing", 10), ("resolved", 20)]


def test_a_store_that_is_changed_counts_from_the_next_event() -> None:
    plain = StoreFacts("ginza", "Ginza", GINZA.geofence, (), {}, "Asia/Tokyo")
    story = Story(rule("{store: {tag: flagship}}"), store(plain), device(AT_HOME), reading(0, 1))
    assert story.heard(store(TOKYO, after=10)) == []
    assert story.heard(reading(20, 1)) == [("firing", 20)]
    assert story.decisions[0].explanation["stores"][0]["facts"][0]["found"] == ["flagship"]


def test_names_the_place_and_the_mend() -> None:
    for condition, message in (("{}", "nothing is asked"), ("{tags: x}", "unknown key 'tags'"), ("5", ""), ("[a]", "")):
        with pytest.raises(RuleErrors) as caught:
            parse({"a": rule(f"{{store: {condition}}}")})
        assert message in caught.value.problems[0].message
