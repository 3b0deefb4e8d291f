from devices.event import StoreFacts
from rules.decision import Decision
from tests.unit.rules.story import Story, fix, rule, store, tick

ENTER = rule("{zone: {enter: true}}")
LEAVE = rule("{zone: {leave: true}}")
DWELL = rule("{zone: {dwell: 2m, store: {tag: flagship}}}")
NEXT_DOOR = StoreFacts("annex", "Annex", {"lat": 35.0 + 220 / 111_195, "lon": 139.0, "radius": 100})


def test_entering_fires_and_leaving_resolves() -> None:
    story = Story(ENTER, store(), fix(0, 500))
    assert story.heard(fix(1, 20), fix(2, 0), fix(3, 300)) == [("firing", 1), ("resolved", 3)]


def test_first_seen_inside_is_no_entry_but_coming_back_is() -> None:
    story = Story(ENTER, store())
    assert story.heard(fix(0, 0), fix(1, 10), fix(2, 500), fix(3, 0)) == [("firing", 3)]


def test_first_seen_on_the_border_is_no_entry() -> None:
    story = Story(ENTER, store())
    assert story.heard(fix(0, 100), fix(1, 0), fix(2, 100)) == []
    assert story.heard(fix(3, 500), fix(4, 0)) == [("firing", 4)]


def test_a_fence_put_up_around_a_device_is_not_entered() -> None:
    story = Story(ENTER, fix(0, 0))
    assert story.heard(store(after=5), fix(10, 0), fix(20, 0)) == []


def test_a_vague_position_cannot_enter_a_small_fence() -> None:
    story = Story(ENTER, store(StoreFacts("kiosk", "Kiosk", {"lat": 35.0, "lon": 139.0, "radius": 50})), fix(0, 500))
    assert story.heard(fix(1, 0, accuracy=80)) == []
    assert story.heard(fix(2, 0, accuracy=49)) == [("firing", 2)]


def test_accuracy_zero_is_unknown_and_taken_as_25_metres() -> None:
    story = Story(ENTER, store(), fix(0, 500))
    assert story.heard(fix(1, 80, accuracy=0)) == []
    assert story.heard(fix(2, 74, accuracy=0)) == [("firing", 2)]


def test_does_not_flap_on_the_border() -> None:
    story = Story(ENTER, store(), fix(0, 500))
    border = [fix(2 + i, 100 + (8 if i % 2 else -8)) for i in range(50)]
    assert story.heard(fix(1, 0), *border) == [("firing", 1)]


def test_late_and_repeated_positions_change_nothing() -> None:
    story = Story(ENTER, store(), fix(0, 500), fix(10, 500))
    assert story.heard(fix(5, 0), fix(10, 0)) == []


def test_straight_from_one_store_into_the_next_is_an_end_and_a_beginning() -> None:
    story = Story(ENTER, store(), store(NEXT_DOOR), fix(0, -500))
    found = [o for o in story.tell(fix(1, 0), fix(2, 220), tick(3)) if isinstance(o, Decision)]
    assert [(o.transition, o.store_id) for o in found] == [
        ("firing", "ginza"),
        ("resolved", "ginza"),
        ("firing", "annex"),
    ]
    assert len({o.id for o in found}) == 3


def test_leaving_fires_and_coming_back_resolves() -> None:
    story = Story(LEAVE, store())
    assert story.heard(fix(0, 0), fix(1, 500), fix(2, 600), fix(3, 0)) == [("firing", 1), ("resolved", 3)]


def test_first_seen_outside_has_not_left() -> None:
    assert Story(LEAVE, store()).heard(fix(0, 500), fix(1, 600)) == []


def test_a_store_that_closes_was_not_left() -> None:
    story = Story(LEAVE, store(), fix(0, 0), fix(1, 0))
    assert story.heard(store(removed=True), fix(2, 0)) == []


def test_dwelling_fires_by_a_timer_even_at_first_sight() -> None:
    story = Story(DWELL, store())
    assert story.heard(fix(0, 0), tick(119)) == []
    assert story.heard(tick(121), fix(200, 0), fix(300, 500)) == [("firing", 120), ("resolved", 300)]


def test_passing_by_is_not_dwelling() -> None:
    assert Story(DWELL, store()).heard(fix(0, 0), fix(60, 0), fix(110, 500), tick(1000)) == []


def test_a_silence_breaks_the_count() -> None:
    story = Story(rule("{zone: {dwell: 30m}}"), store())
    assert story.heard(fix(0, 0), fix(1500, 0), fix(1900, 0), tick(1900)) == []
    assert story.heard(fix(2400, 0), fix(2900, 0), tick(3300)) == [("firing", 3300)]


def test_only_stores_that_are_meant_count() -> None:
    story = Story(rule("{zone: {enter: true, store: {id: annex}}}"), store(), store(NEXT_DOOR), fix(0, -500))
    assert story.heard(fix(1, 0)) == []
    assert story.heard(fix(2, 220)) == [("firing", 2)]


def test_decisions_name_the_store_also_when_it_was_left() -> None:
    story = Story(DWELL, store())
    story.tell(fix(0, 0), tick(120), fix(200, 500))
    fired, resolved = story.decisions
    assert fired.summary == "phone-3 has been in Ginza for 2 min"
    assert (fired.store_id, resolved.store_id) == ("ginza", "ginza")
    assert fired.values["store"] == "Ginza"
    assert resolved.summary == "phone-3 left again"
    assert fired.explanation["fix"]["accuracy"] == 10
