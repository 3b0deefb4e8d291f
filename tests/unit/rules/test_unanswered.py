"""``then.notify.unanswered``: what a rule may write, and what it is told where no case could ever open."""

from __future__ import annotations

import pytest

from rules.decision import CaseAction
from rules.document import parse
from rules.problem import Problem, RuleErrors
from rules.rule import Ruleset

WAITS = "channels: [push, sms], escalate_after: 15m"


def read(words: str, *, purpose: str = "maintenance", more: str = "") -> Ruleset:
    text = (
        f"rules:\n  - id: r\n    when: {{metric: t, above: 8}}\n    purpose: {purpose}\n"
        f"    then: {{notify: {{template: alert, {words}}}}}\n{more}"
    )
    return parse({"rules.yaml": text}, frozenset({"alert"}))


def refused(words: str) -> Problem:
    with pytest.raises(RuleErrors) as caught:
        read(words)
    [problem] = caught.value.problems
    return problem


def case_of(words: str) -> CaseAction | None:
    found = read(words).rules[0].notify
    assert found is not None
    return found.unanswered


def test_the_case_is_read_like_any_other() -> None:
    assert case_of(f"{WAITS}, unanswered: {{case: {{queue: field, priority: high}}}}") == CaseAction("field", "high")
    assert case_of(f"{WAITS}, unanswered: {{case: {{queue: field}}}}") == CaseAction("field", "normal")
    assert case_of(f"{WAITS}, unanswered: {{case: }}") == CaseAction()
    assert case_of(WAITS) is None


def test_it_changes_the_version_of_the_rule() -> None:
    assert read(WAITS).rules[0].version != read(f"{WAITS}, unanswered: {{case: }}").rules[0].version


@pytest.mark.parametrize(
    ("words", "path", "message"),
    [
        ("unanswered: ", "unanswered", "expected a mapping"),
        ("unanswered: case", "unanswered", "expected a mapping"),
        ("unanswered: {}", "unanswered", "'case' is missing"),
        ("unanswered: {case: urgent}", "unanswered.case", "expected a mapping"),
        ("unanswered: {case: {prio: high}}", "unanswered.case.prio", "unknown key 'prio'"),
        ("unanswered: {case: {priority: extreme}}", "unanswered.case.priority", "cannot be 'extreme'"),
        ("unanswered: {case: , sms: x}", "unanswered.sms", "unknown key 'sms'"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(words: str, path: str, message: str) -> None:
    problem = refused(f"{WAITS}, {words}")
    assert (problem.line, problem.path) == (5, f"rules[0].then.notify.{path}")
    assert message in problem.message
    assert problem.mend


def test_without_a_time_to_wait_nothing_would_be_waited_for() -> None:
    problem = refused("channels: [push], unanswered: {case: }")
    assert problem.path == "rules[0].then.notify.unanswered"
    assert "needs 'escalate_after'" in problem.message
    assert "escalate_after: 15m" in problem.mend


@pytest.mark.parametrize("expires", ["15m", "30m"])
def test_a_message_must_be_worth_something_for_as_long_as_it_is_waited_for(expires: str) -> None:
    problem = refused(f"{WAITS}, expires_after: {expires}, unanswered: {{case: }}")
    assert problem.path == "rules[0].then.notify.expires_after"
    assert "before 30 min without an answer have passed" in problem.message
    assert case_of(f"{WAITS}, expires_after: 31m, unanswered: {{case: }}") == CaseAction()


def test_of_channels_that_the_customer_chooses_one_wait_is_certain() -> None:
    assert case_of("escalate_after: 15m, expires_after: 16m, unanswered: {case: }") == CaseAction()
    assert refused("escalate_after: 15m, expires_after: 15m, unanswered: {case: }")


def test_a_step_may_have_its_own() -> None:
    steps = (
        "    steps:\n      - severity: critical\n        when: {metric: t, above: 12}\n"
        "        then: {notify: {template: alert, escalate_after: 5m, unanswered: {case: {priority: urgent}}}}\n"
    )
    rule = read(WAITS, more=steps).rules[0]
    _, notify = rule.actions("critical")
    assert notify is not None
    assert notify.unanswered == CaseAction("support", "urgent")
    assert case_of(WAITS) is None


@pytest.mark.parametrize(
    ("words", "purpose", "said"),
    [
        ("channels: [email], escalate_after: 1h, unanswered: {case: }", "maintenance", "nobody can answer by email"),
        (
            "channels: [webhook, email], escalate_after: 1h, unanswered: {case: }",
            "safety",
            "nobody can answer by webhook or email",
        ),
        (f"{WAITS}, unanswered: {{case: }}", "offers", "while that is open the customer gets no more"),
    ],
)
def test_what_is_probably_not_meant_is_a_warning(words: str, purpose: str, said: str) -> None:
    [warning] = read(words, purpose=purpose).warnings
    assert said in warning.message
    assert warning.path == "rules[0].then"
    assert warning.mend


@pytest.mark.parametrize(
    "words",
    [
        f"{WAITS}, unanswered: {{case: }}",
        "channels: [email, inbox], escalate_after: 1h, unanswered: {case: }",
        "channels: [email], link: 'https://shop.example/x', escalate_after: 1h, unanswered: {case: }",
        "escalate_after: 1h, unanswered: {case: }",
        "channels: [email], escalate_after: 1h",
    ],
)
def test_where_somebody_can_answer_there_is_none(words: str) -> None:
    assert not read(words).warnings
