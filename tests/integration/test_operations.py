"""Troubles from the database to the operations team."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from gateway.delivery.operations import PAUSE, Watch, watch
from gateway.delivery.troubles import OVER_AFTER, PATIENCE
from gateway.settings import Settings
from gateway.storage import rule_folders, troubles
from rules.problem import Problem
from tests.integration.delivery_fixture import delivering, eventually, execute, rows

pytestmark = pytest.mark.stack

NOW = datetime.now(UTC)


class Team:
    """The team, in place of its channels; ``hears`` says whether any of them works."""

    def __init__(self) -> None:
        self.hears = True
        self.told: list[tuple[str, str, bool]] = []

    def tell(self, title: str, text: str, *, good_news: bool) -> bool:
        if self.hears:
            self.told.append((title, text, good_news))
        return self.hears


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def team() -> Team:
    return Team()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def a_watch(engine: Engine, team: Team, clock: Clock) -> Watch:
    return Watch(engine, team, clock, dead_letters=2)


def looks(on: Watch, clock: Clock, *seconds: float) -> None:
    """Look at these times, in seconds since the beginning."""
    for second in seconds:
        clock.now = NOW + timedelta(seconds=second)
        on.look_once()


def alarm(engine: Engine, at: datetime = NOW) -> None:
    execute(
        engine,
        "INSERT INTO provider_alarms (provider, reason, at) VALUES ('twilio', 'twilio 20003: credentials', :at)",
        at=at,
    )


def test_a_trouble_is_told_once_and_its_end_once_also_over_restarts(engine: Engine, team: Team, clock: Clock) -> None:
    alarm(engine)
    looks(a_watch(engine, team, clock), clock, 0, 15, 30, 45, 90)
    looks(a_watch(engine, team, clock), clock, 105, 300)
    assert team.told == [
        (
            "Kizashi: twilio needs an operator: twilio 20003: credentials",
            f"- twilio needs an operator: twilio 20003: credentials (since {NOW:%Y-%m-%d %H:%M} UTC)",
            False,
        )
    ]
    over = 3600 + OVER_AFTER.total_seconds()
    looks(a_watch(engine, team, clock), clock, 3599, over + 15, over + 30, over + 300)
    assert [(title, good) for title, _, good in team.told[1:]] == [
        ("Kizashi: over: twilio needs an operator: twilio 20003: credentials", True)
    ]
    assert rows(engine, "SELECT * FROM troubles") == []


def test_rules_dead_letters_and_orphaned_partitions_are_troubles_in_one_message(
    engine: Engine, team: Team, clock: Clock
) -> None:
    with engine.begin() as connection:
        problem = Problem("rules/a.yaml", 3, 1, "rules[0].when", "no such operator", "write above")
        rule_folders.refused(connection, "rules", [problem])
    execute(
        engine,
        "INSERT INTO contacts (id, decision_id, alert_id, rule_id, customer_id, state, request, context) "
        "VALUES ('c', 'd', 'a', 'r', 'hanako', 'done', '{}', '{}')",
    )
    execute(
        engine,
        "INSERT INTO messages (id, contact_id, decision_id, customer_id, channel, step, address, purpose, template, "
        "title, body, state, due_at) SELECT 'm' || n, 'c', 'd', 'hanako', 'sms', 0, '+81', 'offers', 'alert', '', '', "
        "'failed', now() FROM generate_series(1, 3) AS n",
    )
    execute(engine, "INSERT INTO partitions (partition, seq, shared, clock) VALUES (0, 1, '', 0), (1, 1, '', 0)")
    execute(engine, "INSERT INTO workers (id, backend_pid, process_id, partitions) VALUES ('w', 1, 1, '[0]')")
    looks(a_watch(engine, team, clock), clock, 0, 30)
    [(title, text, _)] = team.told
    assert title == "Kizashi: 3 things need you"
    assert "rules.dir can't be used" in text
    assert "more than 2 messages failed within an hour" in text
    assert "no worker holds the partitions 1:" in text


def test_a_team_that_can_not_be_reached_is_told_later_and_not_asked_all_the_time(
    engine: Engine, team: Team, clock: Clock
) -> None:
    alarm(engine)
    team.hears = False
    on = a_watch(engine, team, clock)
    looks(on, clock, 0, 30)
    team.hears = True
    looks(on, clock, 45, 60)
    assert team.told == []
    looks(on, clock, 30 + PAUSE.total_seconds())
    assert len(team.told) == 1


def test_a_second_trouble_within_a_minute_waits_for_it_to_be_over(engine: Engine, team: Team, clock: Clock) -> None:
    alarm(engine)
    on = a_watch(engine, team, clock)
    looks(on, clock, 0, 30)
    execute(engine, "INSERT INTO partitions (partition, seq, shared, clock) VALUES (0, 1, '', 0)")
    looks(on, clock, 45, 75, 89)
    assert len(team.told) == 1
    looks(on, clock, 90)
    assert len(team.told) == 2
    assert "partitions 0" in team.told[1][0]


def test_one_process_at_a_time_looks(engine: Engine, team: Team, clock: Clock) -> None:
    alarm(engine, NOW - timedelta(minutes=1))
    on = a_watch(engine, team, clock)
    with engine.begin() as connection:
        assert troubles.take_turn(connection)
        looks(on, clock, 0, PATIENCE.total_seconds())
    assert rows(engine, "SELECT * FROM troubles") == []
    looks(on, clock, 60)
    assert rows(engine, "SELECT id FROM troubles") == [("provider:twilio",)]


def test_a_watch_ends_when_it_is_told_to(engine: Engine, team: Team, clock: Clock) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=a_watch(engine, team, clock).run, args=(stop,))
    thread.start()
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.parametrize(("urls", "wanted"), [(None, False), ("nonsense://x", False), ("json://127.0.0.1:9", True)])
def test_who_named_no_channel_is_not_watched_for(engine: Engine, clock: Clock, urls: str | None, wanted: bool) -> None:
    settings = Settings.model_validate({"operations": {"urls": urls}})
    assert (watch(engine, settings, clock) is not None) is wanted


def test_the_deliver_role_keeps_the_watch_and_ends_it(engine: Engine) -> None:
    settings = Settings.model_validate({"operations": {"urls": "json://127.0.0.1:9"}})
    with delivering(engine, settings) as deliverer:
        assert "operations" in {thread.name for thread in threading.enumerate()}
        assert deliverer.ready
    eventually(lambda: "operations" not in {thread.name for thread in threading.enumerate()})
