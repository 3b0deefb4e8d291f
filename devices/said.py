"""From a parsed object to an event: the checks that every payload format shares.

Each function takes what the device sent and raises ``Rejected`` for what no event can be made of.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeGuard

from devices.event import MAX_AHEAD_MS, DeviceEvent, Location, Millis, Status, Telemetry
from devices.rejected import Reason, Rejected, excerpt

MAX_METRICS = 512
"""Metrics in one reading."""
MAX_NAME = 128
"""Characters in the name of a metric or the type of an event."""
MAX_TEXT = 1024
"""Characters in a metric's text value."""
MAX_ITEMS = 1000
"""Readings in one list."""
EARLIEST_MS: Millis = 100_000_000_000
"""1973-03-03. A smaller whole number is seconds or time since start-up, not milliseconds since 1970."""

_ENVELOPE = frozenset({"ts", "device_id"})
_MAX_LAT = 90.0
_MAX_LON = 180.0
_MAX_ACCURACY_M = 20_000_000.0


def moment(sent: Any, received_at: Millis) -> tuple[Millis, bool]:
    """Event time (ms) of ``sent`` and whether the device's clock is off.

    ``None`` (no time sent) means the time of receipt. A time more than ``MAX_AHEAD_MS`` ahead is not believed.

    Raises:
        Rejected: ``sent`` is no time (``bad_time``).
    """
    if sent is None:
        return received_at, False
    if type(sent) is int:
        at = _from_number(sent)
    elif type(sent) is float:
        at = _from_number(round(sent))
    elif type(sent) is str:
        at = _from_iso(sent)
    else:
        raise Rejected(Reason.BAD_TIME, f"ts is {excerpt(sent)}: send ms since 1970 or ISO 8601 with an offset")
    if at > received_at + MAX_AHEAD_MS or at < EARLIEST_MS:
        return received_at, True
    return at, False


def _from_number(number: int) -> Millis:
    if number < EARLIEST_MS:
        raise Rejected(Reason.BAD_TIME, f"ts {number} is not in milliseconds since 1970: multiply seconds by 1000")
    return number


def _from_iso(text: str) -> Millis:
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        raise Rejected(Reason.BAD_TIME, f"ts {excerpt(text)} is not ISO 8601: send 2026-01-31T08:00:00Z") from error
    if parsed.tzinfo is None:
        raise Rejected(Reason.BAD_TIME, f"ts {excerpt(text)} has no offset: end it with Z or +09:00")
    return round(parsed.timestamp() * 1000)


def telemetry(device_id: str, sent: dict[str, Any], received_at: Millis) -> Telemetry:
    """One reading: flat metrics beside an optional ``ts``, or ``{"ts":…,"values":{…}}``."""
    values = sent.get("values")
    if type(values) is dict:
        extra = sent.keys() - _ENVELOPE - {"values"}
        if extra:
            raise Rejected(Reason.UNKNOWN_FIELD, f"{excerpt(min(extra))} beside 'values': move it into 'values'")
    else:
        values = sent
    at, clock_off = moment(sent.get("ts"), received_at)
    metrics = _metrics(values, flat=values is sent)
    return Telemetry(device_id, at, received_at, metrics, clock_off)


def _metrics(values: dict[str, Any], *, flat: bool) -> dict[str, Any]:
    if len(values) > MAX_METRICS:
        raise Rejected(Reason.TOO_MANY, f"{len(values)} metrics in one reading; at most {MAX_METRICS}")
    metrics = {}
    for name, value in values.items():
        if value is None or (flat and name in _ENVELOPE):
            continue
        kind = type(value)
        if kind is not float and kind is not int and kind is not bool:
            _check_text(name, value)
        if not name or len(name) > MAX_NAME or not name.isprintable():
            raise Rejected(Reason.BAD_VALUE, f"metric name {excerpt(name)}: 1 to {MAX_NAME} printable characters")
        metrics[name] = value
    if not metrics:
        raise Rejected(Reason.EMPTY, "the reading has no values (a null counts as none)")
    return metrics


def _check_text(name: str, value: Any) -> None:
    if type(value) is not str:
        what = "an object" if type(value) is dict else "a list"
        raise Rejected(
            Reason.BAD_VALUE,
            f"metric {excerpt(name)} is {what}: send a number, true, false or text, one metric for each part",
        )
    if len(value) > MAX_TEXT:
        raise Rejected(Reason.TOO_LONG, f"metric {excerpt(name)} has {len(value)} characters; at most {MAX_TEXT}")


def status_word(device_id: str, word: str, received_at: Millis) -> Status:
    """``online`` or ``offline``."""
    return Status(device_id, received_at, received_at, _online(word))


def status(device_id: str, sent: dict[str, Any], received_at: Millis) -> Status:
    """``{"status":"online"|"offline"}`` or ``{"online":true|false}``, optional ``ts``; the rest becomes the detail."""
    if "online" in sent:
        online = sent["online"]
        if type(online) is not bool:
            raise Rejected(Reason.BAD_STATUS, f"'online' is {excerpt(online)}: send true or false")
    elif "status" in sent:
        online = _online(sent["status"])
    else:
        raise Rejected(Reason.BAD_STATUS, "a status needs 'status': 'online'|'offline', or 'online': true|false")
    at, clock_off = moment(sent.get("ts"), received_at)
    detail = {name: value for name, value in sent.items() if name not in _ENVELOPE and name not in ("online", "status")}
    if clock_off:
        detail["clock_off"] = True
    return Status(device_id, at, received_at, online, detail)


def _online(word: Any) -> bool:
    if word == "online":
        return True
    if word == "offline":
        return False
    raise Rejected(Reason.BAD_STATUS, f"status is {excerpt(word)}: send online or offline")


def location(device_id: str, sent: dict[str, Any], received_at: Millis) -> Location:
    """``lat``, ``lon`` (WGS 84 degrees), optional ``accuracy`` (metres, 0 or absent: unknown) and ``ts``."""
    lat = _degrees(sent, "lat", _MAX_LAT)
    lon = _degrees(sent, "lon", _MAX_LON)
    accuracy = sent.get("accuracy")
    if accuracy is None:
        accuracy = 0.0
    if not _is_number(accuracy) or not 0 <= accuracy <= _MAX_ACCURACY_M:
        raise Rejected(Reason.BAD_POSITION, f"accuracy is {excerpt(accuracy)}: send metres, 0 where it is unknown")
    at, clock_off = moment(sent.get("ts"), received_at)
    return Location(device_id, at, received_at, lat, lon, float(accuracy), clock_off)


def _degrees(sent: dict[str, Any], name: str, limit: float) -> float:
    value = sent.get(name)
    if not _is_number(value) or not -limit <= value <= limit:
        raise Rejected(Reason.BAD_POSITION, f"{name} is {excerpt(value)}: send degrees from -{limit:g} to {limit:g}")
    return float(value)


def _is_number(value: Any) -> TypeGuard[float]:
    return type(value) is float or type(value) is int


def device_event(device_id: str, sent: dict[str, Any], received_at: Millis) -> DeviceEvent:
    """``{"type":…}``, optional ``ts``; the rest (or the object ``data``, where it is alone) becomes the data."""
    kind = sent.get("type")
    if type(kind) is not str or not kind or len(kind) > MAX_NAME or not kind.isprintable():
        raise Rejected(Reason.BAD_EVENT, f"'type' is {excerpt(kind)}: send a text of 1 to {MAX_NAME} characters")
    at, clock_off = moment(sent.get("ts"), received_at)
    data = {name: value for name, value in sent.items() if name not in _ENVELOPE and name != "type"}
    if data.keys() == {"data"} and type(data["data"]) is dict:
        data = data["data"]
    if clock_off:
        data = {**data, "clock_off": True}
    return DeviceEvent(device_id, at, received_at, kind, data)
