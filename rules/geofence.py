"""Fences, and the index that finds those near a position.

A position is a circle, not a point: the device is certainly inside a fence when the whole circle is, certainly outside
when none of it is, and otherwise nobody knows. So a position of 80 m accuracy cannot enter a fence of 50 m, and a
device that stands on the border does not flap.

Distances on circles are great-circle (haversine, mean Earth radius 6,371,008.8 m). Polygons are laid on a plane around
their centre (equirectangular, true to about 0.1 % for fences up to 20 km across).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Set
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

DEFAULT_ACCURACY_M = 25.0
"""The radius of a position whose accuracy is unknown (0)."""
BEST_ACCURACY_M = 5.0
"""No phone is more exact than this, whatever it says."""
USELESS_ACCURACY_M = 1000.0
"""A position vaguer than this enters nothing."""
MAX_VERTICES = 10_000

_EARTH_M = 6_371_008.8
_DEGREE_M = math.radians(1) * _EARTH_M
_CELL = 0.01
"""Degrees; about 1.1 km from north to south."""
_COLUMNS = round(360 / _CELL)
_WIDE_CELLS = 256
_NOBODY: Set[str] = frozenset()
_GEOJSON = "write {lat, lon, radius} or a GeoJSON Polygon with [lon, lat] positions"


class Fence(Protocol):
    """An area."""

    bounds: tuple[float, float, float, float]
    """South, west, north, east in degrees; east may exceed 180."""

    def holds(self, lat: float, lon: float, accuracy: float) -> bool | None:
        """Whether the circle of ``accuracy`` metres around the position is inside, outside, or on the border."""
        ...

    def beyond(self, lat: float, lon: float) -> float:
        """Metres from the position to the area; 0 inside."""
        ...


def credible_accuracy(accuracy: float) -> float:
    """The radius in metres to reckon with, from the one that was sent."""
    return max(accuracy, BEST_ACCURACY_M) if accuracy > 0 else DEFAULT_ACCURACY_M


def fence_from(geofence: dict[str, Any]) -> Fence:
    """The fence of a store.

    Raises:
        ValueError: ``geofence`` is neither a circle nor a valid GeoJSON Polygon or MultiPolygon; says what to mend.
    """
    if geofence.get("type") == "Feature" and isinstance(geofence.get("geometry"), dict):
        geofence = geofence["geometry"]
    if "type" in geofence:
        return Area(geofence)
    lat, lon, radius = (geofence.get(key) for key in ("lat", "lon", "radius"))
    if not (_within(lat, 90) and _within(lon, 180) and _within(radius, 1_000_000) and float(radius) > 0):  # type: ignore[arg-type]
        raise ValueError(f"the geofence is neither a circle nor GeoJSON: {_GEOJSON}")
    return Circle(float(lat), float(lon), float(radius))  # type: ignore[arg-type]


def _within(value: Any, limit: float) -> bool:
    return type(value) in (int, float) and -limit <= value <= limit


def _east_of(lon: float, origin: float) -> float:
    """Degrees from ``origin`` to ``lon``, -180 to 180, across the date line if that is shorter."""
    return (lon - origin + 180) % 360 - 180


def _reach(lat: float, metres: float) -> tuple[float, float]:
    """``metres`` in degrees of latitude and of longitude at ``lat``."""
    shrink = max(math.cos(math.radians(lat)), 0.01)
    return metres / _DEGREE_M, metres / (_DEGREE_M * shrink)


class Circle:
    """Everything within ``radius`` metres of a point."""

    __slots__ = ("_cos", "_phi", "bounds", "lat", "lon", "radius")

    def __init__(self, lat: float, lon: float, radius: float) -> None:
        self.lat = lat
        self.lon = lon
        self.radius = radius
        self._phi = math.radians(lat)
        self._cos = math.cos(self._phi)
        up, across = _reach(lat, radius)
        self.bounds = (lat - up, lon - across, lat + up, lon + across)

    def distance(self, lat: float, lon: float) -> float:
        """Metres from the centre."""
        phi = math.radians(lat)
        half = math.sin((phi - self._phi) / 2) ** 2
        half += self._cos * math.cos(phi) * math.sin(math.radians(lon - self.lon) / 2) ** 2
        return 2 * _EARTH_M * math.asin(min(1.0, math.sqrt(half)))

    def holds(self, lat: float, lon: float, accuracy: float) -> bool | None:
        """See ``Fence``."""
        distance = self.distance(lat, lon)
        if distance + accuracy <= self.radius:
            return True
        return False if distance - accuracy >= self.radius else None

    def beyond(self, lat: float, lon: float) -> float:
        """See ``Fence``."""
        return max(0.0, self.distance(lat, lon) - self.radius)


class Area:
    """A GeoJSON Polygon or MultiPolygon, holes included."""

    __slots__ = ("_border", "_east_m", "_lat", "_lon", "_shape", "bounds")

    def __init__(self, geometry: dict[str, Any]) -> None:
        from shapely import prepare  # heavy: only a rule set with polygons pays for it

        self._lat, self._lon = _centre(geometry)
        self._east_m = _DEGREE_M * math.cos(math.radians(self._lat))
        self._shape = self._flattened(geometry)
        self._border = self._shape.boundary
        prepare(self._shape)
        west, south, east, north = self._shape.bounds
        self.bounds = (
            self._lat + south / _DEGREE_M,
            self._lon + west / self._east_m,
            self._lat + north / _DEGREE_M,
            self._lon + east / self._east_m,
        )

    def _flattened(self, geometry: dict[str, Any]) -> BaseGeometry:
        from shapely import MultiPolygon, Polygon, make_valid

        try:
            parts = [
                Polygon(self._ring(rings[0]), [self._ring(hole) for hole in rings[1:]]) for rings in _parts(geometry)
            ]
            shape: BaseGeometry = parts[0] if len(parts) == 1 else MultiPolygon(parts)
            shape = shape if shape.is_valid else make_valid(shape)
        except (ValueError, TypeError, IndexError) as error:
            raise ValueError(f"the geofence's polygon is broken ({error}): {_GEOJSON}") from error
        if shape.area <= 0:
            raise ValueError(f"the geofence's polygon has no area: {_GEOJSON}")
        return shape

    def _ring(self, ring: Any) -> list[tuple[float, float]]:
        return [self._flat(float(point[1]), float(point[0])) for point in ring]

    def _flat(self, lat: float, lon: float) -> tuple[float, float]:
        return _east_of(lon, self._lon) * self._east_m, (lat - self._lat) * _DEGREE_M

    def holds(self, lat: float, lon: float, accuracy: float) -> bool | None:
        """See ``Fence``."""
        from shapely import Point

        point = Point(*self._flat(lat, lon))
        if self._border.distance(point) < accuracy:
            return None
        return bool(self._shape.contains(point))

    def beyond(self, lat: float, lon: float) -> float:
        """See ``Fence``."""
        from shapely import Point

        return float(self._shape.distance(Point(*self._flat(lat, lon))))


def _parts(geometry: dict[str, Any]) -> list[Any]:
    coordinates = geometry.get("coordinates")
    if not isinstance(coordinates, list) or not coordinates:
        raise ValueError("no coordinates")
    if geometry["type"] == "Polygon":
        return [coordinates]
    if geometry["type"] == "MultiPolygon":
        return coordinates
    raise ValueError(f"type {geometry['type']!r}")


def _centre(geometry: dict[str, Any]) -> tuple[float, float]:
    """The middle of the outer rings' bounding box; checks each position on the way."""
    try:
        points = [point for rings in _parts(geometry) for point in rings[0]]
        every = [point for rings in _parts(geometry) for ring in rings for point in ring]
        if not points or len(every) > MAX_VERTICES:
            raise ValueError(f"1 to {MAX_VERTICES} positions")
        if not all(_within(point[0], 180) and _within(point[1], 90) for point in every):
            raise ValueError("a position is not [lon, lat] in degrees")
    except (TypeError, IndexError, KeyError, ValueError) as error:
        raise ValueError(f"the geofence's polygon is broken ({error}): {_GEOJSON}") from error
    origin = float(points[0][0])
    offsets = [_east_of(float(point[0]), origin) for point in points]
    lats = [float(point[1]) for point in points]
    return (min(lats) + max(lats)) / 2, origin + (min(offsets) + max(offsets)) / 2


class Fences:
    """Fences by store, found by position through a grid of cells of 0.01 degrees.

    A fence that would cover very many cells is kept aside and looked at by its bounds.
    """

    def __init__(self) -> None:
        self._fences: dict[str, Fence] = {}
        self._cells: dict[int, tuple[str, ...]] = {}
        self._wide: dict[str, Fence] = {}

    def __len__(self) -> int:
        return len(self._fences)

    def put(self, store_id: str, fence: Fence) -> None:
        """Add or replace the fence of ``store_id``."""
        self.remove(store_id)
        self._fences[store_id] = fence
        cells = _few_cells(fence.bounds)
        if cells is None:
            self._wide[store_id] = fence
            return
        for cell in cells:
            self._cells[cell] = (*self._cells.get(cell, ()), store_id)

    def remove(self, store_id: str) -> None:
        """Forget the fence of ``store_id``, if it has one."""
        fence = self._fences.pop(store_id, None)
        if fence is None or self._wide.pop(store_id, None) is not None:
            return
        for cell in _few_cells(fence.bounds) or ():
            others = tuple(other for other in self._cells.pop(cell) if other != store_id)
            if others:
                self._cells[cell] = others

    def holds(self, store_id: str, lat: float, lon: float, accuracy: float) -> bool | None:
        """Whether the store's fence holds the position; certainly not, if it has none."""
        fence = self._fences.get(store_id)
        return False if fence is None else fence.holds(lat, lon, accuracy)

    def beyond(self, store_id: str, lat: float, lon: float) -> float:
        """Metres from the position to the store's fence; 0 inside; infinite, if it has none."""
        fence = self._fences.get(store_id)
        return math.inf if fence is None else fence.beyond(lat, lon)

    def near(self, lat: float, lon: float, metres: float) -> Set[str]:
        """Stores of which a part may lie within ``metres``."""
        up, across = _reach(lat, metres)
        row, column = math.floor((lat - up) / _CELL), math.floor((lon - across) / _CELL)
        if not self._wide and row == math.floor((lat + up) / _CELL) and column == math.floor((lon + across) / _CELL):
            # Nearly always the circle lies in one cell, and mostly in an empty one.
            here = self._cells.get(row * _COLUMNS + column % _COLUMNS)
            return _NOBODY if here is None else frozenset(here)
        found: set[str] = set()
        cells = _few_cells((lat - up, lon - across, lat + up, lon + across))
        for cell in cells or ():
            found.update(self._cells.get(cell, ()))
        for store_id, fence in (self._fences if cells is None else self._wide).items():
            south, west, north, east = fence.bounds
            middle = (west + east) / 2
            if south - up <= lat <= north + up and abs(_east_of(lon, middle)) <= east - middle + across:
                found.add(store_id)
        return found


def _few_cells(bounds: tuple[float, float, float, float]) -> list[int] | None:
    south, west, north, east = bounds
    rows = math.floor(north / _CELL) - math.floor(south / _CELL) + 1
    columns = math.floor(east / _CELL) - math.floor(west / _CELL) + 1
    return None if rows * columns > _WIDE_CELLS else list(_cells(bounds))


def _cells(bounds: tuple[float, float, float, float]) -> Iterator[int]:
    """The numbers of the cells that the bounds touch."""
    south, west, north, east = bounds
    for row in range(math.floor(south / _CELL), math.floor(north / _CELL) + 1):
        for column in range(math.floor(west / _CELL), math.floor(east / _CELL) + 1):
            yield row * _COLUMNS + column % _COLUMNS
