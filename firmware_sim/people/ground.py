"""The ground that people walk on: metres east and north of a point, and back to degrees."""

from __future__ import annotations

import math
from dataclasses import dataclass

EARTH_RADIUS_M = 6_371_008.8
"""IUGG mean radius."""


@dataclass(frozen=True, slots=True)
class Place:
    """WGS 84 degrees."""

    lat: float
    lon: float

    def moved(self, east: float, north: float) -> Place:
        """The place ``east`` and ``north`` metres from here, on the tangent plane (good to centimetres in a km)."""
        lat = self.lat + math.degrees(north / EARTH_RADIUS_M)
        lon = self.lon + math.degrees(east / (EARTH_RADIUS_M * math.cos(math.radians(self.lat))))
        return Place(lat, lon)

    def towards(self, bearing: float, metres: float) -> Place:
        """The place ``metres`` away in direction ``bearing`` (degrees clockwise from north)."""
        angle = math.radians(bearing)
        return self.moved(metres * math.sin(angle), metres * math.cos(angle))

    def offset(self, other: Place) -> tuple[float, float]:
        """Metres east and north from here to ``other``."""
        north = math.radians(other.lat - self.lat) * EARTH_RADIUS_M
        east = math.radians(other.lon - self.lon) * EARTH_RADIUS_M * math.cos(math.radians(self.lat))
        return east, north

    def distance(self, other: Place) -> float:
        """Metres to ``other``."""
        return math.hypot(*self.offset(other))
