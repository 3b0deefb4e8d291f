"""``kizashi migrate``: before the roles start on servers of their own."""

from __future__ import annotations

import typer

from gateway.commands.stack import loaded_settings
from gateway.commands.terminal import fail, succeed


def run() -> None:
    """Bring the schema of ``database.url`` up to date and hand the rules in ``rules.dir`` over to be published."""
    from sqlalchemy.exc import OperationalError

    from gateway import addresses
    from gateway.prepare import prepare_database
    from gateway.rules_dir import NoRulesError
    from gateway.storage.database import DatabaseUnfitError, connect
    from notifiers.templates import TemplateError
    from rules.problem import RuleErrors

    settings = loaded_settings()
    try:
        engine = connect(addresses.find(settings).database_url)
        adopted = prepare_database(engine, settings)
    except RuleErrors as errors:
        fail("\n".join(str(problem) for problem in errors.problems))
    except (addresses.NotRunningError, NoRulesError, TemplateError, DatabaseUnfitError) as error:
        fail(str(error))
    except OperationalError as error:
        fail(f"the database does not answer: {str(error.orig).splitlines()[0]}")
    if adopted is not None and adopted.problems:
        for problem in adopted.problems:
            typer.echo(str(problem), err=True)
        typer.echo(f"the rules in {settings.rules.dir} can't be used: those that held before still do", err=True)
    version = adopted.version if adopted is not None else None
    succeed("schema up to date" + (f", rules {version} handed over" if version else ""))
