"""What the pages say of an alert's life is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rules.document import RULE_KEYS, parse
from tests.unit.rules.story import CHILLER, Story, device, reading, tick

PAGE = Path("docs/explanation/alerts.md").read_text(encoding="utf-8")
REFERENCE = Path("docs/reference/rules/README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=["steps", "inhibition"])
def test_its_examples_are_right(example: str) -> None:
    assert parse({"alerts.md": example}, frozenset({"alert"})).rules


@pytest.mark.parametrize("key", RULE_KEYS)
def test_every_key_of_a_rule_has_its_row(key: str) -> None:
    rows = [line.split("|")[1] for line in REFERENCE.splitlines() if line.startswith("| `")]
    assert any(row.strip().strip("`") in (key, f"{key}.case", f"{key}.notify") for row in rows)


def test_the_example_of_steps_does_what_the_page_says() -> None:
    story = Story(EXAMPLES[0], device(CHILLER), reading(0, -18, "temperature"))
    story.tell(*(reading(60 * minute, -4, "temperature") for minute in range(1, 20)), tick(1200))
    assert [(d.transition, d.severity) for d in story.decisions] == [("firing", "critical")]
    (fired,) = story.decisions
    assert fired.case is not None
    assert fired.notify is not None
    assert (fired.case.priority, fired.notify.channels) == ("urgent", ("push", "sms"))


def test_the_example_of_inhibition_does_what_the_page_says() -> None:
    story = Story(EXAMPLES[1], device(CHILLER), reading(0, -18, "temperature"))
    story.tell(tick(600), reading(700, 1, "door"), tick(729), tick(731))
    assert [(d.rule_id, d.transition, d.inhibited_by) for d in story.decisions] == [
        ("device-offline", "firing", None),
        ("no-temperature", "firing", "device-offline"),
        ("device-offline", "resolved", None),
        ("no-temperature", "repeat", None),
    ]
