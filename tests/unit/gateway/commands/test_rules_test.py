"""``kizashi rules test`` as its users see it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway import rules_dir
from gateway.cli import app

RULE = "rules:\n  - {id: warm, when: {metric: temperature, above: 8}, then: {notify: {template: alert}}}\n"
PASSES = """
  - name: it fires
    given: [{at: 0s, device: d, temperature: 5}, {at: 1m, device: d, temperature: 9}]
    expect: [{at: 1m, rule: warm}]
"""
FAILS = PASSES.replace("it fires", "it is quick").replace("expect: [{at: 1m,", "expect: [{at: 30s,")


def run(path: Path, *options: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["rules", "test", str(path), *options])
    return result.exit_code, result.output


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "cold.yaml"
    file.write_text(RULE)
    return file


def test_examples_that_pass_are_ticked(file: Path) -> None:
    file.write_text(RULE + "tests:" + PASSES)
    code, output = run(file)
    assert code == 0
    assert "✓ it fires" in output
    assert "1 example, all as expected" in output


def test_an_example_that_fails_says_what_was_decided_and_why(file: Path) -> None:
    file.write_text(RULE + "tests:" + PASSES + FAILS)
    code, output = run(file)
    assert code == 1
    assert "✗ it is quick" in output
    assert "cold.yaml:10: expected warm on d firing at 30 s" in output
    assert "decided: 1 min: warm on d firing" in output
    assert "✗ above: temperature 5 at 0s" in output
    assert "1 of 2 examples failed" in output


def test_examples_may_stand_in_a_file_beside_the_rules(file: Path) -> None:
    beside = file.with_name("cold.tests.yaml")
    beside.write_text("tests:" + PASSES)
    for place in (file, beside, file.parent):
        code, output = run(place)
        assert code == 0, output
        assert "1 example, all as expected" in output
    assert rules_dir.read(file.parent) == {"cold.yaml": RULE}, "they are no rules"


def test_a_file_without_examples_says_where_to_write_them(file: Path) -> None:
    code, output = run(file)
    assert code == 1
    assert "tests:" in output
    assert "NAME.tests.yaml" in output


def test_a_mistake_in_an_example_is_named_with_its_line(file: Path) -> None:
    file.write_text(RULE + "tests:" + PASSES.replace("rule: warm", "rule: worm"))
    code, output = run(file)
    assert code == 1
    assert "cold.yaml:6:" in output
    assert "'warm'" in output
    assert "1 problem: no example was played" in output


def test_a_mistake_in_a_rule_is_named_too(file: Path) -> None:
    file.write_text(RULE.replace("above", "abvoe") + "tests:" + PASSES)
    code, output = run(file)
    assert code == 1
    assert "cold.yaml:2:" in output


def test_a_missing_file_is_wrong_usage(tmp_path: Path) -> None:
    assert run(tmp_path / "nowhere.yaml")[0] == 2
