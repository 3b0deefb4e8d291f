"""The ready rules under ``examples/``: each fires in an example beside it, and all examples come as expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from rules.document import parse
from rules.examples import read_examples
from rules.rehearsal import rehearse

FILES = sorted(Path("examples/rules").glob("*.yaml"))
TEMPLATES = frozenset({"alert", "resolved", "offer"})


def test_there_are_ten_files_and_they_stand_together_without_a_warning() -> None:
    ruleset = parse({path.name: path.read_text() for path in FILES}, TEMPLATES)
    assert len(FILES) >= 10
    assert ruleset.warnings == ()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_rule_fires_in_an_example_beside_it(path: Path) -> None:
    files = {path.name: path.read_text()}
    ruleset = parse(files, TEMPLATES)
    examples = read_examples(files, [rule.id for rule in ruleset.rules])
    fires = {each.rule for example in examples for each in example.expected if each.transition == "firing"}
    assert fires >= {rule.id for rule in ruleset.rules}
    for example in examples:
        assert rehearse(example, ruleset).failures == (), example.name
