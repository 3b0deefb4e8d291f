"""Rows of a table as events: ``ts``, ``device_id``, and metrics; ``lat``, ``lon`` and ``accuracy`` are a position.

A row without ``received_at`` was received when it was measured.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from devices.event import DeviceSaid, Location, Millis, Telemetry, Value
from devices.identity import is_device_id
from devices.said import MAX_METRICS, MAX_NAME
from gateway.past.columns import Bad, NoSuchColumnError, ids, times
from gateway.past.past import PastError, SetAside

TS: Final = "ts"
DEVICE: Final = "device_id"
RECEIVED: Final = "received_at"
POSITION: Final = ("lat", "lon", "accuracy")

_MAX_LAT, _MAX_LON = 90.0, 180.0
_FOR_EVER: Final[Millis] = 2**62
_received_at: Final = operator.attrgetter("received_at")

Cells = Sequence[Value | Bad | None]


class Header(NamedTuple):
    """Which column is what."""

    names: tuple[str, ...]
    metrics: tuple[str, ...]
    received: bool
    position: bool


def header(place: str, names: Sequence[str]) -> Header:
    """The columns, looked at before anything else.

    Raises:
        PastError: one is missing, stands twice, or cannot name a metric.
    """
    listed = ", ".join(names)
    for wanted, holds in ((TS, "the time"), (DEVICE, "the device")):
        if wanted not in names:
            raise PastError(f"{place}: there is no column '{wanted}' ({holds}); there are {listed or 'none'}")
    for name in names:
        if names.count(name) > 1:
            raise PastError(f"{place}: the column '{name}' stands twice; rename or remove one")
        if not name or len(name) > MAX_NAME or not name.isprintable():
            raise PastError(f"{place}: {name!r} cannot name a metric; use 1 to {MAX_NAME} printable characters")
    position = "lat" in names and "lon" in names
    known = {TS, DEVICE, RECEIVED, *(POSITION if position else ())}
    metrics = tuple(name for name in names if name not in known)
    if len(metrics) > MAX_METRICS:
        raise PastError(f"{place}: {len(metrics)} metrics; at most {MAX_METRICS}")
    if not metrics and not position:
        raise PastError(f"{place}: there is no metric beside '{TS}' and '{DEVICE}'; add a column such as temperature")
    return Header(tuple(names), metrics, RECEIVED in names, position)


class Rows:
    """Makes events of the rows of one file."""

    def __init__(
        self, place: str, head: Header, convert: Callable[[Any], Cells], set_aside: SetAside,
        since: Millis | None = None, until: Millis | None = None,
    ) -> None:  # fmt: skip
        """``convert`` reads a metric's column; times are kept that are not before ``since`` and before ``until``."""
        self._place = place
        self._head = head
        self._convert = convert
        self._set_aside = set_aside
        self._since = since
        self._until = until

    def events(self, batch: Any, line: Callable[[int], int]) -> list[DeviceSaid]:
        """The events of a ``pyarrow.RecordBatch``, in order of receipt.

        Args:
            batch: the rows.
            line: the number of a row's line in the file, by its place in the batch.

        Raises:
            PastError: a column's kind is none that a reading has.
        """
        at = self._column(batch, TS, times)
        device = self._column(batch, DEVICE, lambda column: ids(column, is_device_id))
        received = self._column(batch, RECEIVED, times) if self._head.received else at
        metrics = [self._column(batch, name, self._convert) for name in self._head.metrics]
        position = [self._column(batch, name, self._convert) for name in POSITION if self._has(name)]
        sound = self._sound([at, device, received, *metrics, *position], batch.num_rows, line)
        found: list[DeviceSaid] = []
        if self._head.position:
            found += self._located(at, device, received, position, sound, line)
        found += self._measured(at, device, received, metrics, sound)
        found.sort(key=_received_at)
        return found

    def _has(self, name: str) -> bool:
        return self._head.position and name in self._head.names

    def _column(self, batch: Any, name: str, convert: Callable[[Any], Any]) -> Any:
        try:
            return convert(batch.column(self._head.names.index(name)))
        except NoSuchColumnError as error:
            raise PastError(f"{self._place}: column '{name}' {error}") from error

    def _sound(self, columns: list[Any], count: int, line: Callable[[int], int]) -> list[bool]:
        """Which rows can be used and are wanted; the others are noted, but for empty and unwanted ones."""
        at, device = columns[0], columns[1]
        usable = [type(moment) is int and type(name) is str for moment, name in zip(at, device, strict=True)]
        if not all(usable) or any(Bad in map(type, cells) for cells in columns):
            self._note(columns, usable, line)
        if self._since is not None or self._until is not None:
            since, until = self._since or 0, self._until or _FOR_EVER
            usable = [good and since <= moment < until for good, moment in zip(usable, at, strict=True)]
        return usable

    def _note(self, columns: list[Any], usable: list[bool], line: Callable[[int], int]) -> None:
        """Set rows with cells that can't be used aside; an empty line is none."""
        for place, cells in enumerate(zip(*columns, strict=True)):
            moment, name = cells[:2]
            bad = next((cell for cell in cells if type(cell) is Bad), None)
            if bad is not None:
                self._refuse(line(place), bad.reason)
                usable[place] = False
            elif (moment is None) != (name is None):
                self._refuse(line(place), f"there is no {TS if moment is None else DEVICE}")

    def _refuse(self, number: int, reason: str) -> None:
        self._set_aside.add(f"{self._place}:{number}", reason)

    def _measured(
        self, at: list[Any], device: list[Any], received: list[Any], metrics: list[Cells], sound: list[bool]
    ) -> Iterator[Telemetry]:
        names = self._head.metrics
        for moment, name, arrived, cells, usable in zip(
            at, device, received, zip(*metrics, strict=True), sound, strict=bool(metrics)
        ):
            if usable:
                if None in cells:
                    said = {metric: cell for metric, cell in zip(names, cells, strict=True) if cell is not None}
                else:
                    said = dict(zip(names, cells, strict=True))
                if said:
                    yield Telemetry(name, moment, moment if arrived is None else arrived, said)

    def _located(
        self, at: list[Any], device: list[Any], received: list[Any], position: list[Any], sound: list[bool],
        line: Callable[[int], int],
    ) -> Iterator[Location]:  # fmt: skip
        for place, usable in enumerate(sound):
            lat, lon, *accuracy = (column[place] for column in position)
            if not usable or lat is None or lon is None:
                continue
            radius = accuracy[0] if accuracy and accuracy[0] is not None else 0.0
            if not _on_earth(lat, lon, radius):
                self._refuse(line(place), f"lat {lat}, lon {lon}, accuracy {radius} is no position in WGS 84 degrees")
                sound[place] = False
                continue
            arrived = at[place] if received[place] is None else received[place]
            yield Location(device[place], at[place], arrived, float(lat), float(lon), float(radius))


def _on_earth(lat: Any, lon: Any, radius: Any) -> bool:
    if any(type(number) not in (int, float) for number in (lat, lon, radius)):
        return False
    return bool(abs(lat) <= _MAX_LAT and abs(lon) <= _MAX_LON and radius >= 0)
