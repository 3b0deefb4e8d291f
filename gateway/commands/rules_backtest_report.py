"""A backtest's result as a person reads it: a table of the rules, and what would be otherwise."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from rich.console import Console
from rich.table import Table
from rich.text import Text

from devices.event import Millis
from gateway.past.run import Tried
from rules.backtest import Report, RuleReport, Tally
from rules.comparison import Change

MAX_SHOWN = 3
"""Changes of each kind, and devices, that are shown of a rule."""
WIDEST = 30
"""Bars of a sparkline; more days share one."""
_BARS = " ▁▂▃▄▅▆▇█"
_STYLES = {"new": "green", "gone": "red", "changed": "yellow"}


def show(tried: Tried, seconds: float, console: Console) -> None:
    """Print it."""
    report = tried.report
    console.print(_head(report, seconds), soft_wrap=True)
    console.print(_table(report))
    days = _days(report)
    for rule in report.rules:
        for line in _details(rule, days, compared=report.compared):
            console.print(line, soft_wrap=True)
    for remark in tried.remarks:
        console.print(Text(f"note: {remark}", "yellow"), soft_wrap=True)


def _head(report: Report, seconds: float) -> Text:
    rules = f"{len(report.rules)} rule{'s' if len(report.rules) != 1 else ''}"
    speed = f"{seconds:.1f} s, {report.events / max(seconds, 1e-3):,.0f} events/s"
    return Text(f"{rules} over {report.events:,} events, {_when(report.first_at)} to {_when(report.last_at)} ({speed})")


def _table(report: Report) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("rule", no_wrap=True)
    for name in ("fires", "devices", "customers", *(("live", "new", "gone", "changed") if report.compared else ())):
        table.add_column(name, justify="right", no_wrap=True)
    for rule in report.rules:
        table.add_row(*_row(rule, compared=report.compared))
    return table


def _row(rule: RuleReport, *, compared: bool) -> list[str]:
    tally = rule.candidate
    cells = ["–"] * 3 if tally is None else [f"{tally.fired:,}", f"{tally.devices:,}", f"{tally.customers:,}"]
    if compared:
        cells.append("–" if rule.live is None else f"{rule.live.fired:,}")
        cells += [f"{count:,}" if count else "" for count in (rule.new, rule.gone, rule.changed)]
    return [rule.rule_id, *cells]


def _days(report: Report) -> list[str]:
    """Every day from the first event to the last, in order."""
    if report.first_at is None or report.last_at is None:
        return []
    first, last = (datetime.fromtimestamp(at / 1000, UTC).date() for at in (report.first_at, report.last_at))
    return [(first + timedelta(days=number)).isoformat() for number in range((last - first).days + 1)]


def sparkline(tally: Tally | None, days: list[str]) -> str:
    """How often it fired, a bar for a day, or for several where there are more than ``WIDEST``."""
    if tally is None or not tally.per_day:
        return ""
    share = -(-len(days) // WIDEST)
    known = {date.fromisoformat(day).isoformat() for day in tally.per_day}
    padded = sorted(known | set(days))  # an alert's time may lie a little outside of the events'
    counts = [sum(tally.per_day.get(day, 0) for day in padded[n : n + share]) for n in range(0, len(padded), share)]
    highest = max(counts)
    return "".join(_BARS[-(-count * (len(_BARS) - 1) // highest)] for count in counts)


def _details(rule: RuleReport, days: list[str], *, compared: bool) -> list[Text]:
    tally = rule.candidate
    lines = []
    if compared:
        lines += [_change(change) for kind in _STYLES for change in _first(rule, kind)]
        lines += _named("fires on, and did not before:", rule.devices_gained)
        lines += _named("no longer fires on:", rule.devices_lost)
    if tally is not None and tally.fired:
        if len(days) > 1:
            lines.append(Text(f"  by day, {days[0]} to {days[-1]}: {sparkline(tally, days)}"))
        lines += _named("most on:", [f"{each.id} ({each.count:,})" for each in tally.top_devices])
        if not compared:
            lines += [
                Text(f"  {_when(each.at)}  {each.subject}{_for(each.customer_id)}  {each.summary}")
                for each in tally.examples[:MAX_SHOWN]
            ]
    if tally is not None and tally.faults:
        lines.append(Text(f"  raised {tally.faults:,} times, the first time {tally.first_fault}", "red"))
    return [Text(""), Text(rule.rule_id, "bold"), *lines] if lines else []


def _first(rule: RuleReport, kind: str) -> list[Change]:
    return [change for change in rule.changes if change.kind == kind][:MAX_SHOWN]


def _change(change: Change) -> Text:
    at = change.at if change.at is not None else change.live_at
    what = f"{_when(at)}  {change.subject}{_for(change.customer_id)}  {change.says}"
    return Text.assemble((f"  {change.kind:8}", _STYLES[change.kind]), what)


def _for(customer_id: str | None) -> str:
    return "" if customer_id is None else f" for {customer_id}"


def _named(label: str, names: list[str]) -> list[Text]:
    if not names:
        return []
    more = ", …" if len(names) > MAX_SHOWN else ""
    return [Text(f"  {label} {', '.join(names[:MAX_SHOWN])}{more}")]


def _when(at: Millis | None) -> str:
    return "?" if at is None else f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M:%S}"
