"""``kizashi import customers`` over what customers took back themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from gateway.cli import app
from gateway.delivery import reach
from gateway.storage import consents, customers, timeline
from gateway.storage.customers import Customer
from tests.api_fixture import engine

__all__ = ["engine"]

NIGHTLY = "id,consents.offers.sms,consents.service.sms,consents.source\n"


@pytest.fixture(autouse=True)
def _here(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KIZASHI_DATABASE__URL", database_url)
    monkeypatch.setenv("KIZASHI_LOG__URL", "nats://127.0.0.1:1")


def imported(text: str) -> Result:
    Path("crm.csv").write_text(text, encoding="utf-8")
    return CliRunner().invoke(app, ["import", "customers", "crm.csv"])


def stopped(engine: Engine, *names: str) -> None:
    with engine.begin() as connection:
        for name in names:
            customers.put(connection, Customer(id=name))
            reach.opt_out(connection, name, "sms", source="SMS STOP (SM1)")


def offers_by_sms(engine: Engine, name: str) -> bool | None:
    with engine.connect() as connection:
        return consents.get(connection, name).granted.get("offers", {}).get("sms")


def summaries(engine: Engine, name: str) -> list[str]:
    with engine.connect() as connection:
        return [entry.summary for entry in timeline.page(connection, name).items]


def test_a_nightly_list_does_not_lift_a_stop_and_says_whose_it_left(engine: Engine) -> None:
    stopped(engine, *(f"c{number}" for number in range(7)))
    rows = "".join(f"c{number},true,false,crm\n" for number in range(7))
    done = imported(NIGHTLY + rows + "fresh,true,true,crm\n")
    assert done.exit_code == 0, done.output
    assert "8 customers imported" in done.output
    assert "7 customers keep what they took back themselves" in done.output
    assert "c0 (offers by SMS); c1 (offers by SMS)" in done.output
    assert "and 2 more" in done.output
    assert [offers_by_sms(engine, name) for name in ("c0", "c6", "fresh")] == [False, False, True]
    assert summaries(engine, "c0") == []
    assert summaries(engine, "fresh") == ["Consents now: offers by SMS; service by SMS"]


def test_the_same_list_again_writes_nothing(engine: Engine) -> None:
    for _ in range(2):
        assert "keep" not in imported(NIGHTLY + "fresh,true,true,crm\n").output
    assert len(summaries(engine, "fresh")) == 1


def test_a_date_later_than_the_stop_lifts_it_and_an_earlier_one_does_not(engine: Engine) -> None:
    stopped(engine, "c1", "c2")
    header = "id,consents.offers.sms,consents.at\n"
    later = datetime.now(UTC) + timedelta(seconds=1)
    done = imported(f"{header}c1,true,{later.isoformat()}\nc2,true,2020-01-01T00:00:00Z\n")
    assert done.exit_code == 0, done.output
    assert "1 customer keeps what they took back themselves" in done.output
    assert (offers_by_sms(engine, "c1"), offers_by_sms(engine, "c2")) == (True, False)
    assert summaries(engine, "c1") == ["Consents now: offers by SMS"]


def test_a_date_that_is_to_come_is_named_with_its_line(engine: Engine) -> None:
    done = imported("id,consents.offers.sms,consents.at\nc1,true,2999-01-01T00:00:00Z\n")
    assert done.exit_code == 1
    assert "crm.csv:2: c1: consents: `at` is still to come" in done.output
    assert offers_by_sms(engine, "c1") is None
