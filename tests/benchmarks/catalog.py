"""Every benchmark. To add one: write its file, add its line."""

from __future__ import annotations

from collections.abc import Callable

from tests.benchmarks import (
    backtest,
    decide,
    decode,
    engine,
    fences,
    latency,
    operators,
    outbox,
    policy,
    receipts,
    state,
    templates,
    throughput,
)
from tests.benchmarks.figures import Section
from tests.benchmarks.settings import Settings

BENCHMARKS: dict[str, Callable[[Settings], list[Section]]] = {
    "throughput": throughput.run,
    "latency": latency.run,
    "decide": decide.run,
    "engine": engine.run,
    "fences": fences.run,
    "operators": operators.run,
    "state": state.run,
    "policy": policy.run,
    "outbox": outbox.run,
    "receipts": receipts.run,
    "templates": templates.run,
    "backtest": backtest.run,
    "decode": decode.run,
}
