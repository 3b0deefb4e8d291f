"""``kizashi rules explain RULE --device ID --at TIME``: why did it not fire?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.progress import Progress

from gateway.commands.stack import loaded_settings
from gateway.commands.terminal import fail

if TYPE_CHECKING:
    from gateway.inquiring import Answer
    from gateway.settings import Settings

LOG_SECONDS = 10.0


def explain(rule_id: str, device_id: str, at_text: str) -> None:
    """Print what the rule made of the device at that time; exit 1 where there is no such rule or device."""
    from gateway.inquiring import utc_ms
    from rules.moment import parse_moment

    settings = loaded_settings()
    try:
        at = parse_moment(at_text, utc_ms())
    except ValueError as error:
        problem, _, mend = str(error).partition("|")
        raise typer.BadParameter(f"{problem}; {mend}", param_hint="--at") from error
    answer, near_devices = _answer(settings, rule_id, device_id, at)
    _refuse_unknown(answer, near_devices)
    for line in _lines(answer):
        typer.echo(line)


def _answer(settings: Settings, rule_id: str, device_id: str, at: int) -> tuple[Answer, list[str]]:
    """The answer, and devices whose names are like the one that was asked about."""
    from sqlalchemy.exc import OperationalError

    from gateway import addresses
    from gateway.inquiring import ask
    from gateway.log import EventLog, LogError
    from gateway.storage import inquiries
    from gateway.storage.database import connect

    async def work(progress: Callable[[int, int], None]) -> Answer:
        event_log = await EventLog.connect(found.log_url, name="kizashi-explain", within=LOG_SECONDS)
        try:
            return await ask(engine, event_log, settings.log.partitions, rule_id, device_id, at, progress)
        finally:
            await event_log.close()

    try:
        found = addresses.find(settings)
    except addresses.NotRunningError as error:
        fail(str(error))
    engine = connect(found.database_url, pool_size=2)
    try:
        console = Console(stderr=True)
        with Progress(transient=True, console=console, disable=not console.is_terminal) as bar:
            task = bar.add_task("Reading the log", total=None)
            answer = asyncio.run(work(lambda done, total: bar.update(task, completed=done, total=total)))
        with engine.connect() as connection:
            return answer, [] if answer.device_known else inquiries.ids_like(connection, device_id)
    except OperationalError as error:
        fail(f"the database does not answer ({str(error.orig).splitlines()[0]}): is `kizashi serve` running?")
    except LogError as error:
        fail(f"{error}: is `kizashi serve` running?")
    finally:
        engine.dispose()


def _refuse_unknown(answer: Answer, near_devices: list[str]) -> None:
    from rules.problem import closest

    inquiry = answer.inquiry
    if not answer.rule_known:
        known = sorted({*inquiry.rules_known, *answer.rules_now})
        fail(f"there is no rule '{inquiry.rule_id}': {closest(inquiry.rule_id, known, _listed('rules', known))}")
    if not answer.device_known:
        mend = closest(inquiry.device_id, near_devices, "nothing was ever heard of it, and it is not registered")
        fail(f"there is no device '{inquiry.device_id}': {mend}")


def _listed(what: str, names: list[str]) -> str:
    return f"{what}: {', '.join(names)}" if names else f"there are no {what}"


def _lines(answer: Answer) -> Iterator[str]:
    from rules.answer import headline, reasons
    from rules.explained import explained, utc

    inquiry = answer.inquiry
    version = f" (version {inquiry.rule_version})" if inquiry.rule_version else ""
    yield f"{inquiry.rule_id}{version} on {inquiry.device_id} at {utc(inquiry.at)}: {headline(inquiry)}"
    yield from (f"  {reason}" for reason in reasons(inquiry))
    if answer.begins_at is not None:
        yield f"  the log begins at {utc(answer.begins_at)}; what was known before is missing"
    if inquiry.explanation:
        yield ""
        yield from (f"  {line}" for line in explained(inquiry.explanation))
    yield ""
    yield f"  last heard: {'never' if inquiry.heard_at is None else utc(inquiry.heard_at)}"
    if inquiry.next_look_at is not None:
        yield f"  time alone may change it at: {utc(inquiry.next_look_at)}"
    yield from _before(answer)


def _before(answer: Answer) -> Iterator[str]:
    from rules.explained import utc

    transitions, said = answer.aftermath.transitions, answer.aftermath.said
    if not transitions:
        yield "  no decision of this rule on this device before"
        return
    yield "  decisions before:"
    for each in transitions:
        yield f"    {utc(each.at)}  {each.transition:<9}{each.summary}  ({each.decision_id})"
        for word in said:
            if word.decision_id == each.decision_id:
                reason = f"{word.reason}: " if word.reason else ""
                yield f"      {utc(int(word.at.timestamp() * 1000))}  {word.kind} {reason}{word.summary}"
