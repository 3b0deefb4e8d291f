"""Rules tried on the past over the API."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI

from devices.event import Millis, Telemetry
from gateway.api.backtests import KEPT_MS, MAX_WAITING, Backtests, TooManyError
from gateway.past.past import Chunk, PastError, SetAside
from gateway.past.registry import Registry
from gateway.past.run import Trial
from rules.document import parse
from tests.api_fixture import NOW, Calls

MINUTE = 60_000
RULES = "rules: [{id: warm, when: {metric: t, above: 8}, then: {notify: {template: alert}}}]\n"
BODY = {"files": {"a.yaml": RULES}, "since": "1h"}


class ShortPast:
    """A few readings; it waits for ``gate`` after the first."""

    partitions = 1
    makes_ticks = False
    whole = False

    def __init__(self, gate: threading.Event, values: tuple[float, ...]) -> None:
        self.set_aside = SetAside()
        self.remarks: list[str] = ["made up"]
        self._gate = gate
        self._values = values

    def chunks(self) -> Iterator[Chunk]:
        for number, value in enumerate(self._values, start=1):
            at = NOW - 3_600_000 + number * MINUTE
            yield Chunk(0, number, [Telemetry("d", at, at, {"t": value})], number / len(self._values))
            self._gate.wait(10)


class Pasts:
    """What the backtests are given to read, and what they asked for."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.values: tuple[float, ...] = (5, 9, 5)
        self.asked: list[tuple[Millis, Millis | None]] = []
        self.error: Exception | None = None

    def open(self, since: Millis, until: Millis | None) -> ShortPast:
        self.asked.append((since, until))
        if self.error is not None:
            raise self.error
        return ShortPast(self.gate, self.values)


@pytest.fixture
async def pasts(app: FastAPI) -> AsyncIterator[Pasts]:
    found = Pasts()
    backtests = Backtests(found.open, lambda: NOW)
    app.state.api.backtests = backtests
    ending = asyncio.create_task(backtests.until_stopped())
    await asyncio.sleep(0)
    yield found
    found.gate.set()
    ending.cancel()
    await asyncio.gather(ending, return_exceptions=True)


async def until(call: Calls, job_id: str, enough: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Ask after a backtest until its answer is ``enough``."""
    async with asyncio.timeout(20):
        while True:
            answer: dict[str, Any] = (await call("GET", f"/v1/rules/backtest/{job_id}")).json()
            if enough(answer):
                return answer
            await asyncio.sleep(0.01)


async def until_over(call: Calls, job_id: str) -> dict[str, Any]:
    return await until(call, job_id, lambda answer: answer["state"] not in ("waiting", "running"))


async def test_a_backtest_is_asked_for_and_looked_after(call: Calls, pasts: Pasts) -> None:
    answer = await call("POST", "/v1/rules/backtest", json=BODY)
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/v1/rules/backtest/{answer.json()['id']}"
    done = await until_over(call, answer.json()["id"])
    assert (done["state"], done["progress"], done["events"], done["error"]) == ("done", 1.0, 3, None)
    result = done["result"]
    assert result["events"] == 3
    assert not result["compared"], "no rules are live"
    (rule,) = result["rules"]
    assert rule["candidate"]["counts"] == {"firing": 1, "resolved": 1}
    assert rule["candidate"]["examples"][0]["at"] == "2025-12-31T23:02:00.000Z"
    assert list(rule["candidate"]["per_day"].values()) == [1]
    assert result["remarks"] == ["made up"]
    assert pasts.asked == [(NOW - 3_600_000, None)]


async def test_it_is_compared_with_the_rules_that_are_live(call: Calls, pasts: Pasts) -> None:
    assert (await call("PUT", "/v1/rules", json={"files": {"a.yaml": RULES.replace("8", "10")}})).status_code == 200
    answer = await call("POST", "/v1/rules/backtest", json={**BODY, "wait": True})
    assert answer.status_code == 200
    (rule,) = answer.json()["result"]["rules"]
    assert (rule["new"], rule["gone"], rule["live"]["counts"]) == (1, 0, {})
    assert answer.json()["result"]["differs"]


async def test_without_files_the_live_rules_are_tried(call: Calls, pasts: Pasts) -> None:
    await call("PUT", "/v1/rules", json={"files": {"a.yaml": RULES}})
    answer = (await call("POST", "/v1/rules/backtest", json={"since": "2025-12-31", "wait": True})).json()
    assert answer["result"]["rules"][0]["candidate"]["counts"]["firing"] == 1
    assert not answer["result"]["differs"]


async def test_devices_are_what_the_registry_says(call: Calls, pasts: Pasts) -> None:
    await call("PUT", "/v1/devices/d", json={"model": "chiller-x"})
    body = {**BODY, "files": {"a.yaml": RULES.replace("when:", "for_devices: {model: chiller-*}, when:")}, "wait": True}
    answer = (await call("POST", "/v1/rules/backtest", json=body)).json()
    assert answer["result"]["rules"][0]["candidate"]["counts"]["firing"] == 1


async def test_wrong_rules_are_refused_with_line_and_mend(call: Calls, pasts: Pasts) -> None:
    body = {**BODY, "files": {"a.yaml": RULES.replace("above", "abvoe")}}
    answer = await call("POST", "/v1/rules/backtest", json=body)
    assert answer.status_code == 422
    (place,) = answer.json()["errors"]
    assert (place["file"], place["line"]) == ("a.yaml", 1)
    assert "above" in place["mend"]
    assert not pasts.asked


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"since": "soon"}, "since"),
        ({"since": "2999-01-01"}, "has not come yet"),
        ({"until": "2h"}, "until: lies before since"),
        ({"rule": ["worm"]}, "'warm'"),
        ({"since": None}, "since"),
        ({"wen": 1}, "wen"),
    ],
)
async def test_a_wrong_request_says_what_to_mend(
    call: Calls, pasts: Pasts, wrong: dict[str, object], word: str
) -> None:
    answer = await call("POST", "/v1/rules/backtest", json={**BODY, **wrong})
    assert answer.status_code == 422
    assert word in answer.json()["detail"]


async def test_a_running_one_shows_its_progress_and_can_be_ended(call: Calls, pasts: Pasts) -> None:
    pasts.gate.clear()
    job_id = (await call("POST", "/v1/rules/backtest", json=BODY)).json()["id"]
    seen = await until(call, job_id, lambda answer: answer["events"] >= 1)
    assert seen["state"] == "running"
    assert 0 < seen["progress"] < 1
    assert (await call("DELETE", f"/v1/rules/backtest/{job_id}")).status_code == 204
    pasts.gate.set()
    assert (await until_over(call, job_id))["state"] == "cancelled"


async def test_one_runs_at_a_time_and_few_may_wait(call: Calls, pasts: Pasts) -> None:
    pasts.gate.clear()
    jobs = [(await call("POST", "/v1/rules/backtest", json=BODY)).json()["id"] for _ in range(MAX_WAITING + 1)]
    assert (await call("POST", "/v1/rules/backtest", json=BODY)).status_code == 429
    assert (await call("DELETE", f"/v1/rules/backtest/{jobs[-1]}")).status_code == 204
    assert (await until_over(call, jobs[-1]))["state"] == "cancelled", "it never began"
    pasts.gate.set()
    assert [(await until_over(call, job_id))["state"] for job_id in jobs[:-1]] == ["done"] * MAX_WAITING


async def test_a_past_that_cant_be_read_is_told(call: Calls, pasts: Pasts) -> None:
    pasts.error = PastError("the log is away")
    answer = (await call("POST", "/v1/rules/backtest", json={**BODY, "wait": True})).json()
    assert (answer["state"], answer["error"]) == ("failed", "the log is away")


async def test_a_time_without_events_is_told(call: Calls, pasts: Pasts) -> None:
    pasts.values = ()
    answer = (await call("POST", "/v1/rules/backtest", json={**BODY, "wait": True})).json()
    assert answer["state"] == "failed"
    assert "no events" in answer["error"]


async def test_one_that_is_over_is_forgotten_when_deleted(call: Calls, pasts: Pasts) -> None:
    job_id = (await call("POST", "/v1/rules/backtest", json={**BODY, "wait": True})).json()["id"]
    assert (await call("DELETE", f"/v1/rules/backtest/{job_id}")).status_code == 204
    for method in ("GET", "DELETE"):
        assert (await call(method, f"/v1/rules/backtest/{job_id}")).status_code == 404


async def test_results_are_kept_for_an_hour() -> None:
    now, pasts = NOW, Pasts()
    backtests = Backtests(pasts.open, lambda: now)
    ending = asyncio.create_task(backtests.until_stopped())
    trial = Trial(parse({"a.yaml": RULES}), registry=Registry())
    job = backtests.start(lambda: trial, NOW, None)
    assert job.future is not None
    await asyncio.wait([asyncio.wrap_future(job.future)])
    now += KEPT_MS
    assert backtests.get(job.id) is job
    now += 1
    assert backtests.get(job.id) is None
    ending.cancel()
    await asyncio.gather(ending, return_exceptions=True)


async def test_stopping_ends_what_runs() -> None:
    pasts = Pasts()
    pasts.gate.clear()
    backtests = Backtests(pasts.open, lambda: NOW)
    ending = asyncio.create_task(backtests.until_stopped())
    await asyncio.sleep(0)
    trial = Trial(parse({"a.yaml": RULES}))
    running = backtests.start(lambda: trial, NOW, None)
    for _ in range(MAX_WAITING):
        backtests.start(lambda: trial, NOW, None)
    with pytest.raises(TooManyError):
        backtests.start(lambda: trial, NOW, None)
    ending.cancel()
    await asyncio.gather(ending, return_exceptions=True)
    pasts.gate.set()
    assert running.future is not None
    await asyncio.wait([asyncio.wrap_future(running.future)])
    assert running.state == "cancelled"
    assert len(pasts.asked) == 1
