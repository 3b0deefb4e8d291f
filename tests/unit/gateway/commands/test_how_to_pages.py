"""The pages on testing and backtesting show what the commands print."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from rules.document import parse
from rules.examples import read_examples
from rules.rehearsal import rehearse

PAGES = [Path("docs/how-to/test-a-rule.md"), Path("docs/how-to/backtest-a-rule.md")]
SPEED = re.compile(r"\([\d.]+ s, [\d,]+ events/s\)")


def blocks(page: Path, language: str = "") -> list[str]:
    """What stands between fences."""
    found = re.finditer(r"(?ms)^( *)```(\w*)\n(.*?)^\1```", page.read_text(encoding="utf-8"))
    return [textwrap.dedent(each[3]) for each in found if each[2] == language]


def shown(page: Path) -> list[tuple[str, str]]:
    """Each command on the page with the output below it."""
    runs = [block.partition("\n") for block in blocks(page) if block.startswith("$ ")]
    return [(command.removeprefix("$ kizashi "), output) for command, _, output in runs]


def plain(output: str) -> list[str]:
    lines = [SPEED.sub("", line).rstrip() for line in output.splitlines()]
    return [line for line in lines if line]


@pytest.mark.parametrize(("command", "output"), [run for page in PAGES for run in shown(page)])
def test_the_output_on_the_page_is_what_the_command_prints(
    command: str, output: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KIZASHI_DATA_DIR", str(tmp_path))
    result = CliRunner().invoke(app, command.split(), env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    assert plain(result.output) == plain(output)


def test_each_page_shows_a_run() -> None:
    assert [len(shown(page)) for page in PAGES] == [1, 1]


def test_the_examples_on_the_page_pass() -> None:
    (block,) = blocks(PAGES[0], "yaml")
    files = {"page.yaml": block}
    ruleset = parse(files)
    examples = read_examples(files, [rule.id for rule in ruleset.rules])
    assert len(examples) == 2
    assert all(rehearse(example, ruleset).passed for example in examples)


def test_the_failure_on_the_page_is_what_a_longer_wait_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = Path("examples/backtest/earlier.yaml").read_text(encoding="utf-8").replace("for: 20m", "for: 30m")
    (tmp_path / "earlier.yaml").write_text(text)
    (block,) = [block for block in blocks(PAGES[0]) if "✗" in block]
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["rules", "test", "earlier.yaml"], env={"COLUMNS": "200"})
    assert plain(result.output)[: len(plain(block))] == plain(block)
