"""``kizashi doctor``: is everything as it should be, and if not, what to do."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gateway.addresses import Addresses, NotRunningError, find
from gateway.commands import doctor_bounces, doctor_retention
from gateway.commands.stack import loaded_settings, reading
from gateway.sandbox import wanted
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.embedded.processes import ChildStatus
    from notifiers.templates import Templates

MIN_FREE_BYTES = 1 << 30


class Finding(NamedTuple):
    """One look: ``ok`` is None where there is nothing to judge."""

    subject: str
    ok: bool | None
    says: str


def run() -> None:
    """Print what was found; exit 1 where something must be mended."""
    settings = loaded_settings()
    findings = [*_of_configuration(settings), *_of_stack(settings)]
    table = Table(box=None, show_header=False, padding=(0, 2))
    for finding in findings:
        mark = {True: "[green]✓[/]", False: "[red]✗[/]", None: "[dim]·[/]"}[finding.ok]
        table.add_row(mark, finding.subject, escape(finding.says))
    Console(highlight=False).print(table)
    if any(finding.ok is False for finding in findings):
        raise typer.Exit(1)


def _of_configuration(settings: Settings) -> Iterator[Finding]:
    yield Finding("python", sys.version_info >= (3, 11), sys.version.split()[0])
    folder = settings.data_dir if settings.data_dir.exists() else settings.data_dir.absolute().parent
    free = shutil.disk_usage(folder).free if folder.exists() else 0
    yield Finding("disk", free > MIN_FREE_BYTES, f"{free / 2**30:.1f} GiB free at {folder}")
    yield _rules(settings)
    yield _templates(settings)
    if wanted(settings):
        yield Finding("providers", None, "stand-ins on this machine (sandbox is true): nothing leaves it")
    elif _has_sandbox(settings):
        yield Finding("providers", None, "the running gateway sends to stand-ins on this machine: nothing leaves it")
    else:
        yield from _providers(settings)


def _providers(settings: Settings) -> Iterator[Finding]:
    from gateway.delivery import providers

    yield Finding("push", *_provider(settings.fcm.project_id, "fcm.project_id", settings.fcm.base_url))
    sms_ready = settings.twilio.account_sid and settings.twilio.auth_token
    sender = settings.twilio.from_ or settings.twilio.messaging_service_sid
    yield Finding(
        "sms",
        *_provider(
            sender if sms_ready else None,
            "twilio.account_sid, twilio.auth_token and twilio.from (or twilio.messaging_service_sid)",
            settings.twilio.base_url,
            providers.fault_of(settings, "sms"),
        ),
    )
    email = settings.smtp.host if settings.smtp.from_ else None
    yield Finding("email", *_provider(email, "smtp.host and smtp.from", None, providers.fault_of(settings, "email")))
    if email is not None:
        yield Finding("bounces", *doctor_bounces.judge(settings))
    webhook = "signed calls of customers' endpoints" if settings.webhook.secret else None
    yield Finding("webhook", *_provider(webhook, "webhook.secret", None, providers.fault_of(settings, "webhook")))
    yield Finding("web push", *_web_push(settings))
    yield from _second_providers(settings)
    if "127.0.0.1" in settings.public_url:
        yield Finding("public_url", None, f"{settings.public_url} is this machine only: no provider can send receipts")


def _web_push(settings: Settings) -> tuple[bool | None, str]:
    from notifiers.webpush import vapid
    from notifiers.webpush.config import WebPushConfig

    private_key = settings.webpush.private_key
    if private_key is None:
        return _provider(None, "webpush.private_key and webpush.subject", None)
    try:
        config = WebPushConfig(private_key=private_key.get_secret_value(), subject=settings.webpush.subject or "")
    except ValueError as error:
        return False, str(error)
    return True, f"{config.subject}, applicationServerKey {vapid.public_of(vapid.key_of(config.private_key))}"


def _second_providers(settings: Settings) -> Iterator[Finding]:
    """Those that are named but could not take over are worse than none."""
    from gateway.delivery import providers

    ready = providers.spares(settings)
    for channel, section, named in (
        ("sms", "twilio_2", settings.twilio_2.account_sid),
        ("email", "smtp_2", settings.smtp_2.host),
    ):
        if named is None:
            continue
        says = f"{named} takes over when the first is in trouble"
        if channel not in ready:
            says = f"{section} can't be used; it takes the same settings as {section.removesuffix('_2')}"
        yield Finding(f"{channel}, second", channel in ready, says)


def _provider(
    configured: str | None, wanted: str, base_url: str | None, fault: str | None = None
) -> tuple[bool | None, str]:
    """``fault``: why what is configured can't be used."""
    if configured is None:
        return None, f"not configured: set {wanted}"
    if fault is not None:
        return False, fault
    return True, configured + (f", at {base_url}" if base_url else "")


def _rules(settings: Settings) -> Finding:
    from gateway.prepare import read_rules
    from gateway.rules_dir import NoRulesError
    from rules.problem import RuleErrors

    try:
        ruleset = read_rules(settings.rules.dir, settings.templates.dir)
    except NoRulesError as error:
        return Finding("rules", False, str(error))
    except RuleErrors as errors:
        return Finding("rules", False, f"{errors.problems[0]} ({len(errors.problems)} in all: kizashi rules check)")
    if ruleset is None:
        return Finding("rules", None, "rules.dir is not set: rules come by PUT /v1/rules only")
    return Finding("rules", True, f"version {ruleset[0]} in {settings.rules.dir}")


def _templates(settings: Settings) -> Finding:
    from notifiers.templates import TemplateError, Templates

    try:
        templates = Templates.load(settings.templates.dir)
    except TemplateError as error:
        return Finding("templates", False, str(error))
    problems, warnings = templates.check(), templates.warnings()
    if problems:
        return Finding("templates", False, f"{problems[0]} ({len(problems)} in all: kizashi templates check)")
    remark = f"; {len(warnings)} warned of: kizashi templates check" if warnings else ""
    return Finding("templates", True, f"{len(templates.names())} in {', '.join(_languages(templates))}{remark}")


def _languages(templates: Templates) -> list[str]:
    return sorted({language for name in templates.names() for language in templates.languages(name)})


def _of_stack(settings: Settings) -> Iterator[Finding]:
    try:
        found = find(settings)
    except NotRunningError as error:
        yield Finding("stack", None, str(error))
        return
    yield from _processes(settings)
    for subject, look in (
        ("database", _database),
        ("log", _log),
        ("rules held", _rules_held),
        ("texts held", _texts_held),
    ):
        yield _judged(subject, look, found)
    yield from _retention(found)
    yield from _alarms(found)


def _judged(subject: str, look: Callable[[Addresses], str], found: Addresses) -> Finding:
    from sqlalchemy.exc import SQLAlchemyError

    from gateway.log import LogError

    try:
        return Finding(subject, True, look(found))
    except (SQLAlchemyError, LogError, OSError) as error:
        return Finding(subject, False, str(error).splitlines()[0])


def _retention(found: Addresses) -> Iterator[Finding]:
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield Finding("retention", *doctor_retention.look(found))
    except SQLAlchemyError:
        return  # said of the database already


def _has_sandbox(settings: Settings) -> bool:
    """Whether what runs in ``data_dir`` was started with ``sandbox``, whatever this shell's settings say."""
    from gateway.embedded.addresses import running_addresses

    return running_addresses(settings.data_dir) is not None and any(
        child.name == "sandbox" for child in _children(settings)
    )


def _children(settings: Settings) -> list[ChildStatus]:
    from gateway.embedded.processes import read_processes

    listed = read_processes(settings.data_dir.expanduser().absolute() / "run")
    return list(listed.children) if listed else []


def _processes(settings: Settings) -> Iterator[Finding]:
    for child in _children(settings):
        restarts = f", {child.restarts} restarts" if child.restarts else ""
        yield Finding(child.name, child.state in {"ready", "ended"}, f"{child.state}, pid {child.pid}{restarts}")


def _database(found: Addresses) -> str:
    from gateway.storage import overview

    with reading(found) as connection:
        seen = overview.read(connection)
    unowned = sum(each.owner is None for each in seen.partitions)
    return f"{seen.events:,} events, {seen.devices:,} devices, {unowned} partitions without a worker"


def _alarms(found: Addresses) -> Iterator[Finding]:
    from sqlalchemy.exc import SQLAlchemyError

    from gateway.storage import faults, provider_alarms

    now = datetime.now(UTC)
    try:
        with reading(found) as connection:
            standing, failing = provider_alarms.standing(connection, now), faults.standing(connection, now)
    except SQLAlchemyError:
        return  # said of the database already
    for alarm in standing:
        yield Finding(alarm.provider, False, f"{alarm.reason} (last at {alarm.at.astimezone(UTC):%H:%M} UTC)")
    for each in failing:
        said = f"{each} (last at {each.at.astimezone(UTC):%H:%M} UTC; the worker's log has the trace)"
        yield Finding("set aside", False, said)


def _rules_held(found: Addresses) -> str:
    from gateway.storage import rule_folders, rule_sets

    with reading(found) as connection:
        held, folder = rule_sets.newest(connection), rule_folders.get(connection)
    if held is None:
        return "none yet"
    since = "not yet in the log" if held.published_at is None else f"since {held.published_at:%Y-%m-%d %H:%M:%S %Z}"
    refused = f"; what is in {folder.place} was refused" if folder is not None and folder.problems else ""
    return f"version {held.version}, {since}{refused}"


def _texts_held(found: Addresses) -> str:
    from gateway.storage import overview, template_sets

    with reading(found) as connection:
        held, refused = template_sets.newest(connection), overview.refused_templates(connection)
    if held is None:
        return "none yet: the first start takes them over"
    count = len(held.files)
    own = f"{count} file{'s' if count > 1 else ''} of templates.dir" if count else "those that are shipped"
    said = f"version {held.version}, {own}, since {held.created_at:%Y-%m-%d %H:%M:%S %Z}"
    return said + (f"; refused: {refused}" if refused is not None else "")


def _log(found: Addresses) -> str:
    import asyncio

    from gateway.log import EventLog

    async def look() -> int:
        event_log = await EventLog.connect(found.log_url, name="kizashi-doctor", within=5)
        try:
            return await event_log.rejected_count()
        finally:
            await event_log.close()

    return f"reachable, {asyncio.run(look()):,} rejected so far"
