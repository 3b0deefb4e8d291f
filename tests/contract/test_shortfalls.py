"""Whatever operator kept a rule from firing: what is missing is said in words."""

from __future__ import annotations

import pytest

from devices.event import Event, RulesChanged
from rules.decision import Position
from rules.document import parse
from rules.inquiry import Inquiry
from rules.shortfall import shortfalls
from rules.shortfall_words import WORDS
from tests.contract.test_conditions import FIRES, OPERATOR_NAMES, example
from tests.unit.rules.story import START, inquire, store

WITHOUT_WORDS = frozenset({"all", "any", "not", "group"})
"""They say what their parts say; a group tells whom it counts."""


def told(name: str) -> list[Inquiry]:
    """What the example on the operator's page made of its story, after each event."""
    rule_id = parse({"rules.yaml": example(name)}).rules[-1].id
    rules: list[Event] = [RulesChanged(START - 3_600_000, "v", {"rules.yaml": example(name)}), store()]
    log = [(Position(number, 0), event) for number, event in enumerate([*rules, *FIRES[name]], 1)]
    moments = sorted({event.at for event in FIRES[name]})
    return [inquire(log, rule_id, "chiller-7", at) for at in moments]


@pytest.mark.parametrize("name", OPERATOR_NAMES)
def test_every_moment_at_which_it_did_not_hold_has_its_reason_and_no_other_has(name: str) -> None:
    asked = [inquiry for inquiry in told(name) if inquiry.explanation]
    assert {inquiry.explanation["result"] for inquiry in asked} & {False, None}
    for inquiry in asked:
        reasons = shortfalls(inquiry.explanation, inquiry.at)
        assert bool(reasons) == (inquiry.explanation["result"] is not True), inquiry.explanation
        assert all(reason and "None" not in reason for reason in reasons), reasons


def test_every_operator_has_its_words() -> None:
    assert set(WORDS) == set(OPERATOR_NAMES) - WITHOUT_WORDS
