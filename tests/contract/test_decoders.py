"""What holds for every decoder: examples become events, hostile payloads are refused with their reason."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from devices.decoders import catalog
from devices.decoders.catalog import DECODERS
from devices.decoders.http import decode_http
from devices.event import decode_batch, encode_batch
from devices.rejected import Reason, Rejected

PAGES = Path("docs/reference/decoders")
NOW = 1_750_000_000_000
TOPIC = "devices/chiller-7/telemetry"

HOSTILE: list[tuple[str, bytes, Reason]] = [
    ("ten megabytes", b'{"a":"' + b"x" * 10_000_000 + b'"}', Reason.TOO_LARGE),
    ("a list a hundred thousand deep", b"[" * 100_000, Reason.TOO_DEEP),
    ("closed lists sixty thousand deep", b"[" * 60_000 + b"]" * 60_000, Reason.TOO_DEEP),
    ("objects twenty deep", b'{"a":' * 20 + b"1" + b"}" * 20, Reason.TOO_DEEP),
    ("not a number", b'{"a":NaN}', Reason.NOT_FINITE),
    ("infinity", b'{"a":-Infinity}', Reason.NOT_FINITE),
    ("1e999", b'{"a":1e999}', Reason.NOT_FINITE),
    ("five thousand digits", b'{"a":' + b"9" * 5000 + b"}", Reason.NUMBER_RANGE),
    ("five thousand digits and a fraction", b'{"a":' + b"9" * 5000 + b".5}", Reason.NOT_FINITE),
    ("65 bits", b'{"a":18446744073709551616}', Reason.NUMBER_RANGE),
    ("64 bits", b'{"a":9223372036854775808}', Reason.NUMBER_RANGE),
    ("64 bits beside an escape", b'{"a":9223372036854775808,"b":"\\n"}', Reason.NUMBER_RANGE),
    ("an escaped NUL", b'{"a":"x\\u0000"}', Reason.NUL),
    ("an escaped NUL in a key", b'{"x\\u0000":1}', Reason.NUL),
    ("a raw NUL", b'{"a":"x\x00"}', Reason.NUL),
    ("an escaped lone surrogate", b'{"a":"\\ud800"}', Reason.LONE_SURROGATE),
    ("an encoded lone surrogate", b'{"a":"\xed\xa0\x80"}', Reason.LONE_SURROGATE),
    ("a key twice", b'{"a":1,"a":2}', Reason.DUPLICATE_KEY),
    ("a key twice, once in disguise", b'{"a":1,"\\u0061":2}', Reason.DUPLICATE_KEY),
    ("a key twice, behind a colon", b'{"a":":","a":1}', Reason.DUPLICATE_KEY),
    ("a key twice, behind an escaped colon", b'{"b":"\\u003a","a":1,"a":2}', Reason.DUPLICATE_KEY),
    ("a key twice, within", b'[{"values":{"a":1,"a":2}}]', Reason.DUPLICATE_KEY),
    ("Latin-1", b'{"a":"\xe9"}', Reason.NOT_UTF8),
    ("nothing", b"", Reason.EMPTY),
    ("blanks", b" \n", Reason.EMPTY),
    ("half an object", b'{"a":1', Reason.NOT_JSON),
    ("an object and a half", b'{"a":1}{', Reason.NOT_JSON),
    ("a leading zero", b'{"a":01}', Reason.NOT_JSON),
    ("backslashes", b'{"a":"' + b"\\" * 100_001, Reason.NOT_JSON),
]


@pytest.mark.parametrize(("payload", "reason"), [case[1:] for case in HOSTILE], ids=[case[0] for case in HOSTILE])
def test_hostile_json_is_refused_with_its_reason_over_mqtt_and_http(payload: bytes, reason: Reason) -> None:
    with pytest.raises(Rejected) as over_mqtt:
        catalog.decode(TOPIC, payload, NOW)
    assert over_mqtt.value.reason is reason
    with pytest.raises(Rejected) as over_http:
        decode_http(payload, NOW)
    assert over_http.value.reason is reason


@pytest.mark.parametrize("payload", [case[1] for case in HOSTILE], ids=[case[0] for case in HOSTILE])
def test_a_refusal_does_not_repeat_the_payload(payload: bytes) -> None:
    with pytest.raises(Rejected) as caught:
        catalog.decode(TOPIC, payload, NOW)
    assert len(str(caught.value)) < 250
    str(caught.value).encode()


def test_deep_but_harmless_brackets_in_a_text_are_let_through() -> None:
    (event,) = catalog.decode(TOPIC, b'{"a":"[[[[[[[[[[[[[[[[[[[[{{{{{{{{"}', NOW)
    assert event.device_id == "chiller-7"


def test_sixteen_levels_are_read() -> None:
    payload = b'{"type":"x","data":' + b"[" * 14 + b"]" * 14 + b"}"
    assert len(catalog.decode("devices/chiller-7/event", payload, NOW)) == 1


@pytest.mark.parametrize("decoder", DECODERS, ids=lambda decoder: decoder.name)
def test_has_a_page_and_a_test_and_its_example_decodes(decoder: catalog.Decoder) -> None:
    page = (PAGES / f"{decoder.name}.md").read_text()
    found = re.search(r"```json\n(.*?)```", page, re.DOTALL)
    assert found
    shown = json.loads(found.group(1))
    events = decoder.decode(shown["topic"], json.dumps(shown["payload"]).encode(), NOW)
    assert events
    assert decode_batch(encode_batch([*events])) == events
    assert Path(f"tests/unit/devices/test_{decoder.name}.py").exists()


def test_the_example_on_the_page_of_http_decodes() -> None:
    found = re.search(r"```json\n(.*?)```", (PAGES / "http.md").read_text(), re.DOTALL)
    assert found
    outcomes = decode_http(found.group(1).encode(), NOW)
    assert [type(outcome).__name__ for outcome in outcomes] == ["Telemetry", "Location", "Status", "DeviceEvent"]


def test_every_reason_stands_on_the_page() -> None:
    page = (PAGES / "native.md").read_text()
    assert [reason for reason in Reason if f"`{reason}`" not in page] == []


def test_a_topic_that_nobody_reads_is_refused() -> None:
    with pytest.raises(Rejected) as caught:
        catalog.decode("zigbee2mqtt/lamp", b"{}", NOW)
    assert caught.value.reason is Reason.BAD_TOPIC
