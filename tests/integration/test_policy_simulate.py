"""The past asked again: the same settings say what happened, others what would have happened under them."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from gateway.cli import app
from gateway.commands.policy_simulate import simulate
from gateway.delivery.links import Links
from gateway.delivery.rendering import Means
from gateway.past.contacts_replay import Outcome
from gateway.storage.database import connect
from notifiers.policy import Cap, Money, PolicySettings, policy_settings
from notifiers.templates import Templates
from rules.decision import Decision, NotifyAction
from tests.integration.delivery_fixture import ALL, a_customer, a_decision, decide, execute, resolved, rows
from tests.postgres_fixture import PostgresForTests

HOUR = 3_600_000
DAY = 24 * HOUR
NEVER = {"offers": "never", "maintenance": "never"}
PRICES = {"JP": 0.08, "GB": 0.05}


def policy(at_most: int = 100, **money: object) -> PolicySettings:
    limits = Money(sms_cost=PRICES, **money)  # type: ignore[arg-type]  # by name
    return policy_settings(NEVER, caps=(Cap(at_most, DAY, "offers"),), money=limits)


def live_through(engine: Engine, settings: PolicySettings) -> None:
    """Offers by push, a rule with a cooldown, and alarms by SMS with their all-clears, to which one did not consent."""
    means = Means(Templates.load(None), settings, Links("http://127.0.0.1:9", "secret"))
    a_customer(engine, "hanako")
    a_customer(engine, "kate", addresses={"sms": "+447700900123", "push": ["token-kate"]}, granted={"offers": ALL})
    for number in range(4):
        for customer in ("hanako", "kate"):
            for decision in _of(f"{customer}{number}", customer):
                decide(engine, means, decision)
                execute(engine, "UPDATE messages SET state = 'accepted' WHERE state = 'queued'")


def _of(name: str, customer: str) -> list[Decision]:
    about = {"customer_id": customer}
    offer = a_decision(f"o-{name}", purpose="offers", severity="info", notify=NotifyAction("offer", ("push",)), **about)
    again = a_decision(
        f"a-{name}", purpose="offers", severity="info", rule_id="seldom", cooldown_ms=DAY,
        notify=NotifyAction("offer", ("email", "push")), **about,
    )  # fmt: skip
    alarm = a_decision(f"m-{name}", notify=NotifyAction("alert", ("sms",)), **about)
    return [offer, again, alarm, resolved(alarm)]


def simulated(engine: Engine, settings: PolicySettings) -> tuple[Outcome, Outcome]:
    now = time.time_ns() // 1_000_000
    with engine.connect() as connection:
        found = simulate(connection, settings, now - HOUR, now + HOUR)
    return found.happened, found.simulated


STRICT = {"daily_budget": {"sms": 2}, "daily_reserve": {"sms": 1}}
"""So little that it is used up on one of two days, too: the story may go over midnight."""


def test_the_same_settings_say_what_happened(engine: Engine) -> None:
    live_through(engine, policy(3, **STRICT))
    happened, again = simulated(engine, policy(3, **STRICT))
    assert again == happened
    assert set(happened.suppressions) >= {"frequency_cap", "no_consent", "cooldown", "budget_used_up"}
    assert happened.messages["push"] == len(rows(engine, "SELECT 1 FROM messages WHERE channel = 'push'"))
    assert happened.segments == rows(engine, "SELECT sum(used) FROM spending WHERE kind = 'channel'")[0][0]


@pytest.mark.parametrize(("lived", "tried"), [(100, 2), (2, 100)])
def test_other_settings_say_what_would_have_happened_under_them(
    engine: Engine, postgres: PostgresForTests, lived: int, tried: int
) -> None:
    live_through(engine, policy(lived))
    name = postgres.fresh()
    other = connect(postgres.url(name))
    try:
        live_through(other, policy(tried))
        truth, _ = simulated(other, policy(tried))
    finally:
        other.dispose()
        postgres.drop(name)
    happened, would_have = simulated(engine, policy(tried))
    assert would_have == truth
    assert would_have.messages["push"] != happened.messages["push"]


def test_contacts_before_the_span_count_against_its_caps(engine: Engine) -> None:
    live_through(engine, policy())
    earlier = "FROM decisions AS d WHERE d.id = decision_id AND d.subject LIKE '%0'"
    execute(engine, f"UPDATE contacts SET created_at = contacts.created_at - interval '2 hours' {earlier}")
    execute(engine, "UPDATE decisions SET made_at = made_at - interval '2 hours' WHERE subject LIKE '%0'")
    _, later = simulated(engine, policy(2))
    execute(engine, "DELETE FROM contacts WHERE created_at < now() - interval '1 hour'")
    _, forgotten = simulated(engine, policy(2))
    assert later.messages.get("push", 0) < forgotten.messages["push"]


def test_what_would_have_waited_for_the_morning_is_held_and_then_sent(engine: Engine) -> None:
    live_through(engine, policy())
    now = time.gmtime()
    all_day = f"{(now.tm_hour - 2) % 24:02d}:00-{(now.tm_hour + 2) % 24:02d}:00"
    happened, held = simulated(engine, policy_settings({**NEVER, "maintenance": all_day}, caps=()))
    assert (happened.held, held.held) == (0, 4), "alarms of severity major wake people, their all-clears do not"
    assert held.messages == happened.messages


def test_the_command_prints_both_sides_and_writes_them(
    engine: Engine, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live_through(engine, policy())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KIZASHI_DATABASE__URL", database_url)
    monkeypatch.setenv("KIZASHI_LOG__URL", "nats://127.0.0.1:1")
    (tmp_path / "tried.toml").write_text(
        'data_dir = "x"\n[policy]\ncaps = [{purpose = "offers", at_most = 1, per = "1d"}]\n'
        'quiet_hours = {offers = "never", maintenance = "never"}\nsms_cost = {JP = 0.08}\n'
    )
    done = CliRunner().invoke(
        app, ["policy", "simulate", "--since", "1h", "--settings", "tried.toml", "--json", "out.json"]
    )
    assert done.exit_code == 0, done.output
    assert "refused: frequency cap" in done.output
    written = json.loads((tmp_path / "out.json").read_text())
    assert written["simulated"]["messages"]["push"] == 2
    assert written["happened"]["messages"]["push"] > 2
    assert written["simulated"]["cost"] == pytest.approx(0.08 * written["simulated"]["segments"])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[policy]\ncaps = [{at_most = 0, per = '1d'}]", "policy.caps.0.at_most"),
        ("[policy]\nquiet_hours = {offers = '25:00-08:00'}", "policy.quiet_hours.offers"),
        ("[policy", "is no TOML"),
    ],
)
def test_settings_that_cannot_be_used_are_named(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "tried.toml"
    file.write_text(text)
    done = CliRunner().invoke(app, ["policy", "simulate", "--settings", str(file)])
    assert done.exit_code == 1
    assert complaint in done.stderr


@pytest.mark.parametrize("arguments", [["--since", "soon"], ["--since", "1h", "--until", "2h"]])
def test_a_span_that_is_none_is_wrong_usage(arguments: list[str]) -> None:
    assert CliRunner().invoke(app, ["policy", "simulate", *arguments]).exit_code == 2
