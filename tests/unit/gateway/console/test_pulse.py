"""The numbers that all viewers share."""

from __future__ import annotations

from sqlalchemy import Engine, insert, update

from gateway.console.pulse import SMOOTHED_OVER, Pulse
from gateway.storage import tables
from tests.api_fixture import RememberingLog, engine, log

__all__ = ["engine", "log"]


async def test_the_rate_is_what_was_folded_over_the_last_samples(engine: Engine, log: RememberingLog) -> None:
    now = 0.0
    pulse = Pulse(engine, log, clock=lambda: now)
    with engine.begin() as connection:
        connection.execute(insert(tables.partitions).values(partition=0, seq=1, events=0, shared=b"", clock=0))
    for step in range(SMOOTHED_OVER + 1):
        with engine.begin() as connection:
            connection.execute(update(tables.partitions).values(events=step * 200))
        now = step * 2.0
        await pulse.sample()
    assert pulse.rates() == [100.0]


async def test_only_while_somebody_looks_is_everything_read(engine: Engine, log: RememberingLog) -> None:
    now = 0.0
    pulse = Pulse(engine, log, clock=lambda: now)
    await pulse.sample()
    assert pulse.watch() is None
    await pulse.sample()
    picture = pulse.watch()
    assert picture is not None
    assert picture.rejected == 0
    now = 60.0
    await pulse.sample()
    assert pulse.watch() is None


async def test_an_absent_log_is_said_and_the_rest_is_shown(engine: Engine, log: RememberingLog) -> None:
    pulse = Pulse(engine, log)
    pulse.watch()
    log.away = True
    await pulse.sample()
    assert pulse.picture is not None
    assert pulse.picture.rejected is None
