"""A part of a rule's page: change the rule here, and see what it would have decided over the past."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from markupsafe import Markup
from nicegui import ui
from starlette.responses import Response

from gateway.api.access import Caller
from gateway.api.problems import Problem
from gateway.api.routes.backtest import end_backtest, get_backtest, start_backtest
from gateway.api.shapes.backtest import (
    BacktestAnswer,
    BacktestBody,
    BacktestResult,
    ChangeAnswer,
    RuleTried,
    TallyAnswer,
)
from gateway.console.frame import Console, html
from gateway.console.markup import NOTHING, H, chip, day_and_clock, joined, number
from gateway.console.session import may
from gateway.console.spark import days
from rules.excerpt import Excerpt, replaced

POLL_SECONDS = 0.4
MAX_CHARACTERS = 20_000
SHOWN = 12
_TONES = {"new": "accent", "gone": "good", "changed": "warning"}
_OVER = {"done", "failed", "cancelled"}


class Trying:
    """A card with the rule's text to change, a button, how far it has come, and what came of it."""

    def __init__(self, console: Console, caller: Caller, rule_id: str, source: Excerpt, files: dict[str, str]) -> None:
        self._api = console.api
        self._rule_id = rule_id
        self._files = files
        self._job: str | None = None
        with ui.element("section").classes("card"):
            html(H("<h2>Try a change on the past</h2>"), tag="header")
            with ui.element("div").classes("body"):
                if not may(caller, "POST", "/v1/rules/backtest"):
                    html(H('<p class="muted small">This key may read only.</p>'))
                    return
                self._opener = ui.button("Change it here", on_click=self._open, color=None).props("unelevated")
                self._opener.classes("plain")
                with ui.element("div") as self._form:
                    self._make_form(source)
                self._form.set_visibility(False)
        self._timer = ui.timer(POLL_SECONDS, self._look, active=False)

    def _make_form(self, source: Excerpt) -> None:
        self._text = ui.textarea(value=source.text).props("outlined dense autogrow spellcheck=false")
        self._text.classes("code").mark("try-text")
        with ui.element("div").classes("actions"):
            self._since = ui.input(placeholder="Since", value="7d").props("outlined dense").mark("try-since")
            self._start = ui.button("Try it", on_click=self._begin, color=None).props("unelevated")
            self._start.classes("primary")
            self._stop = ui.button("Stop", on_click=self._end, color=None).props("unelevated").classes("plain")
            self._stop.set_visibility(False)
        html(H('<p class="muted small">Nothing changes: the events of that time are decided again, aside.</p>'))
        self._found = html(NOTHING)

    def _open(self) -> None:
        self._form.set_visibility(True)
        self._opener.set_visibility(False)

    async def _begin(self) -> None:
        text = (self._text.value or "")[:MAX_CHARACTERS]
        try:
            files = replaced(self._files, self._rule_id, text)
            body = BacktestBody(files=files, since=(self._since.value or "7d")[:60], rule=[self._rule_id])
            answer = await start_backtest(self._api, body, Response())
        except Problem as problem:
            self._found.set_content(H('<div class="notice below">{}</div>').format(str(problem)))
            return
        self._job = answer.id
        self._show(answer)

    def _look(self) -> None:
        if self._job is None:
            return
        try:
            self._show(get_backtest(self._api, self._job))
        except Problem as problem:
            self._found.set_content(H('<div class="notice below">{}</div>').format(str(problem)))
            self._timer.deactivate()

    def _end(self) -> None:
        if self._job is not None:
            end_backtest(self._api, self._job)
            self._look()

    def _show(self, answer: BacktestAnswer) -> None:
        over = answer.state in _OVER
        self._timer.active = not over
        self._start.set_enabled(over)
        self._stop.set_visibility(not over)
        self._found.set_content(_found(answer, self._rule_id))


def _found(answer: BacktestAnswer, rule_id: str) -> Markup:
    if answer.result is not None:
        return _result(answer.result, rule_id)
    if answer.state == "failed":
        return H('<div class="notice below">{}</div>').format(answer.error or "It failed.")
    if answer.state == "cancelled":
        return H('<p class="muted">Stopped.</p>')
    done = f"{100 * answer.progress:.0f}"
    return H(
        '<div class="bars below"><div class="bar"><span class="name">{}</span><span class="count">{} %</span>'
        '<span class="track"><i style="width:{}%"></i></span></div></div>'
    ).format(f"{answer.state}: {number(answer.events)} events read", done, done)


def _result(result: BacktestResult, rule_id: str) -> Markup:
    tried = next((each for each in result.rules if each.rule_id == rule_id), None) or next(iter(result.rules), None)
    remarks = joined(H('<p class="muted small">{}</p>').format(remark) for remark in result.remarks)
    if tried is None:
        return H('<p class="verdict">It decides nothing over {} events.</p>{}').format(number(result.events), remarks)
    head = H('<p class="verdict">{}</p><p class="muted small">{}</p>').format(_verdict(tried), _over_what(result))
    others = [
        each for each in result.rules if each.rule_id != tried.rule_id and (each.new or each.gone or each.changed)
    ]
    also = joined(
        H('<p class="small">Also different: {} ({} new, {} gone, {} changed)</p>').format(
            each.rule_id, each.new, each.gone, each.changed
        )
        for each in others[:SHOWN]
    )
    return joined([head, _chart(tried, result), _changes(tried), also, remarks])


def _verdict(tried: RuleTried) -> str:
    def said(tally: TallyAnswer | None) -> str:
        fired = 0 if tally is None else tally.counts.get("firing", 0)
        on = 0 if tally is None else tally.devices
        return f"{number(fired)} time{'' if fired == 1 else 's'} on {number(on)} device{'' if on == 1 else 's'}"

    return f"It would fire {said(tried.candidate)}; as it is now, {said(tried.live)}."


def _over_what(result: BacktestResult) -> str:
    if result.first_at is None or result.last_at is None:
        return f"{number(result.events)} events"
    now = datetime.now(UTC)
    begin, end = day_and_clock(result.first_at, UTC, now), day_and_clock(result.last_at, UTC, now)
    return f"{number(result.events)} events from {begin} to {end} UTC"


def _chart(tried: RuleTried, result: BacktestResult) -> Markup:
    if result.first_at is None or result.last_at is None:
        return NOTHING
    first, last = result.first_at.astimezone(UTC).date(), result.last_at.astimezone(UTC).date()
    changed, live = (_daily(tally, first, last) for tally in (tried.candidate, tried.live))
    return days([("as changed", "bar", changed), ("as it is", "bar other", live)], last)


def _daily(tally: TallyAnswer | None, first: date, last: date) -> list[int]:
    counts = {} if tally is None else tally.per_day
    length = (last - first).days + 1
    return [counts.get((first + timedelta(days=place)).isoformat(), 0) for place in range(length)]


def _changes(tried: RuleTried) -> Markup:
    if not tried.changes:
        return H('<p class="small">No alert would be otherwise: {} the same.</p>').format(number(tried.same))
    now = datetime.now(UTC)
    rows = joined(_change(each, now) for each in tried.changes[:SHOWN])
    counts = {"new": tried.new, "gone": tried.gone, "changed": tried.changed, "the same": tried.same}
    counted = ", ".join(f"{number(count)} {kind}" for kind, count in counts.items())
    return H('<div class="block"><h2>{}</h2><div class="rows bare">{}</div></div>').format(counted, rows)


def _change(each: ChangeAnswer, now: datetime) -> Markup:
    at = each.at or each.live_at
    who = f" · {each.customer_id}" if each.customer_id else ""
    return H(
        '<div class="row brief"><span>{} <span class="title">{}</span><span class="sub">{}</span><br>'
        '<span class="sub">{}</span></span><span class="end">{}</span></div>'
    ).format(
        chip(each.kind, _TONES.get(each.kind, "")),
        each.subject,
        who,
        each.says,
        day_and_clock(at, UTC, now) if at is not None else "",
    )
