"""Rules tried on the past: asked for, looked after, and ended."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from fastapi import APIRouter, Response

from devices.event import Millis
from gateway.api.backtests import Job, TooManyError
from gateway.api.context import Api, Here
from gateway.api.problems import Problem, not_found
from gateway.api.shapes.backtest import BacktestAnswer, BacktestBody, BacktestResult
from gateway.api.shapes.rules import RuleProblem
from gateway.past.registry import from_database, live_rules
from gateway.past.run import Trial
from gateway.past.span import parse_since
from gateway.rules_dir import MAX_BYTES
from gateway.storage.timeline import moment
from rules.document import parse
from rules.problem import RuleErrors, closest
from rules.rule import NO_RULES, Ruleset

router = APIRouter(prefix="/v1/rules/backtest", tags=["rules"])

WAIT_SECONDS = 60.0


@router.post("", status_code=202)
async def start_backtest(api: Here, body: BacktestBody, response: Response) -> BacktestAnswer:
    """Try rules on the event log: 202 with an `id` to ask after; with `wait`, 200 when it is done within a minute.

    `files` are a whole set, as for `PUT /v1/rules`; left out, the rules that are live are tried.
    """
    since, until = _span(body, api.now_ms())
    ruleset = None if body.files is None else _parsed(body.files, api.templates)
    wanted = None if body.rule is None else _wanted(body.rule, ruleset)
    warnings = () if ruleset is None else ruleset.warnings
    try:
        job = api.backtests.start(lambda: _trial(api, ruleset, wanted), since, until, warnings)
    except TooManyError as error:
        raise Problem(429, "Too many backtests wait already; ask again when one is done.") from error
    if body.wait and job.future is not None:
        await asyncio.wait([asyncio.wrap_future(job.future)], timeout=WAIT_SECONDS)
    response.headers["Location"] = f"/v1/rules/backtest/{job.id}"
    response.status_code = 200 if job.over else 202
    return _answer(job)


@router.get("/{backtest_id}")
def get_backtest(api: Here, backtest_id: str) -> BacktestAnswer:
    """How far it has come, and what came of it. It is kept for an hour, by the process that ran it."""
    job = api.backtests.get(backtest_id)
    if job is None:
        raise not_found("backtest", backtest_id)
    return _answer(job)


@router.delete("/{backtest_id}", status_code=204)
def end_backtest(api: Here, backtest_id: str) -> None:
    """End it if it runs, forget it if it is over."""
    if api.backtests.cancel(backtest_id) is None:
        raise not_found("backtest", backtest_id)


def _span(body: BacktestBody, now: Millis) -> tuple[Millis, Millis | None]:
    since = _moment(body.since, now, "since")
    until = None if body.until is None else _moment(body.until, now, "until")
    if until is not None and until <= since:
        raise Problem(422, "until: lies before since; ask for a time that ends after it begins.")
    return since, until


def _moment(text: str, now: Millis, name: str) -> Millis:
    try:
        return parse_since(text, now)
    except ValueError as error:
        problem, _, mend = str(error).partition("|")
        raise Problem(422, f"{name}: {problem}; {mend}.") from error


def _parsed(files: dict[str, str], templates: Collection[str]) -> Ruleset:
    if sum(len(text.encode()) for text in files.values()) > MAX_BYTES:
        raise Problem(422, f"The rules are longer than {MAX_BYTES} bytes together; leave out what is not needed.")
    try:
        return parse(files, known_templates=templates)
    except RuleErrors as errors:
        places = [RuleProblem.of(problem).model_dump() for problem in errors.problems]
        raise Problem(422, f"The rules can't be used: {errors.problems[0]}", errors=places) from errors


def _wanted(names: list[str], ruleset: Ruleset | None) -> frozenset[str]:
    known = [] if ruleset is None else [rule.id for rule in ruleset.rules]
    for name in names if ruleset is not None else ():
        if name not in known:
            raise Problem(
                422, f"rule: there is no rule {name!r} in the files; {closest(name, known, ', '.join(known))}"
            )
    return frozenset(names)


def _trial(api: Api, ruleset: Ruleset | None, wanted: frozenset[str] | None) -> Trial:
    """On the backtest's own thread."""
    with api.engine.connect() as connection:
        live = live_rules(connection)
        registry = from_database(connection)
    return Trial(ruleset or live or NO_RULES, live, wanted, registry)


def _answer(job: Job) -> BacktestAnswer:
    return BacktestAnswer(
        id=job.id,
        state=job.state,
        progress=job.progress,
        events=job.events,
        error=job.error,
        asked_at=moment(job.asked_at),
        result=None if job.tried is None else BacktestResult.of(job.tried),
        warnings=[RuleProblem.of(problem) for problem in job.warnings],
    )
