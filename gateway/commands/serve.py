"""``kizashi serve``: the whole gateway on this machine, or one part of it."""

from __future__ import annotations

import structlog

from gateway import addresses as where
from gateway import logs
from gateway.commands.stack import loaded_settings
from gateway.commands.terminal import fail
from gateway.settings import Settings

log = structlog.get_logger()


def run(role: str, probes_port: int | None) -> None:
    """Run until SIGTERM or SIGINT. ``probes_port`` is for a single role; ``all`` gives each of its own one."""
    settings = loaded_settings()
    logs.configure(role=role)
    if role == "all":
        _run_all(settings)
    else:
        _run_role(role, settings, probes_port)


def _run_all(settings: Settings) -> None:
    from gateway.embedded.errors import EmbeddedError
    from gateway.rules_dir import NoRulesError
    from gateway.whole import Gateway
    from notifiers.templates import TemplateError
    from rules.problem import RuleErrors

    gateway = Gateway(settings)
    try:
        gateway.start()
        sandbox = {"sandbox": gateway.sandbox.url} if gateway.sandbox else {}
        log.info("serve.ready", console=f"{settings.public_url}/console", mqtt=settings.mqtt.bind, **sandbox)
        gateway.wait()
    except (EmbeddedError, NoRulesError, TemplateError) as error:
        fail(str(error))
    except RuleErrors as errors:
        more = f" (and {len(errors.problems) - 1} more: kizashi rules check)" if len(errors.problems) > 1 else ""
        fail(f"the rules in {settings.rules.dir} can't be used: {errors.problems[0]}{more}")
    finally:
        gateway.stop()


def _run_role(role: str, settings: Settings, probes_port: int | None) -> None:
    from psycopg.errors import UndefinedColumn, UndefinedTable
    from sqlalchemy.exc import OperationalError, ProgrammingError

    from gateway.embedded.errors import EmbeddedError
    from gateway.log.errors import LogError
    from gateway.roles import ROLES
    from notifiers.templates import TemplateError

    try:
        ROLES[role](settings, where.find(settings), probes_port)
    except (where.NotRunningError, EmbeddedError, LogError, TemplateError) as error:
        fail(str(error))
    except OperationalError as error:
        fail(f"the database does not answer ({str(error.orig).splitlines()[0]}): look at database.url")
    except ProgrammingError as error:
        if not isinstance(error.orig, UndefinedTable | UndefinedColumn):
            raise
        missing = str(error.orig).splitlines()[0]
        fail(f"the database has not the schema of this version ({missing}): run `kizashi migrate` first")
