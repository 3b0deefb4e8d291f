"""What rules may ask of a device's owner reaches the log whenever it changes, and only then."""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy import Engine

from devices.event import CustomerFacts, DeviceChanged
from devices.partition import partition_of
from gateway.storage import customers, devices
from gateway.storage.customers import Customer
from tests.api_fixture import PARTITIONS, Calls, RememberingLog

AIKO = {"name": "Aiko", "locale": "ja", "time_zone": "Asia/Tokyo", "attributes": {"tier": "gold"}}


def told(log: RememberingLog, device_id: str) -> list[tuple[str | None, CustomerFacts | None]]:
    """Owner and what was said of them, each time that the log heard of the device."""
    events = log.of(partition_of(device_id, PARTITIONS))
    changes = [event for event in events if isinstance(event, DeviceChanged) and event.device_id == device_id]
    return [(event.facts.owner, event.facts.customer) for event in changes]


async def until(condition: Any, seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for happens behind the API
            await asyncio.sleep(0.02)


def all_logged(engine: Engine) -> bool:
    with engine.connect() as connection:
        return all(device.logged for device in devices.page(connection).items)


async def test_a_device_is_logged_with_what_rules_may_ask_of_its_owner(call: Calls, log: RememberingLog) -> None:
    await call("PUT", "/v1/customers/aiko", json=AIKO)
    await call("PUT", "/v1/devices/d1", json={"owner": "aiko"})
    await call("PUT", "/v1/devices/d2", json={})
    assert told(log, "d1") == [("aiko", CustomerFacts("Asia/Tokyo", "ja", {"tier": "gold"}))]
    assert told(log, "d2") == [(None, None)]


async def test_a_customer_who_changes_has_their_devices_logged_anew(call: Calls, log: RememberingLog) -> None:
    await call("PUT", "/v1/customers/aiko", json=AIKO)
    await call("PUT", "/v1/customers/ben", json={})
    for device, owner in (("d1", "aiko"), ("d2", "aiko"), ("d3", "ben")):
        await call("PUT", f"/v1/devices/{device}", json={"owner": owner})
    await call("PUT", "/v1/customers/aiko", json={**AIKO, "attributes": {"tier": "platinum"}})
    await until(lambda: len(told(log, "d1")) == len(told(log, "d2")) == 2)
    for device in ("d1", "d2"):
        assert told(log, device)[-1] == ("aiko", CustomerFacts("Asia/Tokyo", "ja", {"tier": "platinum"}))
    assert told(log, "d3") == [("ben", CustomerFacts())]


async def test_a_name_or_an_address_is_nothing_that_rules_ask_for(
    call: Calls, log: RememberingLog, engine: Engine
) -> None:
    await call("PUT", "/v1/customers/aiko", json=AIKO)
    await call("PUT", "/v1/devices/d1", json={"owner": "aiko"})
    await call("PUT", "/v1/customers/aiko", json={**AIKO, "name": "Aiko T.", "addresses": {"email": "a@example.com"}})
    assert all_logged(engine)
    assert len(told(log, "d1")) == 1


async def test_a_device_that_is_sold_has_another_owner(call: Calls, log: RememberingLog) -> None:
    await call("PUT", "/v1/customers/aiko", json=AIKO)
    await call("PUT", "/v1/customers/ben", json={"locale": "de", "time_zone": "Europe/Berlin"})
    await call("PUT", "/v1/devices/d1", json={"owner": "aiko"})
    await call("PUT", "/v1/devices/d1", json={"owner": "ben"})
    assert told(log, "d1")[-1] == ("ben", CustomerFacts("Europe/Berlin", "de"))


async def test_of_an_erased_customer_nothing_is_said_any_more(call: Calls, log: RememberingLog) -> None:
    await call("PUT", "/v1/customers/aiko", json=AIKO)
    await call("PUT", "/v1/devices/d1", json={"owner": "aiko"})
    assert (await call("DELETE", "/v1/customers/aiko")).status_code == 204
    await until(lambda: len(told(log, "d1")) == 2)
    assert told(log, "d1")[-1] == (None, None)


async def test_an_owner_who_is_imported_after_the_device_is_told_too(
    call: Calls, log: RememberingLog, engine: Engine
) -> None:
    with engine.begin() as connection:
        devices.put(connection, devices.Device(id="d1", owner="aiko"))
    await until(lambda: told(log, "d1"))
    assert told(log, "d1") == [("aiko", None)]
    with engine.begin() as connection:
        customers.put(connection, Customer(id="aiko", locale="ja"))
    await until(lambda: len(told(log, "d1")) == 2)
    assert told(log, "d1")[-1] == ("aiko", CustomerFacts("UTC", "ja"))


async def test_whoever_writes_last_is_whom_the_log_heard_of_last(
    call: Calls, log: RememberingLog, engine: Engine
) -> None:
    await call("PUT", "/v1/customers/aiko", json=AIKO)

    async def put_devices() -> None:
        for number in range(15):
            await call("PUT", "/v1/devices/d1", json={"owner": "aiko", "model": f"m{number}"})

    async def put_customers() -> None:
        for number in range(15):
            await call("PUT", "/v1/customers/aiko", json={**AIKO, "attributes": {"orders": number}})

    await asyncio.gather(put_devices(), put_customers())
    await until(lambda: all_logged(engine))
    last = told(log, "d1")[-1][1]
    assert last is not None
    assert last.attributes == {"orders": 14}
