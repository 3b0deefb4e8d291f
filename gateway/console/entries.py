"""How an entry of a timeline looks: its icon, its colour, its line, and what lies behind it."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Any, Final

from markupsafe import Markup

from gateway.console.icons import icon
from gateway.console.markup import NOTHING, H, chip, clock, facts, joined, span, value_text, words
from gateway.storage.decisions_read import Made
from gateway.storage.timeline import Entry
from notifiers.channel_names import NAMES
from rules.explained import is_part, parts, said

CHANNELS: Final = NAMES
SEVERITIES: Final = ("critical", "major", "minor", "warning", "info")

REASONS: Final = {
    "no_customer": "nobody owns the device",
    "expired": "it was no longer worth telling",
    "recovered": "the device had recovered meanwhile",
    "not_told": "the customer never heard of the alert",
    "open_fault": "a product of theirs is broken just now",
    "cooldown": "the same rule reached them too recently",
    "frequency_cap": "told as often as is allowed",
    "budget_used_up": "today's budget is used up",
    "number_cap": "enough SMS to this number today",
    "prefix_cap": "enough SMS to numbers like this today",
    "no_channel": "no channel is named",
    "unknown_channel": "this gateway has no such channel",
    "no_consent": "not agreed to by the customer",
    "no_address": "no address for this channel",
    "bad_address": "the address can't be right",
    "region_not_allowed": "nothing is sent to that country",
    "holdout": "in the rule's control group",
    "quiet_hours": "the customer's quiet hours",
    "inhibited": "another alert explains it",
    "late": "it was old news",
    "snoozed": "the alert is snoozed",
    "acknowledged": "somebody has taken notice",
    "raised": "the alert became more serious",
    "ended": "the alert was ended",
    "fires_again": "the same alarm is on again",
}
"""Why somebody was not told, in a few words. Reasons that are not here are shown as they are."""

_TOLD: Final = {"operator", "result", "of", "metric"}
_SIGNS: Final = {"True": ("yes", "✓"), "False": ("no", "–")}
MESSAGE_TONES: Final = {
    "queued": "accent",
    "sending": "accent",
    "accepted": "accent",
    "delivered": "good",
    "read": "good",
    "clicked": "good",
    "failed": "critical",
    "unknown": "warning",
    "held": "",
    "expired": "",
    "withdrawn": "",
}


def reason_words(reason: str) -> str:
    """A reason as part of a sentence."""
    return REASONS.get(reason, words(reason))


def tone(entry: Entry) -> str:
    """The colour of an entry: an alert's severity, a message's fate."""
    if entry.kind in {"alert", "case"}:
        ended = entry.detail.get("transition") == "resolved" or entry.detail.get("event") in {"resolved", "recovered"}
        severity = str(entry.detail.get("severity") or "")
        return "good" if ended else severity if severity in SEVERITIES else "info"
    if entry.kind == "message":
        return MESSAGE_TONES.get(str(entry.detail.get("state")), "accent")
    return {"receipt": "good", "reply": "accent", "decision": "accent"}.get(entry.kind, "")


def badge(entry: Entry) -> Markup:
    """The icon of an entry, in its colour."""
    name: str = entry.kind
    if entry.kind == "alert" and entry.detail.get("transition") == "resolved":
        name = "resolved"
    elif entry.kind in {"message", "reply"} and entry.channel in CHANNELS:
        name = "reply" if entry.kind == "reply" else str(entry.channel)
    return H('<span class="badge {}" title="{}">{}</span>').format(tone(entry), entry.kind, icon(name))


def meta(entry: Entry, *, first: Markup = NOTHING) -> Markup:
    """The small line below: what it is, about what, by which rule, and why not."""
    parts = [first] if first else []
    parts.append(H("<span>{}</span>").format(_kind_words(entry)))
    if entry.device_id:
        parts.append(H("<span>{}</span>").format(entry.device_id))
    if entry.store_id:
        parts.append(H("<span>store {}</span>").format(entry.store_id))
    if entry.rule_id:
        parts.append(H("<span>rule {}</span>").format(entry.rule_id))
    if entry.reason and entry.kind != "reply":
        # A suppression's own line is the whole sentence, as a reply's is; elsewhere the reason is only a code.
        said = words(entry.reason) if entry.kind == "suppression" else f"because: {reason_words(entry.reason)}"
        parts.append(H("<span>{}</span>").format(said))
    return H('<div class="meta">{}</div>').format(joined(parts))


def head(entry: Entry, zone: tzinfo) -> Markup:
    """What is always seen of an entry on a customer's own timeline."""
    moment = H('<time class="when" datetime="{}">{}</time>').format(entry.at.isoformat(), clock(entry.at, zone))
    what = H('<div class="what"><div class="line">{}</div>{}</div>').format(entry.summary, meta(entry))
    return H("{}{}{}{}").format(moment, badge(entry), what, _turn())


def feed_row(entry: Entry, name: str, now: datetime) -> Markup:
    """An entry among those of all customers; it leads to the customer's timeline. Times in UTC."""
    shown = (
        clock(entry.at, UTC)
        if entry.at.astimezone(UTC).date() == now.astimezone(UTC).date()
        else entry.at.astimezone(UTC).strftime("%-d %b")
    )
    moment = H('<time class="when" datetime="{}">{}</time>').format(entry.at.isoformat(), shown)
    who = H('<span class="strong">{}</span>').format(name)
    what = H('<div class="what"><div class="line">{}</div>{}</div>').format(entry.summary, meta(entry, first=who))
    return H('<a class="entry flat" href="/console/customers/{}">{}{}{}<span></span></a>').format(
        entry.customer_id, moment, badge(entry), what
    )


def behind(entry: Entry, made: Made | None) -> Markup:
    """What an entry holds besides its line, and the decision that led to it."""
    parts = [_block("Details", facts(_detail(entry)))]
    if made is not None:
        values = facts((name, value) for name, value in made.values.items())
        parts.append(_block("What mattered", values))
        parts.append(_block("Why the rule concluded this", why(made.explanation)))
        parts.append(
            _block(
                "Decision",
                facts([("rule", f"{made.rule_id}, version {made.rule_version}"), ("id", _decision_link(made))]),
            )
        )
    links = [
        H('<a href="/console/cases/{}">Open the case</a>').format(entry.case_id) if entry.case_id else NOTHING,
    ]
    shown = [part for part in (*parts, *links) if part]
    return joined(shown) if shown else H('<span class="muted">There is nothing more to it.</span>')


def _decision_link(made: Made) -> Markup:
    return H('<a href="/console/decisions/{}">{}</a>').format(made.id, made.id)


def why(node: dict[str, Any]) -> Markup:
    """A rule's condition tree: what each part saw, and what it concluded."""
    return H('<ul class="why">{}</ul>').format(_node(node)) if node else NOTHING


def _node(node: dict[str, Any], label: str = "") -> Markup:
    result = node.get("result")
    sign = _SIGNS.get(str(result), ("unknown", "?"))
    told, saw = _condition(node)
    inner = list(parts(node))
    below = H("<ul>{}</ul>").format(joined(_node(part, label) for label, part in inner)) if inner else NOTHING
    return H(
        '<li><div class="node"><span class="mark-{}" title="{}">{}</span><span>{}{} <span class="saw">{}</span>'
        "</span></div>{}</li>"
    ).format(sign[0], sign[0], sign[1], label, told, saw, below)


def _condition(node: dict[str, Any]) -> tuple[str, str]:
    """What a node of the tree asks, and what it saw."""
    operator = str(node.get("operator", "condition"))
    rest = {name: value for name, value in node.items() if name not in _TOLD and not is_part(value)}
    metric = str(node.get("metric") or "")
    told = {"all": "all of these hold", "any": "any of these holds", "not": "this does not hold"}.get(operator)
    if operator == "for" and "duration_ms" in rest:
        told = f"for {span(rest.pop('duration_ms'))}"
    elif operator == "absent_for" and "duration_ms" in rest:
        told = f"no {metric or 'data'} for {span(rest.pop('duration_ms'))}"
    elif operator == "zone":
        told = f"zone: {rest.pop('motion', '')}"
    elif told is None:
        told = f"{metric} {words(operator)} {value_text(rest.pop('limit', None)) if 'limit' in rest else ''}".strip()
    saw = "; ".join(
        f"{_name(name)} {said(name, value, _clock)}" for name, value in rest.items() if value not in (None, [], {})
    )
    return told, saw


def _name(name: str) -> str:
    return {"value": "saw", "heard_at": "last heard", "clear_below": "clears below", "clear_above": "clears above"}.get(
        name, words(name.removesuffix("_ms"))
    )


def _clock(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%-d %b %H:%M:%S UTC")


def _detail(entry: Entry) -> list[tuple[str, Any]]:
    """What ``detail`` holds, without what the line already said."""
    said = {"event", "alert_id"}
    shown = [(name, _shown(name, value)) for name, value in entry.detail.items() if name not in said]
    if entry.channel:
        shown.insert(0, ("channel", CHANNELS.get(entry.channel, entry.channel)))
    if entry.reason:
        shown.insert(0, ("reason", f"{reason_words(entry.reason)} ({entry.reason})"))
    if entry.message_id:
        shown.append(("message", entry.message_id))
    return shown


def _shown(name: str, value: Any) -> Any:
    if name == "severity" and value in SEVERITIES:
        return chip(str(value), str(value))
    if name == "state":
        return chip(str(value), MESSAGE_TONES.get(str(value), ""))
    return value


def _kind_words(entry: Entry) -> str:
    if entry.kind == "suppression":
        return "waits" if entry.detail.get("held") else "not told"
    if entry.kind == "alert":
        transition = str(entry.detail.get("transition"))
        told = transition in {"resolved", "acknowledged", "snoozed"}
        return transition if told else str(entry.detail.get("severity", "alert"))
    if entry.channel and entry.kind in {"message", "receipt", "reply"}:
        return f"{CHANNELS.get(entry.channel, entry.channel)} {entry.kind}"
    return entry.kind


def _block(title: str, content: Markup) -> Markup:
    return H('<div class="block"><h2>{}</h2>{}</div>').format(title, content) if content else NOTHING


def _turn() -> Markup:
    return H('<span class="turn">{}</span>').format(icon("next"))
