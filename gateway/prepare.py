"""What must be done once before roles run: the schema, and the rules in ``rules.dir``."""

from __future__ import annotations

from pathlib import Path

import structlog
from sqlalchemy import Engine

from gateway import rules_dir, rules_watch
from gateway.rules_watch import Adopted
from gateway.settings import Settings
from gateway.storage.database import migrate, wait_until_reachable
from notifiers.templates import Templates
from rules.document import parse

log = structlog.get_logger()

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


def prepare_database(engine: Engine, settings: Settings) -> Adopted | None:
    """Bring the schema up to date and keep the rules to be published; returns what was made of them, if there are any.

    Faults in templates are told, and are no obstacle: where such a text can't be rendered, the plain one goes out.
    Rules that can't be used are no obstacle where others held before: those go on, and the log says so.

    Raises:
        DatabaseUnfitError: this database can't carry Kizashi.
        OperationalError: it can't be reached.
        NoRulesError, RuleErrors: ``rules.dir`` can't be used, and no rules held before.
        TemplateError: ``templates.dir`` is not a folder of templates.
    """
    wait_until_reachable(engine, seconds=DATABASE_SECONDS)
    migrate(engine)
    templates = Templates.load(settings.templates.dir)
    for problem in templates.check():
        log.warning("template.problem", problem=str(problem))
    place = settings.rules.dir
    if place is None:
        return None
    adopted = rules_watch.adopt(engine, place, templates.names(), saved=False)
    if adopted.cause is not None and not adopted.held:
        raise adopted.cause
    rules_watch.report(place, adopted)
    return adopted
