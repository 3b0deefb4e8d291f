"""The words for what an operator lacks. One that is not listed here is told with what it saw."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from devices.event import Millis
from rules.duration import spoken
from rules.metric import shown

Clock = Callable[[Millis], str]
Tree = dict[str, Any]
Words = Callable[[Tree, Millis, Clock], str | None]
"""(explanation, the moment it was asked for, how times are written) to what is missing; ``None``: nothing own."""


def _unknown(tree: Tree, at: Millis, *, of: type | tuple[type, ...] = object) -> str | None:
    """Nothing is known of the metric, or no longer, or it is of the wrong kind."""
    metric, sampled_at, gap = tree.get("metric"), tree.get("sampled_at"), tree.get("max_gap_ms")
    if tree.get("result") is not None:
        return None
    if sampled_at is None:
        return f"no {metric} yet"
    if gap is not None and at - sampled_at > gap:
        return f"{metric} is unknown: its last sample is {spoken(at - sampled_at)} old, max_gap is {spoken(gap)}"
    value = tree.get("value")
    if isinstance(value, of) and not (isinstance(value, bool) and of is not object):
        return None
    return f"{metric} is unknown: {shown(value)} is {'no text' if of is str else 'no number'}"


def _limit(tree: Tree, at: Millis, _clock: Clock) -> str | None:
    unknown = _unknown(tree, at, of=(int, float))
    if unknown is not None or tree.get("value") is None:
        return unknown
    value, limit = tree["value"], tree["limit"]
    side = "below" if value < limit else "above" if value > limit else "exactly"
    return f"{tree['metric']} {shown(value)} is {side} the limit {shown(limit)}"


def _between(tree: Tree, at: Millis, _clock: Clock) -> str | None:
    low, high = shown(tree["low"]), shown(tree["high"])
    return _unknown(tree, at, of=(int, float)) or (
        f"{tree['metric']} {shown(tree['value'])} is not between {low} and {high}"
    )


def _equals(tree: Tree, at: Millis, _clock: Clock) -> str | None:
    return _unknown(tree, at) or f"{tree['metric']} is {shown(tree['value'])}, not {shown(tree['expected'])}"


def _matches(tree: Tree, at: Millis, _clock: Clock) -> str | None:
    return _unknown(tree, at, of=str) or f"{tree['metric']} {shown(tree['value'])} does not match {tree['pattern']}"


def _changed(tree: Tree, at: Millis, clock: Clock) -> str | None:
    unknown = _unknown(tree, at)
    if unknown is not None:
        return unknown
    wanted = "".join(f" {word} {shown(tree[word])}" for word in ("from", "to") if tree.get(word) is not None)
    if tree.get("changed_at") is None:
        return f"{tree['metric']} has not changed{wanted}: it is {shown(tree['value'])}"
    change = f"from {shown(tree['before'])} at {clock(tree['changed_at'])} and is {shown(tree['value'])} now"
    return f"{tree['metric']} changed {change}{f', wanted{wanted}' if wanted else ''}"


def _for(tree: Tree, at: Millis, clock: Clock) -> str | None:
    if tree["since"] is None or (left := tree["since"] + tree["duration_ms"] - at) <= 0:
        return None
    return f"true since {clock(tree['since'])}, for {spoken(tree['duration_ms'])}: {spoken(left)} missing"


def _absent_for(tree: Tree, at: Millis, clock: Clock) -> str | None:
    what = tree.get("metric") or "data"
    if tree["heard_at"] is None:
        return f"never any {what}, so none is missing"
    heard = f"{what} last came at {clock(tree['heard_at'])}"
    if tree.get("duration_ms") is None:
        return heard
    left = tree["heard_at"] + tree["duration_ms"] - at
    return f"{heard}: {spoken(left)} of silence missing" if left > 0 else heard


def _zone(tree: Tree, at: Millis, clock: Clock) -> str | None:
    fix = tree["fix"]
    if fix is None:
        return "no position yet"
    inside = ", ".join(tree.get("inside") or ()) or "no store"
    accuracy = f" ({shown(fix['accuracy'])} m)" if fix.get("accuracy") else ""
    said = f"no {tree['motion']}: certainly inside {inside} at {clock(fix['at'])}{accuracy}"
    if tree.get("distance_m") is not None:
        said += f", {shown(tree['distance_m'])} m away, {shown(tree['near_m'])} m wanted"
    if tree.get("since") is not None and tree.get("store") is not None:
        said += f", in {tree['store']} since {clock(tree['since'])}"
        left = tree["since"] + (tree.get("duration_ms") or 0) - at
        said += f": {spoken(left)} missing" if left > 0 else ""
    return said


def _rate(tree: Tree, at: Millis, _clock: Clock) -> str | None:
    what = f"rate of {tree['metric']} over {spoken(tree['over_ms'])}"
    if tree.get("number") is None:
        few = f"{_points(tree)} over {spoken(tree.get('span_ms') or 0)}"
        return _unknown(tree, at) or f"{what} is not known yet: {few}"
    return f"{what} is {shown(tree['number'])} per {tree['per']}{_wanted(tree)}"


def _window(tree: Tree, at: Millis, _clock: Clock) -> str | None:
    what = f"{tree['aggregate']} of {tree['metric']} over {spoken(tree['over_ms'])}"
    if tree.get("number") is None:
        short = "" if tree.get("watched", True) else ", and it was not watched for so long"
        return _unknown(tree, at) or f"{what} is not known yet: samples {tree.get('samples')}{short}"
    return f"{what} is {shown(tree['number'])}{_wanted(tree)}"


def _points(tree: Tree) -> str:
    number = tree.get("points") or 0
    return f"{number} point{'' if number == 1 else 's'}"


def _wanted(tree: Tree) -> str:
    """The limits that stand beside an operator, as far as they are the plain ones."""
    limits = [f"{word} {shown(tree[word])}" for word in ("above", "below") if tree.get(word) is not None]
    return f", wanted {' or '.join(limits)}" if limits else ""


def _forecast(tree: Tree, at: Millis, clock: Clock) -> str | None:
    limit, metric = shown(tree["limit"]), tree["metric"]
    if tree.get("confidence") is None:
        few = f"{_points(tree)} over {spoken(tree.get('covered_ms') or 0)}"
        return _unknown(tree, at) or f"when {metric} reaches {limit} is not known yet: {few}"
    reaches = "does not reach" if tree.get("reaches_at") is None else f"reaches {limit} at {clock(tree['reaches_at'])}"
    reaches = reaches if tree.get("reaches_at") is not None else f"{reaches} {limit} by its trend"
    sure = f"{tree['confidence']:.0%} sure of it within {spoken(tree['within_ms'])}"
    return f"{metric} {reaches}: {sure}, {tree['confidence_needed']:.0%} wanted"


def _anomaly(tree: Tree, at: Millis, _clock: Clock) -> str | None:
    metric = tree["metric"]
    if tree.get("score") is None:
        learned = f"{spoken(tree.get('learned_ms') or 0)} of {spoken(tree['learn_for_ms'])}"
        return _unknown(tree, at) or f"what is normal for {metric} is still being learned: {learned}"
    normal = f"normal is {shown(tree['normal'])} ± {shown(tree['spread'])}"
    score = f"score {shown(tree['score'])}, {shown(tree['score_needed'])} wanted"
    return f"{metric} {shown(tree['value'])} is not unusual enough: {score} ({normal})"


def _count(tree: Tree, _at: Millis, _clock: Clock) -> str | None:
    return f"counted {tree['counted']} of {tree['count']} within {spoken(tree['within_ms'])}"


def steps_done(tree: Tree) -> list[Millis]:
    """When the steps of a sequence came that have come."""
    return [at for at in tree.get("started_at") or () if at is not None]


def _sequence(tree: Tree, _at: Millis, clock: Clock) -> str | None:
    done = steps_done(tree)
    if not done:
        return None
    return f"step {len(done)} of {len(tree.get('of') or ())} came at {clock(done[-1])}, the next did not yet"


def _event(tree: Tree, _at: Millis, clock: Clock) -> str | None:
    if tree["happened_at"] is None:
        return f"no event {tree['type']} yet"
    return f"the newest event {tree['type']} was at {clock(tree['happened_at'])} and is over"


def _every(tree: Tree, at: Millis, clock: Clock) -> str | None:
    if tree.get("due_at") is None:
        return None
    return f"due at {clock(tree['due_at'])}, every {tree['period']}: {spoken(max(tree['due_at'] - at, 0))} missing"


def _operating_hours(tree: Tree, at: Millis, _clock: Clock) -> str | None:
    if tree.get("run") is None:
        return _unknown(tree, at)
    return f"{tree['metric']}: ran {shown(tree['run'])} of {shown(tree['every'])}"


def _firing(tree: Tree, _at: Millis, _clock: Clock) -> str | None:
    return f"the alert of {tree['rule_id']} does not fire"


def _during(tree: Tree, _at: Millis, clock: Clock) -> str | None:
    if tree.get("local_time") is None or tree.get("result") is None:
        return None
    until = f" until {clock(tree['until'])}" if tree.get("until") is not None else ""
    return f"not during {tree['calendar']}{until}: it was {tree['local_time']}"


def _facts(tree: Tree, _at: Millis, _clock: Clock) -> str | None:
    """What the registry says of device, customer or store."""
    if tree.get("facts") is None:
        return None
    unmet = [fact for fact in tree["facts"] if fact.get("result") is not True]
    return "; ".join(f"{fact['fact']}: {_has(fact.get('found'))}, wanted {fact['wanted']}" for fact in unmet) or None


def _has(found: Any) -> str:
    if isinstance(found, list):
        return ", ".join(map(shown, found)) or "none"
    return "none" if found is None else shown(found)


def _stores(tree: Tree, at: Millis, clock: Clock) -> str | None:
    stores = tree.get("stores") or ()
    if not stores:
        return "the device stands in no store that is known"
    told = [(store["store"], _facts(store, at, clock)) for store in stores]
    return "; ".join(f"store {name}: {said}" for name, said in told if said is not None) or None


WORDS: Final[dict[str, Words]] = {
    "above": _limit,
    "below": _limit,
    "between": _between,
    "equals": _equals,
    "matches": _matches,
    "changed": _changed,
    "for": _for,
    "absent_for": _absent_for,
    "zone": _zone,
    "rate": _rate,
    "window": _window,
    "forecast": _forecast,
    "anomaly": _anomaly,
    "count": _count,
    "sequence": _sequence,
    "event": _event,
    "every": _every,
    "operating_hours": _operating_hours,
    "firing": _firing,
    "during": _during,
    "device": _facts,
    "customer": _facts,
    "store": _stores,
}
"""By operator."""
