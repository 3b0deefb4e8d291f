"""Stores, their geofences and their opening hours."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

import shapely
from pydantic import AfterValidator, ConfigDict, Discriminator, Field, model_validator
from pydantic import Tag as Case
from shapely.geometry import shape

from gateway.api.shapes.plain import Line, Shape, Tag, TimeZone, Utc, Writable
from gateway.storage.stores import Store

Latitude = Annotated[float, Field(ge=-90, le=90)]
Longitude = Annotated[float, Field(ge=-180, le=180)]
Place = Annotated[list[float], Field(min_length=2, max_length=3)]
Ring = Annotated[list[Place], Field(min_length=4, max_length=10_000)]

_HOURS = re.compile(r"([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)")


def _hours(text: str) -> str:
    if _HOURS.fullmatch(text) is None or text[:5] == text[6:]:
        raise ValueError("not opening hours; write them as in 09:00-20:00 (22:00-02:00 ends on the next day)")
    return text


Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Hours = Annotated[str, AfterValidator(_hours)]


class Circle(Shape):
    """A point in WGS 84 degrees and a radius in metres."""

    lat: Latitude
    lon: Longitude
    radius: Annotated[float, Field(gt=0, le=100_000)]


class Area(Shape):
    """A GeoJSON polygon: longitude first, each ring closed."""

    type: Literal["Polygon", "MultiPolygon"]
    coordinates: list[Any]

    @model_validator(mode="after")
    def _sound(self) -> Self:
        for ring in self._rings():
            _check_ring(ring)
        try:
            area = shape({"type": self.type, "coordinates": self.coordinates})
        except (ValueError, TypeError, IndexError, shapely.errors.ShapelyError) as error:
            raise ValueError(f"not a GeoJSON {self.type}: {error}") from error
        if area.is_empty or not area.is_valid:
            raise ValueError(f"the {self.type} has no sound area: {shapely.is_valid_reason(area)}")
        return self

    def _rings(self) -> list[Any]:
        try:
            parts = [self.coordinates] if self.type == "Polygon" else self.coordinates
            rings = [ring for part in parts for ring in part]
        except TypeError as error:
            raise ValueError(f"coordinates of a {self.type} are nested lists of [lon, lat]") from error
        if not rings:
            raise ValueError(f"a {self.type} needs at least one ring of coordinates")
        return rings


def _check_ring(ring: Any) -> None:
    least = 4
    if not isinstance(ring, list) or len(ring) < least or ring[0] != ring[-1]:
        raise ValueError("a ring is a list of at least 4 [lon, lat] places, the last equal to the first")
    for place in ring:
        if not isinstance(place, list) or len(place) < 2 or not all(type(n) in {int, float} for n in place):  # noqa: PLR2004
            raise ValueError("a place is [longitude, latitude], both numbers")
        if not (-180 <= place[0] <= 180 and -90 <= place[1] <= 90):  # noqa: PLR2004
            raise ValueError(f"{place[:2]} is on no map: GeoJSON writes longitude first, then latitude")


def _kind(given: Any) -> str:
    has_type = "type" in given if isinstance(given, dict) else hasattr(given, "type")
    return "area" if has_type else "circle"


Geofence = Annotated[Annotated[Circle, Case("circle")] | Annotated[Area, Case("area")], Discriminator(_kind)]


class StoreBody(Writable):
    """A store as it is put."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Ginza",
                    "geofence": {"lat": 35.6717, "lon": 139.765, "radius": 80},
                    "tags": ["flagship"],
                    "opening_hours": {"mon": ["09:00-20:00"], "sat": ["10:00-13:00", "14:00-18:00"]},
                    "time_zone": "Asia/Tokyo",
                }
            ]
        }
    )

    name: Line = ""
    geofence: Geofence
    tags: Annotated[list[Tag], Field(max_length=50)] = Field(default_factory=list)
    opening_hours: dict[Day, list[Hours]] = Field(default_factory=dict)
    time_zone: TimeZone = "UTC"

    def to_store(self, store_id: str) -> Store:
        """As the storage takes it."""
        return Store(
            id=store_id,
            name=self.name,
            geofence=self.geofence.model_dump(),
            tags=list(self.tags),
            opening_hours={day: list(hours) for day, hours in self.opening_hours.items()},
            time_zone=self.time_zone,
        )


class StoreAnswer(Shape):
    """A store as it is given. ``logged``: the rules know this version."""

    id: str
    name: str
    geofence: dict[str, Any]
    tags: list[str]
    opening_hours: dict[str, list[str]]
    time_zone: str
    logged: bool
    created_at: Utc | None
    updated_at: Utc | None


class StorePage(Shape):
    """Stores, by id."""

    items: list[StoreAnswer]
    next: str | None
