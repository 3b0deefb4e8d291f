"""An alert's row, its case and its timeline, from firing to end."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, select

from gateway.storage import alerts, alerts_read, cases, customers, decisions, erasures, history, timeline
from gateway.storage.alerts_read import Alert
from gateway.storage.cases import Case
from gateway.storage.tables import cases as cases_table
from gateway.storage.tables import interventions
from rules.decision import CaseAction, Intervention
from tests.unit.gateway.decided import AT, CASE, MINUTE, decided


def alert(connection: Connection, alert_id: str = "a1") -> Alert:
    found = alerts_read.get(connection, alert_id)
    assert found is not None
    return found


def said(action: Any = "acknowledge", after: int = 1, until: int | None = None, alert_id: str = "a1") -> Intervention:
    return Intervention(
        f"i-{action}-{after}", AT + after * MINUTE, action, "front desk", alert_id, "chiller-too-warm", "chiller-17",
        "aiko", None if until is None else AT + until * MINUTE,
    )  # fmt: skip


def told(connection: Connection) -> list[str]:
    entries = reversed(timeline.page(connection, "aiko", limit=200).items)
    return [f"{entry.kind}: {entry.summary}" for entry in entries]


def the_case(connection: Connection) -> Case:
    (row,) = connection.execute(select(cases_table.c.id)).all()
    found = cases.get(connection, row.id)
    assert found is not None
    return found


def test_the_row_has_the_severity_of_the_moment(connection: Connection) -> None:
    decisions.record(connection, decided())
    decisions.record(connection, decided("raised", 5, severity="critical"))
    assert (alert(connection).severity, alert(connection).raised_at) == ("critical", AT + 5 * MINUTE)
    decisions.record(connection, decided("lowered", 6))
    assert (alert(connection).severity, alert(connection).summary) == ("warning", "temperature raised on chiller-17")


def test_the_timeline_tells_the_whole_story(connection: Connection) -> None:
    decisions.record(connection, decided())
    decisions.record(connection, decided("raised", 1, severity="critical"))
    assert alerts.heed(connection, said(after=2))
    assert alerts.heed(connection, said("snooze", 3, until=60))
    decisions.record(connection, decided("lowered", 4))
    decisions.record(connection, decided("repeat", 60))
    decisions.record(connection, decided("resolved", 70, ended_by="mika", summary="it was resolved by mika"))
    assert told(connection) == [
        "alert: temperature firing on chiller-17",
        "alert: temperature raised on chiller-17",
        "alert: Acknowledged by front desk: temperature raised on chiller-17",
        "alert: Snoozed until 2026-01-01 01:00 UTC by front desk: temperature raised on chiller-17",
        "alert: temperature lowered on chiller-17",
        "alert: it was resolved by mika",
    ]
    assert alert(connection).ended_by == "mika"


def test_the_same_word_again_changes_nothing(connection: Connection) -> None:
    decisions.record(connection, decided())
    assert alerts.heed(connection, said("snooze", 1, until=30))
    assert alerts.heed(connection, said("snooze", 2, until=60))
    assert not alerts.heed(connection, said("snooze", 1, until=30))
    assert alert(connection).snoozed_until == AT + 60 * MINUTE
    assert len(told(connection)) == 3


def test_a_word_on_an_alert_that_is_over_or_erased_changes_nothing(connection: Connection) -> None:
    decisions.record(connection, decided())
    decisions.record(connection, decided("resolved", 1))
    assert not alerts.heed(connection, said())
    assert not alerts.heed(connection, said(alert_id="erased"))
    assert alert(connection).acknowledged_by is None


def test_taking_notice_ends_the_snooze_and_so_does_being_said_again(connection: Connection) -> None:
    decisions.record(connection, decided())
    alerts.heed(connection, said("snooze", 1, until=30))
    decisions.record(connection, decided("repeat", 30))
    assert alert(connection).snoozed_until is None
    alerts.heed(connection, said("snooze", 31, until=60))
    alerts.heed(connection, said("acknowledge", 32))
    assert (alert(connection).snoozed_until, alert(connection).acknowledged_at) == (None, AT + 32 * MINUTE)


def test_what_people_said_goes_with_the_customer(connection: Connection) -> None:
    customers.put(connection, customers.Customer(id="aiko", name="Aiko"))
    decisions.record(connection, decided())
    alerts.heed(connection, said())
    erasures.erase(connection, "aiko")
    assert connection.execute(select(interventions)).all() == []


def test_an_inhibited_alert_opens_no_case_until_it_is_said(connection: Connection) -> None:
    decisions.record(connection, decided(inhibited_by="device-offline", case=CASE))
    assert alert(connection).inhibited_by == "device-offline"
    assert connection.execute(select(cases_table)).all() == []
    decisions.record(connection, decided("repeat", 5, case=CASE))
    assert alert(connection).inhibited_by is None
    assert (the_case(connection).alert_id, the_case(connection).state) == ("a1", "open")
    decisions.record(connection, decided("repeat", 6, case=CASE))
    assert told(connection)[1:] == ["case: Case opened in cold-chain: temperature repeat on chiller-17"]


def test_a_rise_raises_the_case_and_never_lowers_it(connection: Connection) -> None:
    decisions.record(connection, decided(case=CASE))
    urgent = CaseAction("cold-chain", "urgent")
    decisions.record(connection, decided("raised", 1, severity="critical", case=urgent))
    assert (the_case(connection).severity, the_case(connection).priority) == ("critical", "urgent")
    decisions.record(connection, decided("lowered", 2))
    decisions.record(connection, decided("raised", 3, severity="major", case=CaseAction("cold-chain", "low")))
    assert (the_case(connection).severity, the_case(connection).priority) == ("critical", "urgent")
    assert [line for line in told(connection) if line.startswith("case")][1:] == [
        "case: Case now has severity critical and priority urgent: temperature raised on chiller-17"
    ]


def test_a_rise_opens_the_case_again_that_somebody_had_closed(connection: Connection) -> None:
    decisions.record(connection, decided(case=CASE))
    cases.resolve(connection, the_case(connection).id, by="mika")
    decisions.record(connection, decided("repeat", 1, case=CASE))
    assert the_case(connection).state == "resolved"
    decisions.record(connection, decided("raised", 2, severity="critical", case=CASE))
    assert (the_case(connection).state, the_case(connection).severity) == ("open", "critical")


@pytest.mark.parametrize(("ended_by", "recovered"), [(None, True), ("time", False), ("mika", False)])
def test_only_a_recovery_is_noted_as_one(connection: Connection, ended_by: str | None, *, recovered: bool) -> None:
    decisions.record(connection, decided(case=CASE))
    decisions.record(connection, decided("resolved", 1, ended_by=ended_by))
    assert (the_case(connection).recovered_at is not None) is recovered
    assert told(connection)[-1].endswith("the case stays open")


def test_what_was_only_a_moment_leaves_no_end_on_the_timeline_and_may_still_be_told(connection: Connection) -> None:
    decisions.record(connection, decided(case=CASE))
    before = told(connection)
    decisions.record(connection, decided("resolved", 1, ended_by="passed"))
    assert told(connection) == before
    assert alert(connection).state == "resolved"
    of = partial(history.of, connection, customer_id="aiko", rule_id="chiller-too-warm", decision_id="a1")
    assert of(alert_id="a1").alert_active
    decisions.record(connection, decided(alert="a2"))
    decisions.record(connection, decided("resolved", 1, alert="a2"))
    assert not of(alert_id="a2").alert_active


def test_what_is_listed_as_firing_is_what_is_counted(connection: Connection) -> None:
    decisions.record(connection, decided())
    decisions.record(connection, decided(alert="visit", purpose="offers", severity="info"))
    firing = alerts_read.page(connection, state="firing", offers=False).items
    assert [alert.id for alert in firing] == ["a1"]
    assert alerts_read.firing_by_severity(connection) == {"warning": 1}
    assert [alert.id for alert in alerts_read.page(connection, offers=True).items] == ["visit"]
    assert len(alerts_read.page(connection).items) == 2
