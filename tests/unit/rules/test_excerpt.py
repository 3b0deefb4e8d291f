"""A rule's own text, found in its file."""

from __future__ import annotations

from pathlib import Path

import pytest

from rules.excerpt import excerpt, replaced
from rules.source import read_yaml

TEXT = """\
# Chillers.
rules:
  # The first one.
  - id: warm
    when:
      metric: t   # °C
      above: 8

  # The second one.
  - when: {metric: t, below: 1}
    id: cold
    name: Too cold

tests:
  - name: none
"""


def test_it_has_the_lines_of_that_rule_alone_with_their_comments() -> None:
    found = excerpt({"a.yaml": "rules: []", "b.yaml": TEXT}, "warm")
    assert found == ("b.yaml", 4, "- id: warm\n  when:\n    metric: t   # °C\n    above: 8")


def test_the_last_rule_ends_where_the_next_section_begins_and_its_id_may_come_later() -> None:
    found = excerpt({"b.yaml": TEXT}, "cold")
    assert found is not None
    assert found.line == 10
    assert found.text == "- when: {metric: t, below: 1}\n  id: cold\n  name: Too cold"


def test_rules_on_one_line_give_that_line() -> None:
    found = excerpt(
        {"a.yaml": "rules: [{id: a, when: {metric: t, above: 1}}, {id: b, when: {metric: t, above: 2}}]"}, "b"
    )
    assert found is not None
    assert "id: b" in found.text


def test_a_rule_put_in_its_place_again_changes_nothing() -> None:
    files = {"a.yaml": "rules: []\n", "b.yaml": TEXT}
    for rule_id in ("warm", "cold"):
        found = excerpt(files, rule_id)
        assert found is not None
        assert replaced(files, rule_id, found.text) == files


def test_another_text_stands_where_the_rule_stood() -> None:
    changed = replaced({"b.yaml": TEXT}, "warm", "- id: warm\n  when: {metric: t, above: 9}\n")["b.yaml"]
    assert changed == TEXT.replace(
        "  - id: warm\n    when:\n      metric: t   # °C\n      above: 8\n",
        "  - id: warm\n    when: {metric: t, above: 9}\n",
    )
    with pytest.raises(KeyError):
        replaced({"b.yaml": TEXT}, "hot", "- id: hot")


@pytest.mark.parametrize("text", ["", "[]", "rules: 7", "rules:\n  - 7\n", "rules: [", "tests: []"])
def test_what_is_no_rule_file_has_no_rules(text: str) -> None:
    assert excerpt({"a.yaml": text}, "a") is None


@pytest.mark.parametrize("path", sorted(Path("examples/rules").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_text_of_every_example_rule_says_what_the_rule_says(path: Path) -> None:
    whole, _ = read_yaml(path.name, path.read_text())
    assert whole is not None
    for rule in whole.value["rules"].value:
        found = excerpt({path.name: path.read_text()}, rule.value["id"].text)
        assert found is not None
        alone, problems = read_yaml("alone.yaml", found.text)
        assert alone is not None
        assert not problems
        assert alone.plain() == [rule.plain()]
