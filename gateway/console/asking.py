"""A part of a rule's page: why did it not fire on that device, at that time?"""

from __future__ import annotations

from datetime import UTC, datetime

from markupsafe import Markup
from nicegui import ui

from gateway.api.problems import Problem
from gateway.api.routes.explain import explain_rule
from gateway.api.shapes.decision import ExplainAnswer, TransitionAnswer
from gateway.console import entries
from gateway.console.frame import Console, html
from gateway.console.markup import NOTHING, H, chip, day_and_clock, facts, joined

_TONES = {"fires": "accent", "pending": "warning", "unknown": "warning"}


class Asking:
    """A card with a form, and the answer below it."""

    def __init__(self, console: Console, rule_id: str, device_id: str = "") -> None:
        self._console = console
        self._rule_id = rule_id
        with ui.element("section").classes("card"):
            html(H("<h2>Why did it not fire?</h2>"), tag="header")
            with ui.element("div").classes("body"):
                with ui.element("div").classes("actions first"):
                    self._device = ui.input(placeholder="Device", value=device_id).props("outlined dense")
                    self._device.mark("ask-device")
                    self._at = ui.input(placeholder="Time", value="now").props("outlined dense").mark("ask-at")
                    self._button = ui.button("Ask", on_click=self._ask, color=None).props("unelevated")
                    self._button.classes("plain")
                html(
                    H(
                        '<p class="muted small">A time is ISO 8601 in UTC, “2h ago” or “now”. '
                        "The answer is read from the log.</p>"
                    )
                )
                self._answer = html(NOTHING)

    async def _ask(self) -> None:
        device_id = (self._device.value or "").strip()[:200]
        if not device_id:
            ui.notify("Name a device, or a group such as store/ginza.", type="warning")
            return
        self._button.props("loading")
        try:
            found = await explain_rule(self._console.api, self._rule_id, device_id, (self._at.value or "now")[:60])
        except Problem as problem:
            self._answer.set_content(H('<div class="notice">{}</div>').format(str(problem)))
        else:
            self._answer.set_content(_told(found))
        finally:
            self._button.props(remove="loading")


def _told(found: ExplainAnswer) -> Markup:
    now = datetime.now(UTC)
    head = H('<p class="verdict">{} {}</p>').format(
        chip(found.verdict.replace("_", " "), _TONES.get(found.verdict, "")), found.headline
    )
    reasons = H('<ul class="reasons">{}</ul>').format(joined(H("<li>{}</li>").format(each) for each in found.reasons))
    late = NOTHING
    if found.log_begins_at is not None:
        late = H('<p class="muted small">The log reaches back to {} UTC; what was known before is missing.</p>').format(
            day_and_clock(found.log_begins_at, UTC, now)
        )
    about = facts(
        [
            ("looked at", f"{day_and_clock(found.at, UTC, now)} UTC"),
            ("last heard", f"{day_and_clock(found.heard_at, UTC, now)} UTC" if found.heard_at else None),
            ("rule version", found.rule_version),
        ]
    )
    before = joined(_decision(each, now) for each in reversed(found.decisions))
    earlier = H('<div class="block"><h2>Before that</h2><div class="rows bare">{}</div></div>').format(before)
    tree = H('<div class="block">{}</div>').format(entries.why(found.explanation)) if found.explanation else NOTHING
    return joined(
        [head, reasons, tree, late, H('<div class="block">{}</div>').format(about), earlier if before else NOTHING]
    )


def _decision(each: TransitionAnswer, now: datetime) -> Markup:
    said = "; ".join(word.summary for word in each.said)
    return H(
        '<a class="row brief" href="/console/decisions/{}"><span><span class="title">{}</span> {}<br>'
        '<span class="sub">{}</span></span><span class="end">{}</span></a>'
    ).format(
        each.id,
        each.transition,
        chip(each.severity, each.severity),
        said or each.summary,
        day_and_clock(each.at, UTC, now),
    )
