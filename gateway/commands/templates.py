"""``kizashi templates``: check them, look at them, and send one to oneself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from gateway.commands.stack import database_connection, loaded_settings
from gateway.commands.terminal import fail, succeed
from notifiers.channel_names import within

if TYPE_CHECKING:
    from gateway.settings import Settings
    from notifiers.templates import Preview, Templates


class Asked(NamedTuple):
    """Which text, for whom and about what."""

    name: str
    channel: str
    language: str | None = None
    folder: Path | None = None
    sample: str = "example"
    customer: str | None = None
    decision: str | None = None


def check(folder: Path | None) -> None:
    """Print what is wrong in the folder's templates, or in those of ``templates.dir``; exit 1 where something is."""
    place = folder or loaded_settings().templates.dir
    templates = _loaded(place)
    problems, warnings = templates.check(), templates.warnings()
    for warning in warnings:
        typer.echo(f"warning: {warning}", err=True)
    for problem in problems:
        typer.echo(str(problem), err=True)
    if problems:
        fail(f"{len(problems)} problem{'s' if len(problems) > 1 else ''}")
    count = len(templates.names())
    but = f", with {len(warnings)} warning{'s' if len(warnings) > 1 else ''}" if warnings else ""
    succeed(f"{count} templates in {place or 'what is shipped'}: fine{but}")


def show(asked: Asked, output: Path | None) -> None:
    """Print the text, or write its HTML to ``output``."""
    shown = _previewed(asked, loaded_settings())
    if output is not None:
        output.write_text(shown.html or _plain(shown), encoding="utf-8")
        succeed(f"{shown.template} by {within(shown.channel)} in {shown.locale} is in {output}")
        return
    typer.echo(_plain(shown))
    for line in _remarks(shown):
        typer.echo(line, err=True)


def send_test(asked: Asked, to: str) -> None:
    """Send the text to one address, marked as a test."""
    from gateway.delivery import providers
    from gateway.delivery.means import policy_of
    from gateway.delivery.trial_sends import AddressError, TrialSends, said
    from gateway.sandbox import wanted
    from notifiers.outcome import Accepted

    settings = loaded_settings()
    if wanted(settings):
        page = f"{settings.public_url}/console/templates/{asked.name}"
        fail(f"sandbox is true, and its stand-ins belong to the running gateway: send the test from {page}")
    shown = _previewed(asked, settings)
    try:
        outcome = TrialSends(lambda: providers.build(settings), policy_of(settings).sms_regions).send(shown, to)
    except AddressError as error:
        fail(str(error))
    if not isinstance(outcome, Accepted):
        fail(f"not sent: {said(outcome)}")
    succeed(f"{shown.template} by {within(shown.channel)} in {shown.locale}: {said(outcome)}")


def _previewed(asked: Asked, settings: Settings) -> Preview:
    from notifiers.templates import TemplateError, preview

    templates = _loaded(asked.folder or settings.templates.dir)
    context, price = _event(asked, settings)
    whose = context["customer"]["locale"] if asked.customer or asked.decision else ""
    locale = asked.language or str(whose) or "en"
    try:
        return preview(templates, asked.name, asked.channel, locale, context, price)
    except TemplateError as error:
        fail(str(error))


def _event(asked: Asked, settings: Settings) -> tuple[dict[str, Any], float | None]:
    """What the text is about, and what a segment of an SMS costs."""
    from gateway.delivery import template_events
    from gateway.delivery.means import policy_of

    try:
        money = policy_of(settings).money
    except ValueError as error:
        fail(str(error))
    sample, locale = asked.sample, asked.language or "en"
    if asked.decision is None and asked.customer is None:
        return template_events.made_up(sample, locale), template_events.sms_price(None, money, None)
    with database_connection() as connection:
        try:
            found = template_events.event(
                connection, sample, locale, decision_id=asked.decision, customer_id=asked.customer
            )
        except template_events.NothingThereError as error:
            fail(str(error))
        return found, template_events.sms_price(connection, money, asked.customer)


def _loaded(place: Path | None) -> Templates:
    from notifiers.templates import TemplateError, Templates

    try:
        return Templates.load(place)
    except TemplateError as error:
        fail(str(error))


def _plain(shown: Preview) -> str:
    return f"{shown.title}\n\n{shown.text}" if shown.title else shown.text


def _remarks(shown: Preview) -> list[str]:
    said = (
        [f"the text of {shown.text_of}, as there is none for {shown.channel}"] if shown.text_of != shown.channel else []
    )
    if shown.sms is not None:
        size = shown.sms
        cost = "" if size.cost is None else f", costs {size.cost:g}"
        said.append(
            f"{size.segments} segment{'s' if size.segments > 1 else ''} ({size.units} units of "
            f"{size.encoding.upper()}){cost}"
        )
    if shown.push is not None:
        said.append(f"{shown.push.bytes:,} of {shown.push.limit:,} bytes")
    return said + [f"warning: {warning}" for warning in shown.warnings]
