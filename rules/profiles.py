"""Device profiles in rule files, and limits written with a unit."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, cast

from devices.event import Millis
from devices.profile import DeviceProfile, Kind, MetricProfile
from rules.library import Library
from rules.reading import Reading
from rules.source import Located
from rules.units import converted, unit_named

KINDS: Final = ("number", "boolean", "text")

_METRICS_MEND = "write metrics: {temperature: {unit: °C, min: -40, max: 60}, door_open: {kind: boolean}}"
_WITH_UNIT = re.compile(r"([-+]?(?:\d+(?:\.\d+)?|\.\d+))\s*([^\d\s.+-].*)")


def read_profile(reading: Reading) -> DeviceProfile | None:
    """One entry of ``profiles:``; ``None`` with its problems noted."""
    noted = len(reading.problems)
    reading.only(("id", "metrics", "every", "absent_after"))
    metrics = reading.mapping("metrics", _METRICS_MEND)
    known = {} if metrics is None else {name: _read_metric(metrics, name) for name in metrics.entries}
    every, absent_after = reading.duration("every"), reading.duration("absent_after")
    if every is not None and absent_after is not None and absent_after <= every:
        mend = "write a silence longer than the time between two readings"
        reading.refuse("absent_after", "a device would be absent between any two readings", mend)
    if len(reading.problems) > noted:
        return None
    found = {name: metric for name, metric in known.items() if metric is not None}
    return DeviceProfile(reading.entries["id"].text, found, every, absent_after)


def _read_metric(metrics: Reading, name: str) -> MetricProfile | None:
    if metrics.entries[name].value is None:
        return MetricProfile()
    metric = metrics.mapping(name, _METRICS_MEND)
    if metric is None:
        return None
    metric.only(("kind", "unit", "min", "max"))
    kind = metric.choice("kind", KINDS) or "number"
    unit, low, high = metric.text("unit"), metric.number("min"), metric.number("max")
    if low is not None and high is not None and low >= high:
        metric.refuse("max", f"'max' {high:g} is not above 'min' {low:g}", "write the lower one as min")
    for key in ("unit", "min", "max") if kind != "number" else ():
        if key in metric:
            metric.refuse(key, f"'{key}' is for numbers, and {name} is a {kind}", "remove it, or write kind: number")
    return MetricProfile(cast("Kind", kind), None if unit is None else unit_named(unit), low, high)


def profiles_in(library: Library) -> list[DeviceProfile]:
    """All profiles that could be read, in order of id. Does not note them as used."""
    found = [definition.content for _, definition in sorted(library.definitions.items())]
    return [content for content in found if isinstance(content, DeviceProfile)]


def absences(library: Library) -> dict[str, Millis]:
    """By profile, after how long a silence a device counts as absent. Notes that this was used, and no more of it."""
    found = {profile.id: profile.absent_after for profile in profiles_in(library) if profile.absent_after is not None}
    for name, absent_after in found.items():
        library.used["profiles", name] = {"absent_after": absent_after}
    return found


def units_of(metric: str, profiles: Iterable[DeviceProfile]) -> list[str]:
    """The units in which profiles say that the metric comes, in order of name."""
    known = (profile.metrics.get(metric) for profile in profiles)
    return sorted({found.unit for found in known if found is not None and found.unit is not None})


def read_limit(reading: Reading, key: str, metric: str | None, library: Library) -> float | None:
    """The number under ``key``, a plain one or one with the unit of ``metric``: ``8 °C``.

    The number is taken as it is, never converted: a unit that is not the one in which the device sends is a problem,
    with the converted number as its mend.
    """
    node = reading.entries.get(key)
    return None if node is None else limit_in(reading, key, node, metric, library)


def limit_in(reading: Reading, key: str, node: Located, metric: str | None, library: Library) -> float | None:
    """The same for a value that stands in a list under ``key``."""
    if type(node.value) is int or type(node.value) is float:
        return node.value
    written = _WITH_UNIT.fullmatch(node.text.strip()) if isinstance(node.value, str) else None
    if written is None:
        shown = f"'{node.text}'" if node.text else "this"
        mend = "write a plain number such as 8 or -1.5, or one with the profile's unit"
        reading.refuse_item(key, node, f"'{key}' must be a number, not {shown}", mend)
        return None
    number, unit = float(written[1]), unit_named(written[2].strip())
    units = [] if metric is None else units_of(metric, profiles_in(library))
    if unit in units:
        return int(number) if number.is_integer() and "." not in written[1] else number
    _refuse_unit(reading, key, node, metric or "this", number, unit, units)
    return None


def number_in(node: Located) -> float | None:
    """The number of a limit that was read, whatever its unit; ``None`` where there is none."""
    if type(node.value) is int or type(node.value) is float:
        return node.value
    written = _WITH_UNIT.fullmatch(node.text.strip()) if isinstance(node.value, str) else None
    return None if written is None else float(written[1])


def _refuse_unit(
    reading: Reading, key: str, node: Located, metric: str, number: float, unit: str, units: list[str]
) -> None:
    if not units:
        mend = f"write {number:g}, or say it in a profile: metrics: {{{metric}: {{unit: {unit}}}}}"
        reading.refuse_item(key, node, f"no profile says in which unit {metric} is", mend)
        return
    right = " or ".join(units)
    others = [f"{value:.6g} {other}" for other in units if (value := converted(number, unit, other)) is not None]
    mend = f"write {others[0]}" if others else f"write it in {right}"
    reading.refuse_item(key, node, f"{metric} is in {right}, not {unit}", mend)
