import pytest

from devices.event import StoreFacts
from rules.decision import Decision
from rules.document import parse
from rules.problem import RuleErrors
from tests.unit.rules.story import Story, fix, reading, rule, store, tick

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


NEAR = rule("{zone: {near: 500m, store: {tag: flagship}}}")


def test_is_near_once_the_whole_circle_is_within_the_distance_of_the_edge() -> None:
    story = Story(NEAR, store(), fix(0, 2000))
    assert story.heard(fix(1, 595), fix(2, 589), fix(3, 300), fix(4, 0)) == [("firing", 2)]
    (fired,) = story.decisions
    assert fired.summary == "phone-3 is within 500 m of Ginza"
    assert fired.store_id == "ginza"
    assert fired.explanation["near_m"] == 500
    assert abs(fired.explanation["distance_m"] - 489) < 1


def test_is_near_no_longer_once_it_is_certainly_well_away() -> None:
    story = Story(NEAR, store(), fix(0, 2000), fix(1, 300))
    assert story.heard(fix(2, 620), fix(3, 705), fix(4, 580), fix(5, 711), fix(6, 705)) == [("resolved", 5)]
    assert story.decisions[-1].summary == "phone-3 is no longer near"


def test_first_seen_near_is_pending_and_fires_with_the_next_position() -> None:
    assert Story(NEAR, store()).heard(fix(0, 200), fix(1, 200)) == [("firing", 1)]


def test_of_several_stores_the_nearest_is_meant_until_it_is_left() -> None:
    story = Story(rule("{zone: {near: 1km}}"), store(), store(NEXT_DOOR), fix(0, 5000))
    found = [o for o in story.tell(fix(1, 900), fix(2, 0), fix(3, -5000)) if isinstance(o, Decision)]
    assert [(o.transition, o.store_id) for o in found] == [("firing", "annex"), ("resolved", "annex")]


def test_a_vague_position_is_near_nothing_that_is_nearer_than_it_is_vague() -> None:
    story = Story(NEAR, store(), fix(0, 5000))
    assert story.heard(fix(1, 0, accuracy=700)) == []
    far = Story(rule("{zone: {near: 5km}}"), store(), fix(0, 50_000))
    assert far.heard(fix(1, 0, accuracy=1500)) == []
    assert far.heard(fix(2, 3000, accuracy=900)) == [("firing", 2)]


def test_near_a_store_that_closes_or_of_another_kind_is_near_no_longer() -> None:
    story = Story(NEAR, store(), fix(0, 2000), fix(1, 300))
    assert story.heard(store(removed=True, after=2), fix(3, 300)) == [("resolved", 3)]
    assert Story(rule("{zone: {near: 500m, store: annex}}"), store(), fix(0, 2000)).heard(fix(1, 300)) == []


def test_near_a_polygon_counts_from_its_edge() -> None:
    square = [[139.0, 35.0], [139.01, 35.0], [139.01, 35.01], [139.0, 35.01], [139.0, 35.0]]
    park = StoreFacts("park", "Park", {"type": "Polygon", "coordinates": [square]})
    story = Story(rule("{zone: {near: 300m, store: park}}"), store(park), fix(0, -900))
    assert story.heard(fix(1, -320), fix(2, -280)) == [("firing", 2)]


def test_a_phone_on_the_border_does_not_leave_with_its_noise() -> None:
    story = Story(ENTER, store(), fix(0, 500))
    noise = [fix(2 + i, 100 + (14 if i % 2 else -12)) for i in range(50)]
    assert story.heard(fix(1, 0), *noise) == [("firing", 1)]
    assert story.heard(fix(60, 121)) == [("resolved", 60)]


def test_asking_again_at_the_same_position_changes_nothing() -> None:
    when = "{any: [{zone: {%s}}, {metric: t, above: 8}]}"
    for motion in ("enter: true", "dwell: 2m", "near: 50m"):
        before = (store(), store(NEXT_DOOR), reading(-5, 1), fix(0, -500, device="chiller-7"))
        plain, asked = Story(rule(when % motion), *before), Story(rule(when % motion), *before)
        for at, north in ((10, 0), (200, 5), (400, 220), (600, 225), (900, 800)):
            plain.tell(fix(at, north, device="chiller-7"))
            asked.tell(fix(at, north, device="chiller-7"), reading(at, 1), reading(at + 1, 2))
        assert [(d.transition, d.store_id) for d in plain.decisions] == [
            (d.transition, d.store_id) for d in asked.decisions
        ], motion


def test_distances_need_a_unit_and_are_within_reason() -> None:
    for written, message, mend in (
        ("500", "'500' has no unit", "500m for metres"),
        ("close", "'close' is no distance", "500m"),
        ("5m", "out of range", "10m to 20km"),
        ("21km", "out of range", "10m to 20km"),
    ):
        with pytest.raises(RuleErrors) as caught:
            parse({"a": rule(f"{{zone: {{near: {written}}}}}")})
        (found,) = caught.value.problems
        assert message in found.message
        assert mend in found.mend
