"""The first hour with Kizashi: a customer, a device, a warm chiller, and everything that follows from it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from gateway.log import EventLog
from tests.acceptance import outside
from tests.acceptance.outside import soon
from tests.acceptance.rig import Rig, rig

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

RULES = """
rules:
  - id: too-warm
    for_devices: {model: chiller-*}
    when: {metric: temperature, above: 8, clear_below: 6}
    severity: major
    purpose: maintenance
    then:
      case: {queue: cold-chain, priority: high}
      notify: {template: alert}
  - id: welcome
    for_devices: {model: door-*}
    when: {metric: visitors, above: 0}
    purpose: offers
    then:
      notify: {template: offer, channels: [email], expires_after: 1h}
"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    settings = {"KIZASHI_POLICY__QUIET_HOURS": outside.AT_ALL_HOURS}
    with rig(tmp_path_factory.mktemp("newcomer"), RULES, settings) as running:
        outside.rules_are_in_force(running)
        yield running


@pytest.mark.debian
def test_a_warm_chiller_reaches_its_owner_opens_a_case_and_explains_itself(gateway: Rig) -> None:
    outside.person(gateway, "aiko", {"push": ["aiko-phone"]}, purposes=["maintenance"])
    outside.machine(gateway, "chiller-1", "aiko")
    who = outside.credentials(gateway, "chiller-1")
    assert who["username"] == "chiller-1"

    for temperature in ("4.2", "9.5"):
        done = outside.mosquitto_pub(
            gateway, who, "devices/chiller-1/telemetry", f'{{"temperature": {temperature}, "door": "shut"}}'
        )
        assert done.returncode == 0, done.stderr

    (push,) = soon(lambda: outside.inbox(gateway, "push", "aiko-phone"), "the push on the phone")
    assert "9.5" in push["title"] + push["text"]
    delivered = outside.message(gateway, "aiko", "push", "delivered")
    assert delivered["id"] == push["message_id"]
    assert [receipt["status"] for receipt in delivered["receipts"]] == ["delivered"]
    _check_decision(gateway, delivered["decision_id"])
    _resolve_case(gateway, "aiko")
    _check_timeline(gateway, "aiko", delivered["decision_id"])


def _check_decision(gateway: Rig, decision_id: str) -> None:
    decision = outside.get(gateway, f"/v1/decisions/{decision_id}")
    assert (decision["rule_id"], decision["device_id"]) == ("too-warm", "chiller-1")
    assert (decision["transition"], decision["customer_id"]) == ("firing", "aiko")
    assert decision["values"]["temperature"] == 9.5
    explained = decision["explanation"]
    assert (explained["operator"], explained["metric"], explained["limit"]) == ("above", "temperature", 8)
    assert explained["value"] == 9.5
    assert explained["result"] is True


def _resolve_case(gateway: Rig, customer_id: str) -> None:
    (case,) = outside.get(gateway, f"/v1/cases?state=open&customer_id={customer_id}")["items"]
    assert (case["queue"], case["priority"], case["device_id"]) == ("cold-chain", "high", "chiller-1")
    with gateway.api() as api:
        assert api.post(f"/v1/cases/{case['id']}/assign", json={"assignee": "mika"}).is_success
        answer = api.post(f"/v1/cases/{case['id']}/resolve", json={"resolution": "Door seal replaced."})
        again = api.post(f"/v1/cases/{case['id']}/resolve", json={})
    assert answer.json()["state"] == "resolved"
    assert outside.get(gateway, f"/v1/cases?state=open&customer_id={customer_id}")["items"] == []
    assert again.status_code == 409


def _check_timeline(gateway: Rig, customer_id: str, decision_id: str) -> None:
    whole = outside.timeline(gateway, customer_id)
    kinds = {entry["kind"] for entry in whole}
    assert {"alert", "message", "receipt", "case"} <= kinds, kinds
    assert [entry["at"] for entry in whole] == sorted((entry["at"] for entry in whole), reverse=True)
    assert decision_id in {entry["decision_id"] for entry in whole if entry["kind"] == "alert"}
    assert outside.timeline(gateway, customer_id, limit=2) == whole, "small pages give the same as one large one"
    assert outside.timeline(gateway, customer_id, limit=1) == whole


@pytest.mark.debian
def test_nobody_comes_in_with_a_wrong_password(gateway: Rig) -> None:
    outside.machine(gateway, "chiller-2")
    right = outside.credentials(gateway, "chiller-2")
    for who in ({**right, "password": "guessed"}, {"username": "chiller-unknown", "password": right["password"]}):
        refused = outside.mosquitto_pub(gateway, who, "devices/chiller-2/telemetry", '{"temperature": 4}')
        assert refused.returncode != 0
        assert "not authorised" in refused.stderr
    newer = outside.credentials(gateway, "chiller-2")
    assert outside.mosquitto_pub(gateway, right, "devices/chiller-2/telemetry", '{"temperature": 4}').returncode != 0
    assert outside.mosquitto_pub(gateway, newer, "devices/chiller-2/telemetry", '{"temperature": 4}').returncode == 0


@pytest.mark.debian
def test_a_device_can_not_speak_as_another(gateway: Rig) -> None:
    outside.person(gateway, "emi", {"push": ["emi-phone"]}, purposes=["maintenance"])
    outside.machine(gateway, "chiller-mine")
    outside.machine(gateway, "chiller-emi", "emi")
    mine, hers = outside.credentials(gateway, "chiller-mine"), outside.credentials(gateway, "chiller-emi")
    before = outside.rejected_so_far(gateway)

    # By topic: the broker lets nothing of it through, whatever it answers.
    outside.mosquitto_pub(gateway, mine, "devices/chiller-emi/telemetry", '{"temperature": 30}')
    # By payload: refused with its reason.
    told = '{"device_id": "chiller-emi", "temperature": 31}'
    assert outside.mosquitto_pub(gateway, mine, "devices/chiller-mine/telemetry", told).returncode == 0
    soon(lambda: outside.rejected_so_far(gateway) == before + 1, "the refusal")
    assert rejected(gateway, 1) == [("mqtt", "devices/chiller-mine/telemetry", "other_device")]

    # What her own device says arrives after all that, so whatever was to come of it has come.
    for temperature in (4.5, 9.25):
        own = f'{{"temperature": {temperature}}}'
        assert outside.mosquitto_pub(gateway, hers, "devices/chiller-emi/telemetry", own).returncode == 0
    alert = soon(lambda: outside.of_kind(gateway, "emi", "alert"), "her own alert")
    assert len(alert) == 1
    assert outside.get(gateway, f"/v1/decisions/{alert[0]['decision_id']}")["values"]["temperature"] == 9.25
    assert len(outside.inbox(gateway, "push", "emi-phone")) <= 1


@pytest.mark.debian
def test_what_can_not_be_read_is_counted_and_kept_with_its_reason(gateway: Rig) -> None:
    outside.machine(gateway, "chiller-3")
    who = outside.credentials(gateway, "chiller-3")
    before = outside.rejected_so_far(gateway)
    done = outside.mosquitto_pub(gateway, who, "devices/chiller-3/telemetry", '{"temperature": 9')
    assert done.returncode == 0, "the device is not asked to repeat it for ever"
    soon(lambda: outside.rejected_so_far(gateway) == before + 1, "one more rejected")
    assert rejected(gateway, 1) == [("mqtt", "devices/chiller-3/telemetry", "not_json")]


def test_events_come_by_http_too_and_a_bad_one_spoils_no_good_one(gateway: Rig) -> None:
    outside.person(gateway, "ben", {"sms": "+819012345611"}, purposes=["maintenance"])
    outside.machine(gateway, "chiller-4", "ben")
    items = [
        {"device_id": "chiller-4", "values": {"temperature": 5}},
        {"device_id": "chiller-4", "values": {}},
        {"device_id": "chiller-4", "kind": "telemetry", "temperature": 12.5},
    ]
    with gateway.api() as api:
        answer = api.post("/v1/events", json=items)
        assert httpx.post(f"{gateway.url}/v1/events", json=items).status_code == 401
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 2
    assert [(item["index"], item["reason"]) for item in answer.json()["rejected"]] == [(1, "empty")]
    sms = outside.message(gateway, "ben", "sms", "delivered")
    assert sms["attempts"] == 1
    assert "12.5" in outside.inbox(gateway, "sms", "+819012345611")[0]["text"]
    # Each comes by a call of its own, and the later one may overtake.
    soon(lambda: receipts(gateway, sms["id"]) == {"sent", "delivered"}, "both receipts")


def test_one_click_on_unsubscribe_and_the_next_offer_is_suppressed(gateway: Rig) -> None:
    outside.person(gateway, "chie", {"email": "chie@example.com"}, purposes=["offers"])
    outside.machine(gateway, "door-1", "chie", model="door-sensor")
    outside.post(gateway, "door-1", visitors=0)
    outside.post(gateway, "door-1", visitors=1)
    (mail,) = soon(lambda: outside.inbox(gateway, "email", "chie@example.com"), "the offer")

    headers = dict(mail["detail"]["headers"])
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = headers["List-Unsubscribe"].strip("<>")
    assert f"{urlsplit(link).scheme}://{urlsplit(link).netloc}" == gateway.url
    assert httpx.get(link).status_code == 200
    assert outside.get(gateway, "/v1/customers/chie/consents")["offers"] == {"email": True}, "looking changes nothing"
    assert httpx.post(link, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert outside.get(gateway, "/v1/customers/chie/consents")["offers"] == {"email": False}

    outside.post(gateway, "door-1", visitors=0)
    outside.post(gateway, "door-1", visitors=2)
    (no,) = soon(lambda: outside.of_kind(gateway, "chie", "suppression"), "the suppression")
    assert (no["reason"], no["channel"], no["rule_id"]) == ("no_consent", "email", "welcome")
    assert no["detail"]["inputs"] == {"purpose": "offers", "channel": "email", "consent": False}
    assert len(outside.inbox(gateway, "email", "chie@example.com")) == 1


def receipts(gateway: Rig, message_id: str) -> set[str]:
    return {receipt["status"] for receipt in outside.get(gateway, f"/v1/messages/{message_id}")["receipts"]}


def rejected(gateway: Rig, count: int) -> list[tuple[str, str, str]]:
    """The newest refusals: way in, topic, reason."""

    async def recent() -> list[tuple[str, str, str]]:
        event_log = await EventLog.connect(gateway.addresses()["log_url"], name="acceptance")
        try:
            return [(each.source, each.topic, each.reason) for each in await event_log.recent_rejected(count)]
        finally:
            await event_log.close()

    return asyncio.run(recent())
