"""The rules that hold, and how often each of them spoke."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from markupsafe import Markup
from nicegui import ui
from sqlalchemy import Engine
from starlette.requests import Request

from gateway.api.access import caller_of
from gateway.console.frame import AWAY, AWAY_NOTE, Console, live, page, reading
from gateway.console.markup import H, ago, chip, empty, joined, number
from gateway.console.spark import bars
from gateway.storage import rule_activity, rule_folders, rule_sets
from gateway.storage.rule_activity import QUIET, Activity
from gateway.storage.rule_folders import Folder
from gateway.storage.rule_sets import RuleSet
from rules.problem import RuleErrors
from rules.rule import Rule
from rules.state import ruleset_of

DAYS = 14
REFRESH_SECONDS = 5.0
SHOWN_PROBLEMS = 5

Read = tuple[RuleSet | None, Folder | None, dict[str, Activity]]


def register(console: Console) -> None:
    """Add the page."""

    @ui.page("/rules")
    async def holding(request: Request) -> None:
        async def render() -> Markup | None:
            read = await reading(_read, console.api.engine)
            return None if read is AWAY else _whole(*read)

        first = await render() or AWAY_NOTE
        with page(console, caller_of(request), "rules", "Rules"):
            live(render, seconds=REFRESH_SECONDS, first=first)


def _read(engine: Engine) -> Read:
    with engine.connect() as connection:
        counted = rule_activity.activity(connection, now=int(time.time() * 1000), days=DAYS)
        return rule_sets.newest(connection), rule_folders.get(connection), counted


def _whole(held: RuleSet | None, folder: Folder | None, counted: dict[str, Activity]) -> Markup:
    rules, wrong = usable(held)
    said = f"{len(rules)} rule{'' if len(rules) == 1 else 's'}" if rules else ""
    version = H('<span class="muted small">{} · version {}</span>').format(said, held.version) if held else H()
    top = H('<div class="top"><h1>Rules</h1><span class="grow"></span>{}</div>{}').format(
        version, notices(held, folder, wrong)
    )
    if not rules:
        nothing = empty("No rules yet", "Put YAML files into rules.dir, or PUT them to /v1/rules.")
        return H('{}<div class="card">{}</div>').format(top, nothing)
    now = datetime.now(UTC)
    order = sorted(rules, key=lambda rule: (-counted.get(rule.id, QUIET).firing, rule.name or rule.id))
    rows = joined(_row(rule, counted.get(rule.id, QUIET), now) for rule in order)
    return H('{}<div class="card rows">{}</div>').format(top, rows)


def usable(held: RuleSet | None) -> tuple[tuple[Rule, ...], str]:
    """The rules of the set, or why this version can't read it."""
    if held is None:
        return (), ""
    try:
        return ruleset_of(held.files).rules, ""
    except RuleErrors as errors:
        return (), str(errors.problems[0])


def notices(held: RuleSet | None, folder: Folder | None, wrong: str) -> Markup:
    """What somebody should know before trusting the list."""
    said = []
    if folder is not None and folder.problems:
        broken = joined(H("<li>{}</li>").format(str(problem)) for problem in folder.problems[:SHOWN_PROBLEMS])
        said.append(
            H(
                '<div class="notice critical"><b>What is in {} was refused; the rules before still hold.</b>'
                '<ul class="reasons">{}</ul></div>'
            ).format(folder.place, broken)
        )
    if wrong:
        said.append(H('<div class="notice critical">The stored rules can\'t be read: {}</div>').format(wrong))
    if held is not None and held.published_at is None:
        said.append(H('<div class="notice">These rules are not in force yet: the event log has not taken them.</div>'))
    return joined(said)


def _row(rule: Rule, active: Activity, now: datetime) -> Markup:
    chips = [chip(rule.severity, rule.severity), chip(rule.purpose)]
    if active.firing:
        chips.insert(0, chip(f"{number(active.firing)} firing", "accent"))
    total = sum(active.daily)
    often = H('<span class="often">{}<span class="sub">{}</span></span>').format(
        bars(active.daily, f"{total} alerts in {DAYS} days"), f"{number(total)} in {DAYS} days" if total else "quiet"
    )
    last = "never" if active.last_at is None else ago(datetime.fromtimestamp(active.last_at / 1000, UTC), now)
    return H(
        '<a class="row rule" href="/console/rules/{}"><span><span class="title">{}</span><br>'
        '<span class="sub">{}</span></span><span class="chips">{}</span>{}<span class="end">{}</span></a>'
    ).format(rule.id, rule.name or rule.id, rule.summary or _below(rule), joined(chips), often, last)


def _below(rule: Rule) -> str:
    """The line under the title, which is the id where the rule has no name."""
    if rule.name:
        return rule.id
    return f"watches {', '.join(rule.metrics)}" if rule.metrics else "watches events"
