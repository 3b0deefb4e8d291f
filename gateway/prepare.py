"""What must be done once before roles run: the schema, and the rules in ``rules.dir``."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine

from gateway import rules_dir
from gateway.settings import Settings
from gateway.storage import rule_sets
from gateway.storage.database import migrate, wait_until_reachable
from notifiers.templates import Templates
from rules.document import parse

DATABASE_SECONDS = 30.0


def read_rules(place: Path | None, templates: Path | None) -> tuple[str, dict[str, str]] | None:
    """The version and files of the rules in ``place``; ``None`` where none are configured.

    Raises:
        NoRulesError: there is nothing to read.
        RuleErrors: the files are wrong.
        TemplateError: ``templates`` is not a folder of templates.
    """
    if place is None:
        return None
    files = rules_dir.read(place)
    return parse(files, known_templates=Templates.load(templates).names()).version, files


def prepare_database(engine: Engine, settings: Settings) -> str | None:
    """Bring the schema up to date and keep the rules to be published; returns the rules' version, if there are any.

    Raises:
        DatabaseUnfitError: this database can't carry Kizashi.
        OperationalError: it can't be reached.
        NoRulesError, RuleErrors: ``rules.dir`` can't be used; the rules that held before still do.
    """
    wait_until_reachable(engine, seconds=DATABASE_SECONDS)
    migrate(engine)
    ruleset = read_rules(settings.rules.dir, settings.templates.dir)
    if ruleset is None:
        return None
    version, files = ruleset
    with engine.begin() as connection:
        rule_sets.put(connection, files, version=version)
    return version
