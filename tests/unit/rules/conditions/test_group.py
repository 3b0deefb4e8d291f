"""Groups: so many devices of one store at once, by the words of their members."""

from __future__ import annotations

from typing import Any

import pytest

from devices.event import AlertCommand, DeviceFacts, Event, MemberChanged
from rules.conditions.group import GroupCount
from rules.decision import Derivation, Intervention, Outcome
from rules.document import parse
from rules.group import MAX_SHOWN, MAX_SILENT, Group, Ledger
from rules.problem import RuleErrors
from tests.unit.rules.story import MINUTE, START, Story, device, reading, rule, store, tick, transitions

WARM = "{metric: t, above: 8}"


def counting(at_least: int = 2, by: str = "store", where: str = WARM) -> str:
    return f"{{group: {{by: {by}, at_least: {at_least}, where: {where}}}}}"


def freezer(name: str, shop: str | None = "ginza", owner: str | None = "ann", model: str = "x") -> DeviceFacts:
    return DeviceFacts(name, model=model, owner=owner, store=shop)


def told(when: str = counting(), *devices: DeviceFacts, **more: str) -> Story:
    """Three cold freezers of one store, or the given ones, under one rule."""
    known = devices or tuple(freezer(f"f{number}") for number in (1, 2, 3))
    cold = [reading(0, 5, device=facts.id) for facts in known]
    return Story(rule(when, **more), store(), *(device(facts) for facts in known), *cold)


def warm(after: float, *names: str) -> list[Event]:
    return [reading(after, 9, device=name) for name in names]


def cold(after: float, *names: str) -> list[Event]:
    return [reading(after, 5, device=name) for name in names]


def words(outcomes: list[Outcome]) -> list[MemberChanged]:
    return [o.event for o in outcomes if isinstance(o, Derivation) and isinstance(o.event, MemberChanged)]


class TestCounting:
    def test_fires_when_so_many_hold_and_resolves_when_they_no_longer_do(self) -> None:
        story = told()
        assert story.heard(*warm(10, "f1")) == []
        assert story.heard(*warm(20, "f2")) == [("firing", 20)]
        assert story.heard(*warm(30, "f3"), *cold(40, "f1")) == []
        assert story.heard(*cold(50, "f2")) == [("resolved", 50)]

    def test_decides_about_the_group_and_names_who_holds(self) -> None:
        story = told()
        story.tell(*warm(10, "f1", "f2"))
        (made,) = story.decisions
        assert (made.subject, made.store_id, made.customer_id) == ("store/ginza", "ginza", "ann")
        assert made.summary == "2 of the devices of Ginza: f1 (t 9), f2 (t 9)"
        assert made.values["members"] == {"f1": {"t": 9}, "f2": {"t": 9}}
        assert (made.values["count"], made.values["store"]) == (2, "Ginza")

    def test_one_device_that_says_so_twice_is_one_device(self) -> None:
        assert told().heard(*warm(10, "f1"), *warm(20, "f1"), *cold(30, "f1"), *warm(40, "f1")) == []

    def test_a_device_without_a_store_is_in_no_stores_group(self) -> None:
        story = told(counting(1), freezer("f1", shop=None))
        assert story.tell(*warm(10, "f1")) == []

    def test_each_store_has_a_group_of_its_own(self) -> None:
        story = told(counting(), freezer("f1"), freezer("f2", shop="ueno"), freezer("f3", shop="ueno"))
        story.tell(*warm(10, "f1", "f2", "f3"))
        assert [made.subject for made in story.decisions] == ["store/ueno"]

    @pytest.mark.parametrize(
        ("by", "subject", "name"),
        [("model", "model/x", "model x"), ("owner", "owner/ann", "ann"), ("store", "store/ginza", "Ginza")],
    )
    def test_groups_by_what_the_rule_says(self, by: str, subject: str, name: str) -> None:
        story = told(counting(by=by))
        story.tell(*warm(10, "f1", "f2"))
        (made,) = story.decisions
        assert made.subject == subject
        assert f"of the devices of {name}:" in made.summary
        assert made.customer_id == "ann"

    def test_nobody_is_the_customer_of_devices_with_several_owners(self) -> None:
        story = told(counting(), freezer("f1"), freezer("f2", owner="bob"))
        story.tell(*warm(10, "f1", "f2"))
        assert story.decisions[0].customer_id is None

    def test_the_all_clear_goes_to_whom_the_alert_went(self) -> None:
        story = told()
        story.tell(*warm(10, "f1", "f2"), *cold(20, "f1", "f2"))
        assert [made.customer_id for made in story.decisions] == ["ann", "ann"]
        assert story.decisions[1].summary == "only 1 of the devices of Ginza still: f2 (t 9)"

    def test_while_others_devices_hold_too_the_one_who_was_told_hears_of_the_end_only(self) -> None:
        story = told(counting(), freezer("f1"), freezer("f2"), freezer("f3", owner="bob"), repeat_every="1h")
        story.tell(*warm(10, "f1", "f2"), *warm(20, "f3"), tick(3700), *cold(3800, "f1", "f2"))
        said = [(made.transition, made.customer_id) for made in story.decisions]
        assert said == [("firing", "ann"), ("repeat", None), ("resolved", "ann")]

    def test_a_persons_word_on_the_alert_is_the_customers_too(self) -> None:
        story = told()
        story.tell(*warm(10, "f1", "f2"))
        alert_id = story.decisions[0].alert_id
        (heeded,) = story.tell(AlertCommand(START + 20_000, "store/ginza", "r", alert_id, "acknowledge", "Mika"))
        assert isinstance(heeded, Intervention)
        assert (heeded.subject, heeded.customer_id) == ("store/ginza", "ann")

    def test_only_the_selected_devices_are_members(self) -> None:
        story = told(counting(1), freezer("f1"), freezer("f2", model="y"), for_devices="{model: y}")
        assert story.heard(*warm(10, "f1")) == []
        assert story.heard(*warm(20, "f2")) == [("firing", 20)]


class TestMembers:
    def test_a_member_that_is_warm_at_first_sight_counts_from_the_next_word(self) -> None:
        story = Story(rule(counting(1)), store(), device(freezer("f1")))
        assert story.heard(*warm(10, "f1")) == []
        assert story.heard(*warm(20, "f1")) == [("firing", 20)]

    def test_a_member_of_which_nothing_is_known_stays_what_it_was(self) -> None:
        story = told(counting(2, where="{metric: t, above: 8, for: 1m}"))
        story.tell(*warm(10, "f1", "f2"))
        assert story.heard(tick(80)) == [("firing", 70)]
        assert story.heard(tick(7200)) == []
        assert story.heard(*cold(7300, "f2")) == [("resolved", 7300)]

    def test_a_members_timers_run_on_its_own_clock(self) -> None:
        story = told(counting(1, where="{metric: t, above: 8, for: 1m}"))
        assert story.heard(*warm(10, "f1"), tick(69)) == []
        assert story.heard(tick(70)) == [("firing", 70)]

    def test_a_member_that_moves_leaves_one_group_and_joins_the_other(self) -> None:
        story = told()
        story.tell(*warm(10, "f1", "f2", "f3"))
        moved = words(story.tell(device(freezer("f2", shop="ueno"), 20)))
        assert [(word.device_id, word.holds) for word in moved] == [("store/ginza", None), ("store/ueno", True)]
        assert story.heard(device(freezer("f1", shop="ueno"), 30)) == [("resolved", 30), ("firing", 30)]

    def test_a_member_that_is_cold_moves_without_a_word(self) -> None:
        assert told().tell(device(freezer("f1", shop="ueno"), 20)) == []

    def test_a_member_that_is_no_longer_selected_leaves(self) -> None:
        story = told(counting(), for_devices="{model: x}")
        story.tell(*warm(10, "f1", "f2"))
        assert story.heard(device(freezer("f1", model="y"), 20)) == [("resolved", 20)]

    def test_a_new_owner_of_a_member_is_told_to_the_group(self) -> None:
        story = told()
        story.tell(*warm(10, "f1"))
        (word,) = words(story.tell(device(freezer("f1", owner="bob"), 20)))
        assert (word.holds, word.owner) == (True, "bob")
        story.tell(*warm(30, "f2"))
        assert story.decisions[0].customer_id is None

    def test_what_a_member_says_is_the_same_in_a_replay(self) -> None:
        assert told().tell(*warm(10, "f1")) == told().tell(*warm(10, "f1"))


class TestConditionsAroundIt:
    def test_for_counts_how_long_so_many_hold(self) -> None:
        story = told(f"{{all: [{counting()}], for: 10m}}")
        story.tell(*warm(10, "f1", "f2"), *cold(100, "f1"), *warm(200, "f1"))
        assert story.heard(tick(799)) == []
        assert story.heard(tick(801)) == [("firing", 800)]

    def test_two_groups_may_be_asked_together(self) -> None:
        story = told(f"{{all: [{counting(2)}, {counting(1, where='{metric: door, equals: true}')}]}}")
        story.tell(reading(5, False, "door", "f3"))
        assert story.heard(*warm(10, "f1", "f2")) == []
        assert story.heard(reading(20, True, "door", "f3")) == [("firing", 20)]

    def test_not_of_a_group_holds_only_once_the_group_is_known(self) -> None:
        story = told(f"{{not: {counting(2)}}}")
        story.tell(*warm(10, "f1", "f2"))
        assert story.heard(*cold(20, "f1")) == [("firing", 20)]

    def test_repeats_name_who_holds_by_then(self) -> None:
        story = told(repeat_every="1h")
        story.tell(*warm(10, "f1", "f2"), *warm(20, "f3"), tick(3700))
        assert story.decisions[-1].transition == "repeat"
        assert story.decisions[-1].summary == "after 1 h still: 3 of the devices of Ginza: f1 (t 9), f2 (t 9), f3 (t 9)"

    def test_other_groups_rules_are_left_alone(self) -> None:
        one = f"{{id: a, when: {counting(1)}}}"
        other = f"{{id: b, when: {counting(1, where='{metric: door, equals: true}')}}}"
        story = Story(f"rules: [{one}, {other}]", store(), device(freezer("f1")), *cold(0, "f1"))
        story.tell(*warm(10, "f1"))
        assert [made.rule_id for made in story.decisions] == ["a"]


class TestWhenRulesChange:
    def test_an_alert_goes_on_under_the_rules_new_version(self) -> None:
        story = told()
        story.tell(*warm(10, "f1", "f2"))
        assert transitions(story.load(rule(counting(), name="warm"), 20)) == []
        assert story.heard(*cold(30, "f1")) == [("resolved", 30)]

    def test_a_new_version_that_says_false_resolves(self) -> None:
        story = told()
        story.tell(*warm(10, "f1", "f2"))
        assert transitions(story.load(rule(counting(3)), 20)) == [("resolved", 20)]

    def test_members_to_which_the_new_version_does_not_apply_no_longer_count(self) -> None:
        story = told()
        story.tell(*warm(10, "f1", "f2"))
        assert transitions(story.load(rule(counting(where="{metric: t, above: 20}")), 20)) == [("resolved", 20)]

    def test_a_rule_that_is_gone_closes_the_groups_alert_and_tells_nobody(self) -> None:
        story = told()
        story.tell(*warm(10, "f1", "f2"))
        story.load("rules: []", 20)
        assert [(made.transition, made.notify) for made in story.decisions] == [("firing", None), ("resolved", None)]
        assert story.tell(*cold(30, "f1", "f2")) == []

    def test_a_rule_that_comes_later_counts_from_the_next_words(self) -> None:
        story = Story("rules: []", store(), device(freezer("f1")), device(freezer("f2")))
        story.tell(*warm(0, "f1", "f2"))
        story.load(rule(counting()), 10)
        assert story.heard(*warm(20, "f1", "f2")) == []
        assert story.heard(*warm(30, "f1", "f2")) == [("firing", 30)]


def word(member: str, order: int, holds: bool | None = True, **more: Any) -> MemberChanged:
    at = START + order * 1000
    said = {"version": "v1", "rules_at": START, "part": 0, **more}
    return MemberChanged(
        "store/ginza", at, at, "r", said["version"], member, holds, "ann", {"t": order}, said["part"], (order, 0, 0),
        said["rules_at"],
    )  # fmt: skip


class TestWordsOutOfOrder:
    """Words reach the group's partition late, twice, and before the rules under which they were said."""

    def story(self, at_least: int = 1) -> tuple[Story, str]:
        story = Story(rule(counting(at_least)), store())
        return story, story.state.ruleset.rules[0].version

    def test_the_same_word_again_changes_nothing(self) -> None:
        story, version = self.story(2)
        assert story.heard(*[word("f1", 5, version=version)] * 3) == []

    def test_an_older_word_after_a_newer_one_changes_nothing(self) -> None:
        story, version = self.story()
        assert story.heard(word("f1", 9, holds=False, version=version), word("f1", 5, version=version)) == []
        assert story.heard(word("f1", 10, version=version)) == [("firing", 10)]
        assert story.heard(word("f1", 7, holds=None, version=version)) == []

    def test_a_member_that_left_is_not_brought_back_by_an_old_word(self) -> None:
        story, version = self.story()
        assert story.heard(word("f1", 9, holds=None, version=version), word("f1", 5, version=version)) == []

    def test_a_word_under_rules_to_come_waits_for_them(self) -> None:
        story, _ = self.story(2)
        coming = parse({"rules.yaml": rule(counting(1))}).rules[0].version
        assert story.heard(word("f1", 30, version=coming, rules_at=START + MINUTE)) == []
        assert transitions(story.load(rule(counting(1)), 60)) == [("firing", 60)]

    def test_a_word_under_rules_that_are_gone_only_ends(self) -> None:
        story, old = self.story()
        before = START - 60 * MINUTE
        story.tell(word("f1", 5, version=old, rules_at=before))
        story.load(rule(counting(1), name="warm"), 60)
        assert story.heard(word("f2", 6, version=old, rules_at=before)) == []
        assert story.heard(word("f1", 7, holds=False, version=old, rules_at=before)) == [("resolved", 7)]

    def test_a_word_to_a_group_of_an_unknown_rule_waits_or_is_dropped(self) -> None:
        story = Story("rules: []", store())
        assert (
            story.tell(word("f1", 5, rules_at=START - 60 * MINUTE), word("f1", 6, rules_at=START + 60 * MINUTE)) == []
        )
        group = story.state.subjects["store/ginza"]
        assert isinstance(group, Group)
        assert [event.order[0] for event in group.waiting.values()] == [6]


class TestBounds:
    def test_keeps_the_values_of_the_first_members_only(self) -> None:
        ledger = Ledger("r", 0, "v")
        for number in range(100):
            ledger.note(word(f"f{number}", number + 1))
        for number in range(50, 100):
            ledger.note(word(f"f{number}", 200 + number))
        assert len(ledger.holding) == 100
        assert sum(bool(entry.values) for entry in ledger.holding.values()) == MAX_SHOWN

    def test_forgets_the_longest_silent_members_first(self) -> None:
        ledger = Ledger("r", 0, "v")
        for number in range(MAX_SILENT + 5):
            ledger.note(word(f"f{number}", number + 1, holds=False))
        assert len(ledger.silent) == MAX_SILENT
        assert not ledger.knows(word("f0", 1))
        assert ledger.knows(word("f5", 1))

    def test_a_group_of_ten_thousand_names_a_few(self) -> None:
        story = Story(rule(counting(10_000)), store())
        version = story.state.ruleset.rules[0].version
        heard = story.heard(*(word(f"f{number}", number + 1, version=version) for number in range(10_000)))
        assert [transition for transition, _ in heard] == ["firing"]
        (made,) = story.decisions
        assert made.summary.endswith("f4 (t 5) and 9995 more")
        assert len(made.values["members"]) == MAX_SHOWN


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("{group: {by: shop, at_least: 2, where: {metric: t, above: 1}}}", "'by' cannot be 'shop'"),
        ("{group: {by: store, at_least: 0, where: {metric: t, above: 1}}}", "whole number from 1, not 0"),
        ("{group: {by: store, at_least: 1.5, where: {metric: t, above: 1}}}", "whole number from 1, not 1.5"),
        ("{group: {by: store, at_least: 2}}", "'where' is missing"),
        ("{group: {at_least: 2, where: {metric: t, above: 1}}}", "'by' is missing"),
        ("{group: {by: store, where: {metric: t, above: 1}}}", "'at_least' is missing"),
        ("{group: {by: store, at_lest: 2, where: {metric: t, above: 1}}}", "unknown key 'at_lest'"),
        (f"{{group: {{by: store, at_least: 2, where: {counting()}}}}}", "a group cannot be counted inside of a group"),
        (f"{{all: [{counting()}, {{metric: t, above: 8}}]}}", "'metric' is about one device"),
        (f"{{all: [{counting()}, {{not: {{absent_for: 5m}}}}]}}", "'absent_for' is about one device"),
        (
            f"{{sequence: {{steps: [{counting()}, {{metric: t, above: 8}}], within: 1h}}}}",
            "'metric' is about one device",
        ),
        (f"{{any: [{counting(by='store')}, {counting(by='model')}]}}", "groups by store and by model"),
    ],
)
def test_refuses_what_makes_no_sense_and_says_why(when: str, message: str) -> None:
    with pytest.raises(RuleErrors) as caught:
        parse({"rules.yaml": rule(when)})
    assert message in str(caught.value)
    assert all(problem.mend for problem in caught.value.problems)


def test_a_device_is_no_group() -> None:
    story = Story(rule(WARM), store())
    story.tell(reading(0, 5))
    condition = GroupCount("r", 0, "store", 1)
    assert condition.on_event([], story.state.subjects["chiller-7"], START) is None
