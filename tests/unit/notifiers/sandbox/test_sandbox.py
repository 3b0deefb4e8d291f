from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import msgspec
import pytest
from twilio.request_validator import RequestValidator

from notifiers.sandbox.record import KEPT_MESSAGES, Received, Record
from notifiers.sandbox.server import Options, Sandbox, running
from tests.unit.notifiers.sandbox.hearing import Gateway

AUTH = ("AC1", "secret")
SEND = "/v1/projects/demo/messages:send"
MESSAGES = "/2010-04-01/Accounts/AC1/Messages.json"
BEARER = {"Authorization": "Bearer local"}


@pytest.fixture
def sandbox(gateway: Gateway, tmp_path: Path) -> Iterator[Sandbox]:
    options = Options(twilio_auth_token="secret", callback_base=gateway.base, requests_file=tmp_path / "requests.jsonl")
    with running(options) as started:
        yield started


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{sandbox.http_port}", trust_env=False) as opened:
        yield opened


def until(true: Callable[[], object]) -> None:
    ends = time.monotonic() + 15
    while not true():
        assert time.monotonic() < ends, "waited in vain"
        time.sleep(0.02)


def push(token: str, **changes: Any) -> dict[str, Any]:
    data = {"message_id": "msg_1", "ack_url": "https://public.example/hooks/push/msg_1"}
    return {"message": {"token": token, "notification": {"title": "T", "body": "B"}, "data": data, **changes}}


def test_a_phone_acknowledges_what_reached_it(client: httpx.Client, gateway: Gateway) -> None:
    assert client.post(SEND, json=push("phone-opens"), headers=BEARER).status_code == 200
    until(lambda: len(gateway.posts) == 2)
    assert [(path, json.loads(body)) for path, _, body in gateway.posts] == [
        ("/hooks/push/msg_1", {"event": "delivered"}),
        ("/hooks/push/msg_1", {"event": "opened"}),
    ]


def test_a_silent_phone_shows_the_message_and_says_nothing(
    client: httpx.Client, sandbox: Sandbox, gateway: Gateway
) -> None:
    client.post(SEND, json=push("phone-silent"), headers=BEARER)
    client.post(SEND, json=push("phone"), headers=BEARER)
    until(lambda: gateway.posts)
    assert len(gateway.posts) == 1
    assert len(sandbox.record.messages("push", "phone-silent")) == 1


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (push("phone"), {}, 401, ""),
        ({}, BEARER, 400, "INVALID_ARGUMENT"),
        ({"message": []}, BEARER, 400, "INVALID_ARGUMENT"),
        ({"message": {}}, BEARER, 400, "INVALID_ARGUMENT"),
        (push("phone", topic="t"), BEARER, 400, "INVALID_ARGUMENT"),
        (push("phone", data={"a": 1}), BEARER, 400, "INVALID_ARGUMENT"),
        (push("phone", data={"from": "a"}), BEARER, 400, "INVALID_ARGUMENT"),
        (push("phone", data={"a": "b" * 4096}), BEARER, 400, "INVALID_ARGUMENT"),
        (push("phone", data=["a"]), BEARER, 400, "INVALID_ARGUMENT"),
        (push("phone", android={"ttl": "5 minutes"}), BEARER, 400, "INVALID_ARGUMENT"),
        (push("phone", android={"ttl": "2419201s"}), BEARER, 400, "INVALID_ARGUMENT"),
        (push("phone-gone"), BEARER, 404, "UNREGISTERED"),
    ],
)
def test_fcm_refuses_what_the_real_one_refuses(
    client: httpx.Client, body: Any, headers: dict[str, str], status: int, code: str
) -> None:
    answer = client.post(SEND, json=body, headers=headers)
    assert answer.status_code == status
    details = answer.json()["error"]["details"]
    assert (details[0]["errorCode"] if details else "") == code


def form(to: str, **changes: str) -> dict[str, str]:
    callback = "https://public.example/hooks/twilio/status/msg_1"
    return {"To": to, "From": "+818000000000", "Body": "Text", "StatusCallback": callback, **changes}


def test_status_callbacks_are_signed_for_the_public_url(client: httpx.Client, gateway: Gateway) -> None:
    created = client.post(MESSAGES, data=form("+818011112222"), auth=AUTH)
    assert created.status_code == 201
    until(lambda: len(gateway.posts) == 2)
    for (path, headers, body), status in zip(gateway.posts, ["sent", "delivered"], strict=True):
        fields = {name: values[0] for name, values in parse_qs(body).items()}
        assert (fields["MessageSid"], fields["MessageStatus"]) == (created.json()["sid"], status)
        assert RequestValidator("secret").validate(
            "https://public.example" + path, fields, headers["X-Twilio-Signature"]
        )


def test_a_callback_that_fails_is_repeated(client: httpx.Client, gateway: Gateway) -> None:
    gateway.failures = 1
    client.post(MESSAGES, data=form("+815005550103"), auth=AUTH)
    until(lambda: len(gateway.posts) == 3)
    said = [parse_qs(body) for _, _, body in gateway.posts]
    assert sorted(each["MessageStatus"][0] for each in said) == ["sent", "sent", "undelivered"]
    assert [each["ErrorCode"] for each in said if "ErrorCode" in each] == [["30003"]]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        (form("12345"), 21211),
        (form("+818011112222", From=""), 21603),
        (form("+818011112222", Body=""), 21602),
        (form("+818011112222", Body="a" * 1601), 21617),
        (form("+818011112222", ValidityPeriod="0"), 21910),
        (form("+818011112222", StatusCallback="nowhere"), 21609),
        (form("+815005550009"), 21610),
    ],
)
def test_twilio_refuses_what_the_real_one_refuses(client: httpx.Client, fields: dict[str, str], code: int) -> None:
    answer = client.post(MESSAGES, data=fields, auth=AUTH)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_twilio_lists_pages_by_number_and_day_newest_first(client: httpx.Client) -> None:
    for index in range(5):
        client.post(MESSAGES, data=form("+818011112222", Body=f"Text {index}"), auth=AUTH)
    client.post(MESSAGES, data=form("+818011113333"), auth=AUTH)
    page = client.get(MESSAGES, params={"To": "+818011112222", "PageSize": "2"}, auth=AUTH).json()
    assert [each["body"] for each in page["messages"]] == ["Text 4", "Text 3"]
    following = client.get(page["next_page_uri"], auth=AUTH).json()
    assert [each["body"] for each in following["messages"]] == ["Text 2", "Text 1"]
    assert client.get(MESSAGES, params={"DateSent<": "2020-01-01"}, auth=AUTH).json()["messages"] == []
    assert client.get(MESSAGES).status_code == 401


def test_a_fault_lasts_as_many_requests_as_asked(client: httpx.Client) -> None:
    switched = client.post("/sandbox/faults", json={"provider": "fcm", "mode": "503", "count": 2})
    standing = {"provider": "fcm", "mode": "503", "count": 2, "seconds": 3.0, "receipts": "ok", "ends_at": None}
    assert switched.json()[0] == standing
    answers = [client.post(SEND, json=push("phone-silent"), headers=BEARER).status_code for _ in range(3)]
    assert answers == [503, 503, 200]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        '{"provider":"pigeon","mode":"ok"}',
        '{"provider":"fcm","mode":"odd"}',
        '{"provider":"fcm","mode":"ok","x":1}',
    ],
)
def test_a_switch_that_is_none_is_told_so(client: httpx.Client, body: str) -> None:
    answer = client.post("/sandbox/faults", content=body)
    assert answer.status_code == 422
    assert answer.json()["detail"]


def test_every_request_is_in_the_log_and_in_the_file_with_what_became_of_it(
    client: httpx.Client, sandbox: Sandbox, tmp_path: Path
) -> None:
    client.post(SEND, json=push("phone-silent"), headers=BEARER)
    client.post(MESSAGES, data=form("+815005550009"), auth=AUTH)
    client.post("/sandbox/faults", json={"provider": "twilio", "mode": "500", "count": 1})
    client.post(MESSAGES, data=form("+818011112222"), auth=AUTH)
    logged = client.get("/sandbox/requests").json()
    assert [(each["provider"], each["message_id"], each["outcome"], each["fault"]) for each in logged] == [
        ("fcm", "msg_1", "accepted", "ok"),
        ("twilio", "msg_1", "refused 21610", "ok"),
        ("twilio", "msg_1", "fault", "500"),
    ]
    assert client.get("/sandbox/requests", params={"after": logged[1]["n"]}).json() == logged[2:]
    lines = (tmp_path / "requests.jsonl").read_bytes().splitlines()
    assert [msgspec.json.decode(line) for line in lines] == logged


def test_the_inbox_is_filtered_newest_first_and_can_be_emptied(client: httpx.Client) -> None:
    client.post(SEND, json=push("a-silent"), headers=BEARER)
    client.post(SEND, json=push("b-silent"), headers=BEARER)
    assert [each["to"] for each in client.get("/sandbox/messages").json()] == ["b-silent", "a-silent"]
    assert len(client.get("/sandbox/messages", params={"channel": "push", "to": "a-silent"}).json()) == 1
    assert client.get("/sandbox/messages", params={"channel": "sms"}).json() == []
    assert client.get("/sandbox/healthz").json()["messages"] == {
        "push": 2,
        "sms": 0,
        "email": 0,
        "webhook": 0,
        "webpush": 0,
    }
    client.delete("/sandbox/messages")
    assert client.get("/sandbox/messages").json() == []
    assert len(client.get("/sandbox/requests").json()) == 2


def test_the_page_needs_nothing_from_elsewhere(client: httpx.Client) -> None:
    page = client.get("/").text
    assert "<title>Sandbox" in page
    assert "//" not in page.replace("// ", "").replace("http://", "https://").split("<body>")[0]
    assert "https://" not in page


def test_the_record_can_be_read_while_it_is_written() -> None:
    record = Record()

    class Meanwhile(str):
        """Compared by the reader, it lets the writer have its turn."""

        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            record.request("smtp", "m", "to", "accepted")
            record.message(Received(1, 0, "email", "to", "m", "p", "", ""))
            return str(self) == other

    for _ in range(2):
        record.request("fcm", "m", "to", "accepted")
        record.message(Received(1, 0, "push", "to", "m", "p", "", ""))
    assert len(record.requests(Meanwhile("fcm"))) == 2
    assert len(record.messages(Meanwhile("push"))) == 2


def test_what_is_remembered_is_bounded() -> None:
    record = Record()
    for number in range(KEPT_MESSAGES + 10):
        record.message(Received(number, 0, "sms", "+81", "m", "SM", "", "Text"))
    assert len(record.messages()) == KEPT_MESSAGES
    assert record.messages()[0].n == KEPT_MESSAGES + 9


def test_the_program_says_its_ports_in_one_line_and_ends_when_told(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "notifiers.sandbox", "--requests-file", str(tmp_path / "requests.jsonl")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running_one:
        assert running_one.stdout is not None
        ready = json.loads(running_one.stdout.readline())
        assert httpx.get(f"{ready['url']}/sandbox/healthz", trust_env=False).json()["status"] == "ok"
        taken = subprocess.run(
            [*command, "--http-port", str(ready["http_port"])], capture_output=True, text=True, check=False
        )
        running_one.send_signal(signal.SIGTERM)
        out, err = running_one.communicate(timeout=20)
    assert (running_one.returncode, out, err) == (0, "", "")
    assert taken.returncode == 1
    assert taken.stderr.startswith("sandbox: ")
    assert taken.stderr.count("\n") == 1
