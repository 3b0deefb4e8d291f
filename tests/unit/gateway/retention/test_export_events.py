"""An export has what the event log still holds of the customer's devices, and nothing that was said under others."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from devices.event import (
    CustomerFacts,
    DeviceChanged,
    DeviceEvent,
    DeviceFacts,
    Event,
    Location,
    Status,
    Telemetry,
    Tick,
    encode_batch,
)
from devices.partition import partition_of
from gateway.log import LogUnreachableError, Record
from gateway.retention import export_events
from gateway.retention.export_events import Log, document
from gateway.storage import customers, devices
from gateway.storage.customers import Customer
from gateway.storage.devices import Device
from tests.api_fixture import Calls, RememberingLog, app, call, log
from tests.unit.gateway.retention.past import NOW

__all__ = ["app", "call", "log"]

PARTITIONS = 4
BEGINS = int((NOW - timedelta(days=7)).timestamp() * 1000)
HOUR = 3_600_000
LONG_AGO = NOW - timedelta(days=400)


class Written:
    """A log of batches, an hour apart."""

    def __init__(self, *batches: list[Event], fails_at: int | None = None) -> None:
        self._batches = batches
        self._fails_at = fails_at
        self.read: list[int] = []

    async def read_raw(self, partition: int, after_seq: int = 0) -> AsyncGenerator[list[Record], None]:
        self.read.append(partition)
        for number, batch in enumerate(self._batches):
            if number == self._fails_at:
                raise LogUnreachableError("it went away")
            yield [Record(number + 1 + after_seq, BEGINS + number * HOUR, 0, encode_batch(batch))]


def register(engine: Engine, *device_ids: str, written_at: datetime = LONG_AGO) -> None:
    with engine.begin() as connection:
        customers.put(connection, Customer(id="aiko", name="Aiko"))
        for device_id in device_ids:
            devices.put(connection, Device(id=device_id, owner="aiko"))
        connection.execute(text("UPDATE devices SET updated_at = :at"), {"at": written_at})


def reading(value: float, device_id: str = "phone-1", after: int = 0) -> Telemetry:
    return Telemetry(device_id, BEGINS + after, BEGINS + after + 5, {"steps": value})


def owned_by(owner: str | None, device_id: str = "phone-1") -> DeviceChanged:
    return DeviceChanged(BEGINS, DeviceFacts(device_id, model="pedometer", owner=owner))


async def exported(engine: Engine, history: Any) -> tuple[list[dict[str, Any]], dict[str, Any], list[str]]:
    """The events, what is said of the log, and what was warned of."""
    gaps: list[str] = []
    log = Log(history, PARTITIONS, "7d", on_gap=gaps.append)
    whole = json.loads(b"".join([piece async for piece in document(engine, log, "aiko", NOW)]))
    assert list(whole)[-2:] == ["events", "event_log"]
    return whole["events"], whole["event_log"], gaps


def steps(events: list[dict[str, Any]]) -> list[float]:
    return [event["values"]["steps"] for event in events if event["said"] == "telemetry"]


async def test_what_the_customers_device_said_is_in_it_in_words(engine: Engine) -> None:
    register(engine, "phone-1")
    said: list[Event] = [
        reading(12),
        Location("phone-1", BEGINS, BEGINS + 5, 35.0, 139.0, 8.0),
        Status("phone-1", BEGINS, BEGINS + 5, online=False, detail={"why": "will"}),
        DeviceEvent("phone-1", BEGINS, BEGINS + 5, "button", {"pressed": 2}),
        DeviceChanged(BEGINS, DeviceFacts("phone-1", "p", owner="aiko", customer=CustomerFacts("Asia/Tokyo", "ja"))),
        Tick(BEGINS),
    ]
    events, about, gaps = await exported(engine, Written(said))
    at, received = (datetime.fromtimestamp(BEGINS / 1000 + more, UTC).isoformat() for more in (0, 0.005))
    at, received = at.replace("+00:00", "Z"), received.replace("+00:00", "Z")
    when = {"device_id": "phone-1", "at": at, "received_at": received}
    assert events == [
        {"said": "telemetry", **when, "values": {"steps": 12}, "clock_off": False},
        {"said": "location", **when, "lat": 35.0, "lon": 139.0, "accuracy": 8.0, "clock_off": False},
        {"said": "status", **when, "online": False, "detail": {"why": "will"}},
        {"said": "event", **when, "type": "button", "data": {"pressed": 2}},
        {
            "said": "registered", "device_id": "phone-1", "at": at, "model": "p", "profile": "", "store": None,
            "tags": [], "attributes": {}, "customer": {"time_zone": "Asia/Tokyo", "locale": "ja", "attributes": {}},
        },
    ]  # fmt: skip
    assert (about["complete"], about["kept_for"], about["devices"], gaps) == (True, "7d", ["phone-1"], [])
    assert about["note"].startswith("What these devices said in the last 7 days,")


async def test_other_devices_of_the_same_record_are_not(engine: Engine) -> None:
    register(engine, "phone-1")
    events, _, _ = await exported(engine, Written([reading(1, "phone-11"), reading(2), reading(3, "phone-2")]))
    assert steps(events) == [2]


async def test_what_was_said_under_another_owner_is_not(engine: Engine) -> None:
    register(engine, "phone-1", written_at=NOW)
    history = Written(
        [reading(1)], [owned_by("kenji")], [reading(2)], [owned_by("aiko"), reading(3)],
        [owned_by(None)], [reading(4)], [owned_by("aiko")], [reading(5)],
    )  # fmt: skip
    events, _, _ = await exported(engine, history)
    assert steps(events) == [3, 5]


async def test_where_the_log_does_not_say_whose_it_was_it_is_left_out(engine: Engine) -> None:
    register(engine, "phone-1", written_at=NOW)
    events, _, _ = await exported(engine, Written([reading(1)], [reading(2)]))
    assert events == []


async def test_only_the_partitions_of_the_customers_devices_are_read(engine: Engine) -> None:
    register(engine, "phone-1", "phone-2", "phone-3")
    history = Written([reading(1), reading(2, "phone-2"), reading(3, "phone-3")])
    events, about, _ = await exported(engine, history)
    assert history.read == sorted({partition_of(f"phone-{number}", PARTITIONS) for number in (1, 2, 3)})
    assert sorted(steps(events)) == [1, 2, 3], "each once, though this log says the same on all partitions"
    assert about["devices"] == ["phone-1", "phone-2", "phone-3"]


@pytest.mark.parametrize("few", [0, export_events.FEW])
async def test_somebody_with_many_devices_has_all_of_them(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(export_events, "FEW", few)
    register(engine, "phone-1")
    events, _, _ = await exported(engine, Written([reading(1)], [reading(9, "other")], [reading(2)]))
    assert steps(events) == [1, 2]


async def test_a_log_that_goes_away_leaves_a_whole_document_that_says_what_is_missing(engine: Engine) -> None:
    register(engine, "phone-1")
    events, about, gaps = await exported(engine, Written([reading(1)], [reading(2)], fails_at=1))
    assert steps(events) == [1]
    assert not about["complete"]
    assert "Not all of it is here: the log can't be read (it went away)." in about["note"]
    assert gaps == ["the log can't be read (it went away)"]


async def test_a_record_that_is_none_is_passed_over(engine: Engine) -> None:
    register(engine, "phone-1")

    class Broken(Written):
        async def read_raw(self, partition: int, after_seq: int = 0) -> AsyncGenerator[list[Record], None]:
            yield [Record(1, BEGINS, 0, b"phone-1 \xff"), Record(2, BEGINS, 0, encode_batch([reading(1)]))]

    events, about, _ = await exported(engine, Broken())
    assert (steps(events), about["complete"]) == ([1], True)


async def test_the_api_gives_the_events_too(engine: Engine, call: Calls, log: RememberingLog) -> None:
    register(engine, "phone-1")
    await log.append(partition_of("phone-1", PARTITIONS), [reading(7)])
    answer = await call("GET", "/v1/customers/aiko/export", role="agent")
    assert steps(answer.json()["events"]) == [7]
    log.away = True
    answer = await call("GET", "/v1/customers/aiko/export", role="agent")
    assert answer.status_code == 200
    assert not answer.json()["event_log"]["complete"]
    assert answer.json()["customer"]["name"] == "Aiko"
