"""Switches that end by themselves, receipts that misbehave, and providers that reject everybody."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifiers.sandbox.faults import Fault, Faults, Receipts
from notifiers.sandbox.outbound import Call
from notifiers.sandbox.receipts import Due, scheduled
from notifiers.sandbox.server import Options, Sandbox, running


class Clock:
    def __init__(self) -> None:
        self.ms = 1_000_000

    def __call__(self) -> int:
        return self.ms


def test_a_bad_day_ends_by_itself() -> None:
    clock = Clock()
    faults = Faults(clock)
    faults.set(Fault("fcm", "503", minutes=5))
    assert faults.standing()[0].ends_at == 1_300_000
    clock.ms = 1_299_999
    assert faults.take("fcm").mode == "503"
    clock.ms = 1_300_000
    assert faults.take("fcm") == Fault("fcm")
    assert faults.standing()[0].ends_at is None


def test_one_provider_s_bad_day_is_not_another_s_and_all_end_at_once_when_asked() -> None:
    faults = Faults()
    faults.set(Fault("fcm", "500"))
    faults.set(Fault("smtp", "refuse", count=2))
    assert faults.take("twilio").mode == "ok"
    assert [faults.mode("smtp") for _ in range(3)] == ["refuse"] * 3
    assert [faults.take("smtp").mode for _ in range(3)] == ["refuse", "refuse", "ok"]
    assert faults.mode("smtp") == "ok"
    faults.clear()
    assert faults.take("fcm").mode == "ok"


@pytest.mark.parametrize(
    "wrong",
    [
        {"provider": "smtp", "receipts": "late"},
        {"provider": "fcm", "seconds": -1},
        {"provider": "fcm", "seconds": 601},
        {"provider": "fcm", "minutes": 0},
        {"provider": "fcm", "minutes": 1441},
        {"provider": "fcm", "receipts": "eaten"},
    ],
)
def test_a_switch_out_of_range_is_refused_with_what_to_write(wrong: dict[str, Any], client: httpx.Client) -> None:
    answer = client.post("/sandbox/faults", json=wrong)
    assert answer.status_code == 422
    assert answer.json()["detail"]
    assert {each["receipts"] for each in client.get("/sandbox/faults").json()} == {"ok"}


calls = st.lists(st.floats(0, 5), max_size=6).map(
    lambda times: [Due(each, Call(f"u{index}", b"", {})) for index, each in enumerate(sorted(times))]
)


@given(calls, st.sampled_from(["ok", "never", "late", "twice", "shuffled"]), st.floats(0, 600))
def test_receipts_are_bent_but_never_made_up(planned: list[Due], receipts: Receipts, seconds: float) -> None:
    came = scheduled(planned, Fault("twilio", receipts=receipts, seconds=seconds))
    urls, times = [due.call.url for due in came], [due.seconds for due in came]
    wanted = [due.call.url for due in planned]
    assert times == sorted(times)
    match receipts:
        case "ok":
            assert came == planned
        case "never":
            assert came == []
        case "late":
            assert urls == wanted
            assert times == [due.seconds + seconds for due in planned]
        case "twice":
            assert sorted(urls) == sorted(wanted * 2)
            assert len({id(due.call) for due in came}) == len(came)
        case "shuffled":
            assert urls == wanted[::-1]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running(Options()) as started:
        yield started


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{sandbox.http_port}", trust_env=False) as opened:
        yield opened


def test_providers_can_reject_every_address(client: httpx.Client, sandbox: Sandbox) -> None:
    for provider in ("fcm", "twilio", "smtp", "webhook"):
        client.post("/sandbox/faults", json={"provider": provider, "mode": "refuse"})
    push = {"message": {"token": "phone", "notification": {"title": "T"}}}
    gone = client.post("/v1/projects/p/messages:send", json=push, headers={"Authorization": "Bearer x"})
    assert (gone.status_code, gone.json()["error"]["details"][0]["errorCode"]) == (404, "UNREGISTERED")
    form = {"To": "+818011112222", "From": "+815000000000", "Body": "Text"}
    invalid = client.post("/2010-04-01/Accounts/AC1/Messages.json", data=form, auth=("AC1", "sandbox"))
    assert (invalid.status_code, invalid.json()["code"]) == (400, 21211)
    hook = client.post("/webhook/a", json={"data": {}}, headers={"webhook-id": "m"})
    assert hook.status_code == 410
    with smtplib.SMTP("127.0.0.1", sandbox.smtp_port) as smtp, pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        smtp.sendmail("a@example.com", ["b@example.com"], "Subject: x\r\n\r\nx")
    assert refused.value.recipients["b@example.com"][0] == 550
    assert client.get("/sandbox/messages").json() == []
    outcomes = [each["outcome"] for each in client.get("/sandbox/requests").json()]
    assert outcomes == ["refused UNREGISTERED", "refused 21211", "refused 410", "refused 550 5.1.1"]
    assert {each["mode"] for each in client.delete("/sandbox/faults").json()} == {"ok"}
