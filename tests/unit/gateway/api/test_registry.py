"""Devices, stores and rules: written, then in the log, in order."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

from devices.event import DeviceChanged, Event, RulesChanged, StoreChanged
from devices.partition import partition_of
from gateway.storage import credentials, devices, rule_sets, stores
from gateway.storage.devices import Device
from gateway.storage.stores import Store
from tests.api_fixture import NOW, PARTITIONS, Calls, RememberingLog

RULES = """
rules:
  - id: too-warm
    when: {metric: temperature, above: 8}
    severity: major
    purpose: maintenance
    then:
      notify: {template: alert}
"""
CIRCLE = {"lat": 35.67, "lon": 139.76, "radius": 80}


async def until(condition: Any, seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for happens behind the API
            await asyncio.sleep(0.02)


async def test_a_device_comes_back_as_it_was_put_and_stands_in_its_partition(call: Calls, log: RememberingLog) -> None:
    await call("PUT", "/v1/customers/aiko", json={"name": "Aiko"})
    body = {
        "model": "chiller-3000",
        "profile": "chiller",
        "owner": "aiko",
        "tags": ["kitchen"],
        "attributes": {"a": [1]},
    }
    answer = await call("PUT", "/v1/devices/chiller-17", json=body)
    assert answer.status_code == 201, answer.text
    assert answer.json()["logged"] is True
    assert {name: answer.json()[name] for name in body} == body
    (event,) = log.of(partition_of("chiller-17", PARTITIONS))
    assert isinstance(event, DeviceChanged)
    assert event.at == NOW
    assert event.facts.owner == "aiko"
    assert event.facts.tags == ("kitchen",)


async def test_what_get_gives_can_be_put_back(call: Calls) -> None:
    await call("PUT", "/v1/devices/d1", json={"model": "m"})
    given = (await call("GET", "/v1/devices/d1")).json()
    again = await call("PUT", "/v1/devices/d1", json={**given, "model": "n"})
    assert again.status_code == 200, again.text
    assert again.json()["model"] == "n"


async def test_a_device_without_its_owner_or_store_in_the_registry_is_refused(call: Calls, log: RememberingLog) -> None:
    for body in ({"owner": "nobody"}, {"store": "nowhere"}):
        answer = await call("PUT", "/v1/devices/d1", json=body)
        assert answer.status_code == 422
        assert "put the" in answer.json()["detail"]
    assert log.appended == []


async def test_while_the_log_is_away_a_device_is_kept_and_follows_by_itself(call: Calls, log: RememberingLog) -> None:
    log.away = True
    answer = await call("PUT", "/v1/devices/d1", json={"model": "first"})
    assert answer.status_code == 201
    assert answer.json()["logged"] is False
    await call("PUT", "/v1/devices/d1", json={"model": "second"})
    log.away = False
    await until(lambda: log.appended)
    events = log.of(partition_of("d1", PARTITIONS))
    assert [event.facts.model for event in events if isinstance(event, DeviceChanged)] == ["second"]


async def test_rows_that_an_import_wrote_are_logged_without_anybody_asking(
    call: Calls, log: RememberingLog, engine: Engine
) -> None:
    with engine.begin() as connection:
        for number in range(20):
            devices.put(connection, Device(id=f"d{number}"))
        stores.put(connection, Store(id="s1", geofence=CIRCLE))
        rule_sets.put(connection, {"a.yaml": RULES})
    await until(lambda: sum(len(events) for _, events in log.appended) == 20 + 2 * PARTITIONS)
    with engine.connect() as connection:
        assert all(device.logged for device in devices.page(connection).items)


async def test_a_devices_versions_reach_the_log_in_the_order_of_the_registry(
    call: Calls, log: RememberingLog, engine: Engine
) -> None:
    def write(names: list[str]) -> None:
        for name in names:
            with engine.begin() as connection:
                devices.put(connection, Device(id="d1", model=name))
                written.append(name)  # under the row's lock, so in the order of commits

    written: list[str] = []
    writers = [threading.Thread(target=write, args=([f"{w}-{n}" for n in range(30)],)) for w in range(3)]
    for writer in writers:
        writer.start()
    requests = [call("PUT", "/v1/devices/d1", json={"model": f"api-{n}"}) for n in range(30)]
    await asyncio.gather(*requests)
    for writer in writers:
        await asyncio.to_thread(writer.join)
    with engine.connect() as connection:
        newest = devices.get(connection, "d1")
    assert newest is not None

    def models() -> list[str]:
        return [
            event.facts.model for event in log.of(partition_of("d1", PARTITIONS)) if isinstance(event, DeviceChanged)
        ]

    await until(lambda: models() and models()[-1] == newest.model)
    seen = [model for model in models() if not model.startswith("api")]
    order = [written.index(model) for model in seen]
    assert order == sorted(order)


async def test_a_rotated_password_replaces_the_one_before_and_only_its_hash_is_kept(
    call: Calls, engine: Engine
) -> None:
    assert (await call("POST", "/v1/devices/d1/credentials")).status_code == 404
    await call("PUT", "/v1/devices/d1", json={})
    first = (await call("POST", "/v1/devices/d1/credentials")).json()
    second = (await call("POST", "/v1/devices/d1/credentials")).json()
    assert first["username"] == "d1"
    with engine.connect() as connection:
        assert not credentials.matches(connection, "d1", first["password"])
        assert credentials.matches(connection, "d1", second["password"])
        assert not credentials.matches(connection, "d2", second["password"])
        kept = connection.exec_driver_sql("SELECT password_hash FROM device_credentials").scalar_one()
    assert kept.startswith("sha256:")
    assert len(kept) == len("sha256:") + 64


async def test_a_store_stands_in_every_partition(call: Calls, log: RememberingLog) -> None:
    body = {"name": "Ginza", "geofence": CIRCLE, "opening_hours": {"mon": ["09:00-20:00"]}, "time_zone": "Asia/Tokyo"}
    answer = await call("PUT", "/v1/stores/ginza", json=body)
    assert answer.status_code == 201, answer.text
    assert {name: answer.json()[name] for name in body} == body
    for partition in range(PARTITIONS):
        (event,) = log.of(partition)
        assert isinstance(event, StoreChanged)
        assert event.facts.geofence == CIRCLE


SQUARE = [[139.0, 35.0], [139.1, 35.0], [139.1, 35.1], [139.0, 35.1], [139.0, 35.0]]
BOW_TIE = [[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]


@pytest.mark.parametrize(
    "fence", [{"type": "Polygon", "coordinates": [SQUARE]}, {"type": "MultiPolygon", "coordinates": [[SQUARE]]}, CIRCLE]
)
async def test_a_sound_geofence_is_taken_as_it_is(call: Calls, fence: dict[str, Any]) -> None:
    answer = await call("PUT", "/v1/stores/s", json={"geofence": fence})
    assert answer.status_code == 201, answer.text
    assert answer.json()["geofence"] == fence


@pytest.mark.parametrize(
    ("fence", "said"),
    [
        ({"lat": 91, "lon": 0, "radius": 5}, "90"),
        ({"lat": 1, "lon": 0, "radius": 0}, "greater than 0"),
        ({"lat": 1, "lon": 0}, "radius"),
        ({"type": "Point", "coordinates": [1, 2]}, "Polygon"),
        ({"type": "Polygon", "coordinates": []}, "ring"),
        ({"type": "Polygon", "coordinates": [SQUARE[:3]]}, "at least 4"),
        ({"type": "Polygon", "coordinates": [[*SQUARE[:4], [5, 5]]]}, "last equal to the first"),
        ({"type": "Polygon", "coordinates": [[[35.0, 139.0], *SQUARE[1:4], [35.0, 139.0]]]}, "longitude first"),
        ({"type": "Polygon", "coordinates": [BOW_TIE]}, "Self-intersection"),
        ({"type": "Polygon", "coordinates": [[["a", "b"]] * 4]}, "numbers"),
        ({"type": "Polygon", "coordinates": 5}, ""),
        ({"type": "MultiPolygon", "coordinates": [SQUARE]}, "at least 4"),
        ("everywhere", ""),
    ],
)
async def test_a_geofence_that_is_none_is_refused_with_its_reason(call: Calls, fence: Any, said: str) -> None:
    answer = await call("PUT", "/v1/stores/s", json={"geofence": fence})
    assert answer.status_code == 422, answer.text
    assert said in answer.text


async def test_opening_hours_are_checked(call: Calls) -> None:
    for hours in ({"mon": ["9-20"]}, {"monday": ["09:00-20:00"]}, {"mon": ["09:00-09:00"]}, {"mon": ["25:00-26:00"]}):
        answer = await call("PUT", "/v1/stores/s", json={"geofence": CIRCLE, "opening_hours": hours})
        assert answer.status_code == 422, hours


async def test_rules_are_published_to_every_partition_once(call: Calls, log: RememberingLog) -> None:
    assert (await call("GET", "/v1/rules")).json()["version"] is None
    answer = await call("PUT", "/v1/rules", json={"files": {"a.yaml": RULES}})
    assert answer.status_code == 200, answer.text
    assert answer.json()["published_at"] is not None
    assert (await call("PUT", "/v1/rules", json={"files": {"a.yaml": RULES}})).json() == answer.json()
    for partition in range(PARTITIONS):
        (event,) = log.of(partition)
        assert isinstance(event, RulesChanged)
        assert event.files == {"a.yaml": RULES}
        assert event.version == answer.json()["version"]


async def test_an_older_set_can_be_brought_back(call: Calls, log: RememberingLog) -> None:
    first = (await call("PUT", "/v1/rules", json={"files": {"a.yaml": RULES}})).json()["version"]
    await call("PUT", "/v1/rules", json={"files": {"a.yaml": RULES.replace("8", "9")}})
    assert (await call("PUT", "/v1/rules", json={"files": {"a.yaml": RULES}})).json()["version"] == first
    versions = [event.version for event in log.of(0) if isinstance(event, RulesChanged)]
    assert len(versions) == 3
    assert versions[0] == versions[2] == first


async def test_wrong_rules_change_nothing_and_name_line_and_mend(call: Calls, log: RememberingLog) -> None:
    wrong = {"files": {"a.yaml": RULES.replace("above", "abov")}}
    answer = await call("PUT", "/v1/rules", json=wrong)
    assert answer.status_code == 422
    (first, *_) = answer.json()["errors"]
    assert first["file"] == "a.yaml"
    assert first["line"] == 4
    assert "above" in first["mend"]
    assert log.appended == []
    checked = await call("POST", "/v1/rules/check", json=wrong)
    assert checked.status_code == 200
    assert checked.json() == {"ok": False, "problems": answer.json()["errors"], "warnings": []}


async def test_what_is_probably_not_meant_is_said_and_put_all_the_same(call: Calls) -> None:
    files = {"files": {"a.yaml": RULES, "b.yaml": "profiles: [{id: chiller, metrics: {temperatur: {unit: °C}}}]"}}
    checked = (await call("POST", "/v1/rules/check", json=files)).json()
    assert checked["ok"] is True
    (warning,) = checked["warnings"]
    assert (warning["file"], warning["line"]) == ("a.yaml", 4)
    assert warning["mend"] == "did you mean 'temperatur'?"
    answer = await call("PUT", "/v1/rules", json=files)
    assert answer.status_code == 200, answer.text
    assert answer.json()["warnings"] == [warning]
    assert (await call("GET", "/v1/rules")).json()["warnings"] == []


async def test_bare_yaml_is_a_set_of_one_file(call: Calls) -> None:
    answer = await call("POST", "/v1/rules/check", content=RULES, headers={"Content-Type": "application/yaml"})
    assert answer.json() == {"ok": True, "problems": [], "warnings": []}
    answer = await call("PUT", "/v1/rules", content=RULES, headers={"Content-Type": "application/yaml"})
    assert answer.json()["files"] == {"rules.yaml": RULES}


async def test_rules_in_no_known_form_are_refused(call: Calls) -> None:
    for body in (b"[]", b"{", b'{"files": {"../a.yaml": ""}}', b'{"files": {"a.yaml": 5}}', b"\xff"):
        answer = await call("PUT", "/v1/rules", content=body)
        assert answer.status_code in {400, 422}, body
        assert answer.headers["Content-Type"] == "application/problem+json"


def appended(log: RememberingLog) -> list[Event]:
    return [event for _, events in log.appended for event in events]


async def test_events_are_stored_before_the_answer_and_bad_items_are_named(
    app: FastAPI, call: Calls, log: RememberingLog
) -> None:
    good = {"device_id": "d1", "values": {"temperature": 9.5}}
    answer = await call("POST", "/v1/events", role="ingest", json=[good, {"device_id": "d1", "values": {"t": None}}])
    assert answer.status_code == 202, answer.text
    assert answer.json()["accepted"] == 1
    assert [item["index"] for item in answer.json()["rejected"]] == [1]
    assert len(appended(log)) == 1
    assert len(log.rejected) == 1
    nothing = await call("POST", "/v1/events", role="ingest", content=b"{")
    assert nothing.status_code == 422
    assert len(log.rejected) == 2
    metrics = (await call("GET", "/metrics")).text
    assert "kizashi_events_rejected_total 2.0" in metrics


async def test_a_row_whose_mark_was_lost_after_its_append_is_logged_once_more(
    call: Calls, log: RememberingLog, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut: list[int] = []
    append = log.append

    async def append_and_cut(partition: int, events: list[Event]) -> int:
        done = await append(partition, events)
        if not cut:
            cut.append(partition)
            await asyncio.to_thread(cut_connections, engine)
        return done

    monkeypatch.setattr(log, "append", append_and_cut)
    answer = await call("PUT", "/v1/devices/d1", json={"model": "m"})
    assert answer.status_code == 503
    partition = partition_of("d1", PARTITIONS)
    await until(lambda: len(log.of(partition)) >= 2)
    assert {event.facts.model for event in log.of(partition) if isinstance(event, DeviceChanged)} == {"m"}
    await until(lambda: is_logged(engine, "d1"))


def cut_connections(engine: Engine) -> None:
    """End every other connection to this database, as a failing network would."""
    with engine.connect() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def is_logged(engine: Engine, device_id: str) -> bool:
    with engine.connect() as connection:
        device = devices.get(connection, device_id)
    return device is not None and device.logged


async def test_a_body_is_json_unless_it_says_otherwise(call: Calls) -> None:
    """``curl -d`` calls every body a form."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await call("PUT", "/v1/devices/d1", content=b'{"model": "m"}', headers=headers)
    assert (answer.status_code, answer.json()["model"]) == (201, "m")


async def test_a_rule_that_names_an_unknown_template_is_refused_with_the_closest_one(call: Calls) -> None:
    files = {"rules.yaml": RULES.replace("template: alert", "template: alrt")}
    answer = await call("PUT", "/v1/rules", json={"files": files})
    assert answer.status_code == 422
    assert "alert" in answer.json()["errors"][0]["mend"]
