"""``kizashi rules``: check rule files before they go live."""

from __future__ import annotations

from pathlib import Path

import typer

from gateway.commands.terminal import fail, succeed


def check(file: Path, templates_dir: Path | None) -> None:
    """Say what is wrong in ``file`` (or in all YAML files of a folder), each with its line and mend."""
    from gateway import rules_dir
    from notifiers.templates import TemplateError, Templates
    from rules.document import parse
    from rules.problem import RuleErrors

    try:
        files = rules_dir.read(file)
        ruleset = parse(files, known_templates=Templates.load(templates_dir).lacking)
    except (rules_dir.NoRulesError, TemplateError) as error:
        fail(str(error))
    except RuleErrors as errors:
        for problem in errors.problems:
            typer.echo(str(problem), err=True)
        count = len(errors.problems)
        fail(f"{count} problem{'s' if count > 1 else ''}: nothing was changed")
    for warning in ruleset.warnings:
        typer.echo(f"warning: {warning}", err=True)
    count = len(ruleset.warnings)
    but = f", with {count} warning{'s' if count > 1 else ''}" if count else ""
    succeed(f"{len(ruleset.rules)} rule{'s' if len(ruleset.rules) != 1 else ''} in {file}: fine{but}")
