"""What must be done once before roles run: the schema, and the rules in ``rules.dir``."""

from __future__ import annotations

from pathlib import Path

import structlog
from sqlalchemy import Engine

from gateway import rules_dir, rules_watch, templates_watch
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
    return parse(files, known_templates=Templates.load(templates).lacking).version, files


def prepare_database(engine: Engine, settings: Settings) -> Adopted | None:
    """Bring the schema up to date and keep the rules to be published; returns what was made of them, if there are any.

    Faults in templates are told, and are no obstacle: those that held before go on, and where there were none, the
    plain text goes out for one that can't be rendered. Rules that can't be used are none either where others held
    before.

    Raises:
        DatabaseUnfitError: this database can't carry Kizashi.
        OperationalError: it can't be reached.
        NoRulesError, RuleErrors: ``rules.dir`` can't be used, and no rules held before.
        TemplateError: ``templates.dir`` is not a folder, and no templates of one held before.
    """
    wait_until_reachable(engine, seconds=DATABASE_SECONDS)
    migrate(engine)
    texts = _prepare_templates(engine, settings.templates.dir)
    place = settings.rules.dir
    if place is None:
        return None
    adopted = rules_watch.adopt(engine, place, texts.lacking, saved=False)
    if adopted.cause is not None and not adopted.held:
        raise adopted.cause
    rules_watch.report(place, adopted)
    return adopted


def _prepare_templates(engine: Engine, place: Path | None) -> Templates:
    """Keep what is in the folder, and tell its faults; what holds then."""
    adopted = templates_watch.adopt(engine, place)
    if adopted.cause is not None and not adopted.held:
        raise adopted.cause
    for problem in adopted.problems:
        log.warning("template.problem", problem=str(problem))
    if place is not None:
        templates_watch.report(place, adopted)
    with engine.connect() as connection:
        return templates_watch.held(connection, place)[1]
