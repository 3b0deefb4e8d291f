"""Alerts that speak for a whole store: a store whose gateway is down pages once."""

from __future__ import annotations

import pytest

from devices.event import AlertChanged, DeviceEvent, DeviceFacts, Event
from rules.announcement import MAX_ENDED, Bulletin
from rules.checkpoint import encode_shared, encode_subject, restore_shared, restore_subject
from rules.decision import Decision, Derivation, Intervention
from rules.document import parse
from rules.problem import RuleErrors
from tests.unit.rules.story import START, Story, device, reading, store, tick

DOWN = "{id: down, for_devices: {model: gateway}, when: {metric: up, equals: false}}"
WARM = "{id: warm, for_devices: {model: freezer}, when: {metric: t, above: 8}, then: {case: {queue: cold}}"
QUIET = f"{WARM}, inhibited_by: [{{rule: down, same: store}}]}}"


def freezer(name: str, shop: str | None = "ginza") -> DeviceFacts:
    return DeviceFacts(name, "freezer", store=shop)


def told(warm: str = QUIET, down: str = DOWN) -> Story:
    """A gateway and two freezers in Ginza, another freezer elsewhere; all is well."""
    known = [DeviceFacts("g", "gateway", store="ginza"), freezer("f1"), freezer("f2"), freezer("far", "ueno")]
    well = [reading(0, True, "up", "g"), *(reading(0, 5, device=name) for name in ("f1", "f2", "far"))]
    return Story(f"rules: [{warm}, {down}]", store(), *map(device, known), *well)


def up(after: float, working: bool, gateway: str = "g") -> Event:
    return reading(after, working, "up", gateway)


def warm(after: float, name: str = "f1") -> Event:
    return reading(after, 9, device=name)


def said(story: Story) -> list[tuple[str, str, str | None, bool]]:
    """Of the freezers: who, what, who spoke for it, and whether a case was opened."""
    made = [decision for decision in story.decisions if decision.rule_id == "warm"]
    return [(d.subject, d.transition, d.inhibited_by, d.case is not None) for d in made]


def words(story: Story) -> list[tuple[str, str, str, float]]:
    """Since when the store's alert spoke for one that had been said, and until when."""
    found = [outcome for outcome in story.outcomes if isinstance(outcome, Intervention)]
    return [(word.action, word.subject, word.by, (word.at - START) / 1000) for word in found]


def test_a_store_whose_gateway_is_down_pages_once() -> None:
    story = told()
    story.tell(up(10, False), warm(20, "f1"), warm(20, "f2"))
    assert said(story) == [("f1", "firing", "down", False), ("f2", "firing", "down", False)]


def test_what_the_store_had_said_before_becomes_quiet_and_goes_on_afterwards() -> None:
    story = told()
    story.tell(warm(10, "f1"), warm(10, "far"), up(20, False), up(50, True), tick(80))
    assert words(story) == [("inhibit", "f1", "down", 20), ("release", "f1", "down", 80)]
    assert said(story) == [("f1", "firing", None, True), ("far", "firing", None, True)]


def test_a_moment_that_was_said_before_stays_said() -> None:
    story = told(QUIET.replace("{metric: t, above: 8}", "{event: button}"))
    story.tell(DeviceEvent("f1", START + 10_000, START + 10_000, "button", {}), up(10, False), tick(11))
    assert said(story) == [("f1", "firing", None, True), ("f1", "resolved", None, False)]
    assert words(story) == []


def test_what_stands_in_another_store_by_now_is_spoken_for_there() -> None:
    story = told()
    story.tell(warm(10, "f1"), up(20, False), device(freezer("f1", "ueno"), 25), tick(60))
    assert words(story) == [("inhibit", "f1", "down", 20), ("release", "f1", "down", 55)]
    story.tell(up(70, True), up(80, False), device(freezer("f1"), 85), up(90, True), tick(120))
    assert words(story)[2:] == [("inhibit", "f1", "down", 85), ("release", "f1", "down", 120)]


def test_nor_is_it_forgotten_through_a_restart_that_an_alert_may_be_spoken_for() -> None:
    story = told()
    story.tell(warm(10, "f1"), warm(10, "far"))
    again = restore_shared(encode_shared(story.state))
    for subject_id in story.state.subjects:
        restore_subject(again, subject_id, encode_subject(story.state, subject_id))
    story.state = again
    story.tell(up(20, False), up(50, True), tick(80))
    assert words(story) == [("inhibit", "f1", "down", 20), ("release", "f1", "down", 80)]


def test_only_those_are_asked_whose_alerts_may_be_spoken_for() -> None:
    story = told()
    bulletin = story.state.world.bulletin
    assert bulletin.listeners("ginza") == []
    story.tell(warm(10, "f1"), warm(10, "f2"), warm(10, "far"))
    assert bulletin.listeners("ginza") == ["f1", "f2"]
    story.tell(reading(20, 5, device="f1"), device(freezer("f2", "ueno"), 30))
    assert bulletin.listeners("ueno") == ["f2", "far"]
    story.tell(up(40, False))
    assert bulletin.listeners("ginza") == []


def test_other_stores_speak_for_themselves() -> None:
    story = told()
    story.tell(up(10, False), warm(20, "far"))
    assert said(story) == [("far", "firing", None, True)]


def test_what_still_fires_after_it_is_said_then() -> None:
    story = told()
    story.tell(up(10, False), warm(20, "f1"), warm(20, "f2"), up(30, True), reading(40, 5, device="f2"))
    story.tell(tick(59))
    assert said(story)[2:] == [("f2", "resolved", None, False)]
    story.tell(tick(61))
    assert said(story)[3:] == [("f1", "repeat", None, True)]


def test_goes_on_while_another_gateway_of_the_store_is_down() -> None:
    story = told()
    other = DeviceFacts("g2", "gateway", store="ginza")
    story.tell(device(other, 1), up(2, True, "g2"), up(10, False), up(11, False, "g2"), warm(20))
    story.tell(up(30, True), tick(100))
    assert said(story) == [("f1", "firing", "down", False)]
    story.tell(up(110, True, "g2"), tick(141))
    assert said(story)[1:] == [("f1", "repeat", None, True)]


def test_a_gateway_that_moves_takes_its_word_along() -> None:
    story = told()
    story.tell(up(10, False), warm(20, "f1"))
    story.tell(device(DeviceFacts("g", "gateway", store="ueno"), 30), warm(40, "far"), tick(61))
    assert said(story) == [
        ("f1", "firing", "down", False), ("far", "firing", "down", False), ("f1", "repeat", None, True),
    ]  # fmt: skip


def test_a_rule_that_comes_to_be_named_speaks_from_then_on() -> None:
    story = told(f"{WARM}}}")
    story.tell(up(10, False))
    assert not any(isinstance(outcome, Derivation) for outcome in story.outcomes)
    story.load(f"rules: [{QUIET}, {DOWN}]", 15)
    story.tell(warm(20))
    assert said(story) == [("f1", "firing", "down", False)]


def test_a_rule_that_is_no_longer_named_does_not() -> None:
    story = told()
    story.tell(up(10, False))
    story.load(f"rules: [{WARM}}}, {DOWN}]", 15)
    story.tell(warm(20))
    assert said(story) == [("f1", "firing", None, True)]


def test_a_rule_that_is_gone_lets_the_others_speak() -> None:
    story = told()
    story.tell(up(10, False), warm(20))
    story.load(f"rules: [{WARM}}}]", 25)
    story.tell(tick(60))
    assert said(story) == [("f1", "firing", "down", False), ("f1", "repeat", None, True)]


def test_a_device_without_a_store_is_spoken_for_by_nobody() -> None:
    story = told()
    story.tell(device(freezer("loose", None), 1), reading(2, 5, device="loose"), up(10, False), warm(20, "loose"))
    assert said(story) == [("loose", "firing", None, True)]


def test_a_group_of_a_store_is_spoken_for_too() -> None:
    shop = "{id: shop, when: {group: {by: store, at_least: 1, where: {firing: warm}}}"
    story = told(f"{WARM}}}, {shop}, inhibited_by: [{{rule: down, same: store}}]}}")
    story.tell(up(10, False), warm(20))
    (made,) = [decision for decision in story.decisions if decision.rule_id == "shop"]
    assert (made.subject, made.inhibited_by) == ("store/ginza", "down")


def test_a_group_may_speak_for_its_store() -> None:
    down = "{id: down, when: {group: {by: store, at_least: 1, where: {metric: up, equals: false}}}}"
    story = told(down=down)
    story.tell(up(10, False), warm(20))
    assert said(story) == [("f1", "firing", "down", False)]


def test_a_checkpoint_keeps_what_was_heard() -> None:
    story = told()
    story.tell(up(10, False))
    again = restore_shared(encode_shared(story.state))
    assert again.world.bulletin.fires("down", "ginza")
    assert encode_shared(again) == encode_shared(story.state)


def word(order: int, firing: bool, subject: str = "g", shop: str = "ginza") -> AlertChanged:
    return AlertChanged(START + order, "down", subject, shop, firing, (order, 0, 0), START)


class TestBulletin:
    def bulletin(self) -> Bulletin:
        made = Bulletin()
        made.follow(frozenset({"down"}), START)
        return made

    def test_the_same_word_again_and_an_older_one_change_nothing(self) -> None:
        bulletin = self.bulletin()
        for event in (word(5, True), word(5, True), word(3, False)):
            assert bulletin.hear(event, START) is None
        assert bulletin.fires("down", "ginza")
        assert bulletin.hear(word(7, False), START) == "ginza"
        assert bulletin.hear(word(5, True), START) is None
        assert not bulletin.fires("down", "ginza")

    def test_takes_no_words_on_rules_that_speak_for_nobody(self) -> None:
        bulletin = Bulletin()
        bulletin.hear(word(5, True), START)
        assert not bulletin.fires("down", "ginza")

    def test_keeps_words_said_under_rules_to_come(self) -> None:
        bulletin = Bulletin()
        bulletin.hear(word(5, True), START - 1)
        bulletin.follow(frozenset({"down"}), START)
        assert bulletin.fires("down", "ginza")

    def test_forgets_the_oldest_ends(self) -> None:
        bulletin = self.bulletin()
        for number in range(MAX_ENDED + 3):
            bulletin.hear(word(number + 1, False, f"g{number}"), START)
        assert len(list(bulletin.words())) == MAX_ENDED


@pytest.mark.parametrize(
    ("inhibited_by", "message"),
    [
        ("[{rule: dwon, same: store}]", "there is no rule 'dwon'"),
        ("[{rule: down, same: model}]", "'same' cannot be 'model'"),
        ("[{rule: down}]", "'same' is missing"),
        ("[{same: store}]", "'rule' is missing"),
        ("[{rule: down, same: store, at: 3}]", "unknown key 'at'"),
        ("[{rule: warm, same: store}]", "'warm' cannot inhibit itself"),
    ],
)
def test_refuses_what_makes_no_sense_and_says_why(inhibited_by: str, message: str) -> None:
    with pytest.raises(RuleErrors) as caught:
        parse({"rules.yaml": f"rules: [{WARM}, inhibited_by: {inhibited_by}}}, {DOWN}]"})
    assert message in str(caught.value)
    assert all(problem.mend for problem in caught.value.problems)


def test_words_go_to_every_partition_under_a_name_made_from_their_cause() -> None:
    one, other = told(), told()
    for story in (one, other):
        story.tell(up(10, False))
    (word_,) = [outcome for outcome in one.outcomes if isinstance(outcome, Derivation)]
    assert word_.key is None
    assert one.outcomes == other.outcomes
    assert [type(outcome) for outcome in one.outcomes] == [Decision, Derivation]
