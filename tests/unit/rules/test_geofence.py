import math

import pytest

from rules.geofence import Area, Circle, Fences, credible_accuracy, fence_from

METRE = 1 / 111_195
SQUARE = {
    "type": "Polygon",
    "coordinates": [[[139.0, 35.0], [139.01, 35.0], [139.01, 35.01], [139.0, 35.01], [139.0, 35.0]]],
}
RING = {
    "type": "Polygon",
    "coordinates": [
        SQUARE["coordinates"][0],
        [[139.004, 35.004], [139.006, 35.004], [139.006, 35.006], [139.004, 35.006], [139.004, 35.004]],
    ],
}


def test_a_degree_along_the_meridian_is_a_sixtieth_of_the_way_that_a_nautical_mile_measures() -> None:
    assert Circle(0, 0, 1).distance(1, 0) == pytest.approx(111_195, rel=1e-4)
    # Tokyo station to Osaka station, 403 km on the great circle
    assert Circle(35.6812, 139.7671, 1).distance(34.7025, 135.4959) == pytest.approx(403_000, rel=5e-3)


@pytest.mark.parametrize(
    ("metres", "accuracy", "held"),
    [(0, 100, True), (0, 101, None), (50, 49, True), (50, 51, None), (100, 5, None), (150, 49, False), (150, 51, None)],
)
def test_a_circle_holds_what_lies_wholly_within(metres: float, accuracy: float, held: bool | None) -> None:
    assert Circle(35, 139, 100).holds(35 + metres * METRE, 139, accuracy) is held


def test_a_polygon_holds_what_lies_wholly_within() -> None:
    area = Area(SQUARE)
    assert area.holds(35.005, 139.005, 50) is True
    assert area.holds(35.005, 139.02, 50) is False
    assert area.holds(35.0 + 30 * METRE, 139.005, 50) is None
    assert area.holds(35.0 + 70 * METRE, 139.005, 50) is True


def test_a_hole_is_outside() -> None:
    assert Area(RING).holds(35.005, 139.005, 10) is False
    assert Area(RING).holds(35.002, 139.005, 10) is True


def test_a_polygon_may_lie_across_the_date_line() -> None:
    area = fence_from(
        {"type": "Polygon", "coordinates": [[[179.9, 0], [-179.9, 0], [-179.9, 0.2], [179.9, 0.2], [179.9, 0]]]}
    )
    assert area.holds(0.1, 179.95, 10) is True
    assert area.holds(0.1, -179.95, 10) is True
    assert area.holds(0.1, 0, 10) is False
    fences = Fences()
    fences.put("x", area)
    assert fences.near(0.1, -179.95, 10) == {"x"}


def test_a_feature_and_several_polygons_are_fences_too() -> None:
    assert fence_from({"type": "Feature", "geometry": SQUARE}).holds(35.005, 139.005, 5) is True
    both = {
        "type": "MultiPolygon",
        "coordinates": [SQUARE["coordinates"], [[[140.0, 35.0], [140.01, 35.0], [140.0, 35.01], [140.0, 35.0]]]],
    }
    assert fence_from(both).holds(35.002, 140.002, 5) is True


@pytest.mark.parametrize(
    "geofence",
    [
        {},
        {"lat": 35, "lon": 139},
        {"lat": 35, "lon": 139, "radius": 0},
        {"lat": 135, "lon": 35, "radius": 10},
        {"lat": "35", "lon": 139, "radius": 10},
        {"lat": math.nan, "lon": 139, "radius": 10},
        {"type": "Point", "coordinates": [139, 35]},
        {"type": "Polygon"},
        {"type": "Polygon", "coordinates": [[[139, 35], [140, 35]]]},
        {"type": "Polygon", "coordinates": [[[35.0, 139.0], [35.0, 140.0], [36.0, 139.0], [35.0, 139.0]]]},
        {"type": "Polygon", "coordinates": [[["a", "b"], [1, 2], [3, 4]]]},
        {"type": "Polygon", "coordinates": [[[139, 35], [139, 35], [139, 35], [139, 35]]]},
        {"type": "Polygon", "coordinates": "x"},
    ],
)
def test_what_is_no_fence_is_refused_with_the_mend(geofence: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"write \{lat, lon, radius\} or a GeoJSON Polygon"):
        fence_from(geofence)


def test_the_index_finds_what_looking_at_all_fences_finds() -> None:
    fences, all_fences = Fences(), {}
    for i in range(400):
        fence = Circle(35 + (i % 20) * 0.004, 139 + (i // 20) * 0.004, 30 + i)
        all_fences[f"s{i}"] = fence
        fences.put(f"s{i}", fence)
    for step in range(200):
        lat, lon = 34.99 + step * 0.0005, 138.99 + step * 0.00047
        held = {sid for sid, fence in all_fences.items() if fence.holds(lat, lon, 25) is not False}
        near = fences.near(lat, lon, 25)
        assert held <= near
        assert len(near) < 200


def test_a_removed_or_moved_fence_is_not_found_where_it_was() -> None:
    fences = Fences()
    fences.put("a", Circle(35, 139, 100))
    fences.put("a", Circle(36, 139, 100))
    assert fences.near(35, 139, 10) == set()
    assert fences.near(36, 139, 10) == {"a"}
    fences.remove("a")
    fences.remove("a")
    assert (len(fences), fences.near(36, 139, 10), fences.holds("a", 36, 139, 10)) == (0, set(), False)


def test_a_fence_as_large_as_a_country_is_found() -> None:
    fences = Fences()
    fences.put("jp", Circle(36, 138, 800_000))
    assert fences.near(43, 141, 10) == {"jp"}
    assert fences.near(-43, 141, 10) == set()
    fences.remove("jp")
    assert fences.near(43, 141, 10) == set()


@pytest.mark.parametrize(("sent", "reckoned"), [(0, 25), (1, 5), (12, 12), (500, 500)])
def test_accuracy_is_believed_within_reason(sent: float, reckoned: float) -> None:
    assert credible_accuracy(sent) == reckoned


def test_how_far_a_fence_is_counts_from_its_edge() -> None:
    assert Circle(35, 139, 100).beyond(35 + 250 * METRE, 139) == pytest.approx(150, abs=0.5)
    assert Circle(35, 139, 100).beyond(35, 139) == 0
    area = Area(SQUARE)
    assert area.beyond(35.0 - 70 * METRE, 139.005) == pytest.approx(70, abs=0.5)
    assert area.beyond(35.005, 139.005) == 0
    assert Area(RING).beyond(35.005, 139.005) == pytest.approx(91, abs=1)  # in the hole, a thousandth of a degree wide
    fences = Fences()
    fences.put("a", area)
    assert fences.beyond("a", 35.0 - 70 * METRE, 139.005) == pytest.approx(70, abs=0.5)
    assert fences.beyond("b", 35, 139) == math.inf


def test_fences_near_are_found_however_far_near_is() -> None:
    fences = Fences()
    for i in range(40):
        fences.put(f"s{i}", Circle(35 + i * 0.02, 139, 50))
    for metres in (100, 1_000, 20_000):
        near = {f"s{i}" for i in range(40) if Circle(35 + i * 0.02, 139, 50).beyond(35.2, 139) <= metres}
        assert near <= fences.near(35.2, 139, metres)
