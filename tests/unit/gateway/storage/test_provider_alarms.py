"""An alarm is shown while it stands, and not for ever after."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import insert

from gateway.delivery import spending
from gateway.storage import overview, troubles
from gateway.storage.database import connect
from gateway.storage.provider_alarms import BUDGET, STANDS, Alarm, standing, stands
from gateway.storage.tables import provider_alarms

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("age", "expected"), [(timedelta(0), True), (STANDS - timedelta(seconds=1), True), (STANDS, False)]
)
def test_an_alarm_is_over_an_hour_after_it_was_last_raised(age: timedelta, expected: bool) -> None:
    assert stands(Alarm("twilio", "20003", NOW - age), NOW) is expected


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (datetime(2026, 11, 22, 0, 0, tzinfo=UTC), True),
        (datetime(2026, 11, 21, 23, 59, tzinfo=UTC), False),
        (datetime(2026, 11, 22, 8, 59, tzinfo=timezone(timedelta(hours=9))), False),
    ],
)
def test_a_budgets_alarm_stands_for_its_day(raised: datetime, expected: bool) -> None:
    assert spending.ALARM.format(channel="sms").endswith(BUDGET)
    assert stands(Alarm(spending.ALARM.format(channel="sms"), "used up", raised), NOW) is expected


def test_doctor_console_and_operations_show_the_same_alarms(database_url: str) -> None:
    engine = connect(database_url)
    with engine.begin() as connection:
        now = overview.read(connection).read_at
        for provider, age in (("smtp", timedelta(minutes=5)), ("twilio", timedelta(hours=2))):
            connection.execute(insert(provider_alarms).values(provider=provider, reason="no", at=now - age))
        assert [alarm.provider for alarm in overview.read(connection).alarms] == ["smtp"]
        assert [alarm.provider for alarm in standing(connection, now)] == ["smtp"]
        assert troubles.find(connection, now, dead_letters=0)["provider:smtp"] == "smtp needs an operator: no"
        assert "provider:twilio" not in troubles.find(connection, now, dead_letters=0)
    engine.dispose()
