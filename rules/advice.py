"""What is probably not meant, though it can be run: rules that ask for what no device with their profiles sends.

Nothing is said where there are no profiles: nobody knows then what devices send.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from typing import NamedTuple

from devices.event import Millis
from devices.profile import DeviceProfile, MetricProfile
from rules.condition import DEFAULT_MAX_GAP
from rules.conditions.catalog import OPERATORS
from rules.duration import parse_duration, spoken
from rules.library import Library
from rules.metric import shown
from rules.problem import Problem, closest
from rules.profiles import number_in, profiles_in
from rules.reading import Reading
from rules.source import Located

_KEPT_BY_WINDOW = frozenset({"avg", "min", "max"})
"""Of what a window makes of samples, that which cannot lie beyond them."""


class _Rule(NamedTuple):
    """A rule, the profiles of the devices that it is for, and how long it takes a sample for good (ms)."""

    file: str
    profiles: list[DeviceProfile]
    max_gap: Millis

    def known(self, metric: str) -> list[MetricProfile]:
        return [found for profile in self.profiles if (found := profile.metrics.get(metric)) is not None]

    def every(self, metrics: set[str]) -> Millis | None:
        """The shortest time between two samples of any of the metrics; ``None`` where none is known."""
        senders = [profile for profile in self.profiles if not metrics or metrics & profile.metrics.keys()]
        cadences = [profile.every for profile in senders]
        return min((every for every in cadences if every is not None), default=None) if None not in cadences else None


def advise(document: Reading, library: Library) -> list[Problem]:
    """The warnings on all rules of one file."""
    profiles = profiles_in(library)
    nodes = document.entries["rules"].value if "rules" in document else []
    if not profiles or not isinstance(nodes, list):
        return []
    found: list[Problem] = []
    for place, node in enumerate(nodes):
        if isinstance(node.value, dict):
            found += _on_rule(Reading(document.file, node, f"rules[{place}]", []), profiles)
    return found


def _on_rule(rule: Reading, profiles: list[DeviceProfile]) -> Iterator[Problem]:
    chosen = rule.entries.get("for_devices")
    pattern = chosen.value.get("profile") if chosen is not None and isinstance(chosen.value, dict) else None
    meant = profiles
    if pattern is not None:
        meant = [profile for profile in profiles if fnmatch.fnmatchcase(profile.id, pattern.text)]
        if not meant:
            names = [profile.id for profile in profiles]
            mend = closest(pattern.text, names, f"profiles: {', '.join(names)}; or define it under profiles:")
            message = f"no profile '{pattern.text}' is defined"
            path = rule.place("for_devices.profile")
            yield Problem(rule.file, pattern.line, pattern.column, path, message, mend)
            return
    max_gap = rule.entries.get("max_gap")
    about = _Rule(rule.file, meant, (_duration(max_gap) if max_gap is not None else None) or DEFAULT_MAX_GAP)
    for key in ("when", "steps"):
        if key in rule:
            yield from _on_condition(about, rule.entries[key], rule.place(key))


def _on_condition(rule: _Rule, node: Located, path: str) -> Iterator[Problem]:
    """Every mapping in the condition, however deep."""
    if isinstance(node.value, list):
        for place, item in enumerate(node.value):
            yield from _on_condition(rule, item, f"{path}[{place}]")
    if not isinstance(node.value, dict):
        return
    entries: dict[str, Located] = node.value
    metric = entries.get("metric")
    if metric is not None and isinstance(metric.value, str):
        yield from _on_metric(rule, metric, f"{path}.metric")
        yield from _on_limits(rule, metric.value, entries, path)
    for key in ("for", "absent_for"):
        if key in entries:
            yield from _on_duration(rule, key, entries[key], _metrics_in(node), path)
    for key, inner in entries.items():
        yield from _on_condition(rule, inner, f"{path}.{key}")


def _on_metric(rule: _Rule, node: Located, path: str) -> Iterator[Problem]:
    names = sorted({name for profile in rule.profiles for name in profile.metrics})
    if names and node.value not in names:
        whose = f"profile '{rule.profiles[0].id}' has no" if len(rule.profiles) == 1 else "no profile has a"
        mend = closest(node.text, names, f"metrics: {', '.join(names)}; or name it in a profile")
        yield Problem(rule.file, node.line, node.column, path, f"{whose} metric '{node.text}'", mend)


def _on_limits(rule: _Rule, metric: str, entries: dict[str, Located], path: str) -> Iterator[Problem]:
    known = rule.known(metric)
    if not known or not _about_samples(entries):
        return
    for key in ("above", "below", "between", "clear_below", "clear_above"):
        node = entries.get(key)
        never = None if node is None else _never(metric, key, node, known)
        if node is not None and never is not None:
            mend = "write a limit that it can reach, or mend the profile"
            yield Problem(rule.file, node.line, node.column, f"{path}.{key}", never, mend)


def _about_samples(entries: dict[str, Located]) -> bool:
    """Whether limits beside a metric are limits on its samples, and not on something reckoned from them."""
    window = entries.get("window")
    if window is not None and isinstance(window.value, dict):
        return bool(window.value.keys() & _KEPT_BY_WINDOW)
    return not any(OPERATORS[key].consumes for key in entries if key in OPERATORS)


def _never(metric: str, key: str, node: Located, known: list[MetricProfile]) -> str | None:
    """Why no profile's device can be beyond the limit; ``None`` where one can."""
    if all(profile.kind != "number" for profile in known):
        return f"'{key}' compares numbers, and {metric} is a {known[0].kind}"
    items = node.value if isinstance(node.value, list) else [node]
    numbers = [number for item in items if (number := number_in(item)) is not None]
    if not numbers:
        return None
    lowest, highest = [profile.min for profile in known], [profile.max for profile in known]
    if key in {"above", "between", "clear_above"} and None not in highest:
        top = max(limit for limit in highest if limit is not None)
        if numbers[0] > top or (numbers[0] == top and key != "between"):
            return f"{metric} never exceeds {shown(top)}"
    if key in {"below", "between", "clear_below"} and None not in lowest:
        bottom = min(limit for limit in lowest if limit is not None)
        if numbers[-1] < bottom or (numbers[-1] == bottom and key != "between"):
            return f"{metric} never falls below {shown(bottom)}"
    return None


def _on_duration(rule: _Rule, key: str, node: Located, metrics: set[str], path: str) -> Iterator[Problem]:
    """A ``for`` or an ``absent_for`` that is over before the next sample comes, or that no sample can satisfy."""
    duration, every = _duration(node), rule.every(metrics)
    if duration is None or every is None:
        return
    place = (rule.file, node.line, node.column, f"{path}.{key}")
    if duration < every:
        what = "one sample alone satisfies it" if key == "for" else "a device would be absent between any two"
        message = f"'{key}' {spoken(duration)} is shorter than the {spoken(every)} between two samples: {what}"
        yield Problem(*place, message, f"write {key}: {_written(2 * every)} or more")
    elif key == "for" and metrics and rule.max_gap < every:
        message = f"'max_gap' {spoken(rule.max_gap)} is shorter than the {spoken(every)} between two samples"
        yield Problem(*place, f"{message}: a 'for' is never satisfied", f"write max_gap: {_written(2 * every)}")


def _metrics_in(node: Located) -> set[str]:
    """Every metric named in a condition."""
    if isinstance(node.value, list):
        return set().union(*(_metrics_in(item) for item in node.value))
    if not isinstance(node.value, dict):
        return set()
    metric = node.value.get("metric")
    own = {metric.value} if metric is not None and isinstance(metric.value, str) else set()
    return own.union(*(_metrics_in(inner) for inner in node.value.values()))


def _duration(node: Located) -> Millis | None:
    try:
        return parse_duration(node.text)
    except ValueError:
        return None


def _written(duration: Millis) -> str:
    return spoken(duration).replace(" min", "m").replace(" days", "d").replace(" day", "d").replace(" ", "")
