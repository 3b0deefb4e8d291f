"""``kizashi rules test``: play the examples that stand beside the rules."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer
from rich.console import Console
from rich.text import Text

from gateway import rules_dir
from gateway.commands.terminal import fail

if TYPE_CHECKING:
    from rules.problem import RuleErrors
    from rules.rehearsal import Failure, Verdict

ENDINGS = (".tests.yaml", ".tests.yml")
_INDENT = "    "


def run(place: Path, templates_dir: Path | None) -> None:
    """Play the examples in ``place`` and beside it; exit 1 where one came otherwise than expected."""
    from notifiers.templates import TemplateError, Templates
    from rules.document import parse
    from rules.examples import read_examples
    from rules.problem import RuleErrors
    from rules.rehearsal import rehearse

    try:
        rule_files, example_files = found_files(place)
        ruleset = parse(rule_files, known_templates=Templates.load(templates_dir).names())
        examples = read_examples(example_files, [rule.id for rule in ruleset.rules])
    except (rules_dir.NoRulesError, TemplateError) as error:
        fail(str(error))
    except RuleErrors as errors:
        _refuse(errors)
    if not examples:
        fail(f"{place} has no examples: write them under tests: in the rule file, or in NAME.tests.yaml beside it")
    console = Console(highlight=False)
    failed = 0
    for example in examples:
        verdict = rehearse(example, ruleset)
        failed += not verdict.passed
        show(verdict, console)
    count = f"{len(examples)} example{'s' if len(examples) != 1 else ''}"
    if failed:
        fail(f"{failed} of {count} failed")
    console.print(Text(f"{count}, all as expected", "green"))


def found_files(place: Path) -> tuple[dict[str, str], dict[str, str]]:
    """The rule files and the files with examples, name to text.

    A rule file goes with its own ``tests:`` and with ``NAME.tests.yaml`` beside it. A file of examples, or a folder,
    goes with all rule files of the folder.

    Raises:
        NoRulesError: there are no rules, or a file can't be read.
    """
    if place.is_dir():
        rules = rules_dir.read(place)
        return rules, rules | {path.name: _text(path) for path in sorted(place.glob("*.tests.y*ml"))}
    if place.name.endswith(ENDINGS):
        return rules_dir.read(place.parent), rules_dir.read(place)
    rules = rules_dir.read(place)
    beside = [place.with_name(place.stem + ending) for ending in ENDINGS]
    return rules, rules | {str(path): _text(path) for path in beside if path.is_file()}


def _text(path: Path) -> str:
    (text,) = rules_dir.read(path).values()
    return text


def _refuse(errors: RuleErrors) -> NoReturn:
    for problem in errors.problems:
        typer.echo(str(problem), err=True)
    count = len(errors.problems)
    fail(f"{count} problem{'s' if count > 1 else ''}: no example was played")


def show(verdict: Verdict, console: Console) -> None:
    """One line, and for a failed example what was expected, what came instead, and why."""
    example = verdict.example
    if verdict.passed:
        console.print(Text.assemble(("✓ ", "green"), example.name))
        return
    console.print(
        Text.assemble(("✗ ", "red"), example.name, (f"  {example.file}:{example.line}", "dim")), soft_wrap=True
    )
    for failure in verdict.failures:
        _show_failure(failure, example.file, console)


def _show_failure(failure: Failure, file: str, console: Console) -> None:
    def line(text: str, style: str = "") -> None:
        console.print(Text(_INDENT + text, style), soft_wrap=True)

    line(f"{file}:{failure.line}: {failure.message}", "red")
    for place, decided in enumerate(failure.decided or ("nothing about it",)):
        line(f"  {'         ' if place else 'decided: '}{decided}")
    for place, drawn in enumerate(failure.why):
        line(f"  {'         ' if place else 'why:     '}{drawn}", "dim")
