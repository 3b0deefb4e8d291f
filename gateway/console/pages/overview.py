"""The whole system at a glance, live."""

from __future__ import annotations

from datetime import UTC, datetime

from markupsafe import Markup
from nicegui import ui
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request

from gateway.api.access import caller_of
from gateway.console import entries
from gateway.console.chart import area
from gateway.console.entries import CHANNELS, SEVERITIES
from gateway.console.frame import Console, html, page, show
from gateway.console.icons import icon
from gateway.console.markup import NOTHING, H, ago, chip, empty, joined, number, short_number
from gateway.console.pulse import SAMPLE_SECONDS, Picture, Pulse
from gateway.storage.overview import PartitionStanding

REFRESH_SECONDS = 1.0

_STATES = (
    ("delivered", "var(--good)"),
    ("read", "var(--good)"),
    ("clicked", "var(--good)"),
    ("accepted", "var(--accent)"),
    ("sending", "var(--info)"),
    ("queued", "var(--info)"),
    ("held", "var(--muted)"),
    ("unknown", "var(--warning)"),
    ("failed", "var(--critical)"),
    ("expired", "var(--muted)"),
    ("withdrawn", "var(--muted)"),
)
_LAGGING_MS = 15_000


def register(console: Console) -> None:
    """Add the page."""

    @ui.page("/")
    async def overview(request: Request) -> None:
        caller = caller_of(request)
        console.pulse.watch()
        if console.pulse.picture is None and not console.pulse.away:
            await _first_picture(console.pulse)
        with page(console, caller, "overview", "Overview"):
            parts = {
                name: html(content, classes=_CLASSES.get(name, "")) for name, content in _parts(console.pulse).items()
            }

            def refresh() -> None:
                console.pulse.watch()
                show(*((parts[name], content) for name, content in _parts(console.pulse).items()))

            ui.timer(REFRESH_SECONDS, refresh)


_CLASSES = {"tiles": "tiles", "grid": "grid glance"}


async def _first_picture(pulse: Pulse) -> None:
    """Nobody looked for a while: do not make the first viewer wait for the next sample."""
    try:
        await pulse.sample()
    except SQLAlchemyError:
        pulse.away = True


def _parts(pulse: Pulse) -> dict[str, Markup]:
    picture = pulse.picture
    parts = {"top": _top(pulse)}
    if picture is None:
        waiting = empty("No numbers yet", "They come as soon as the database answers.")
        return {**parts, "tiles": NOTHING, "grid": H('<div class="card c12">{}</div>').format(waiting)}
    rates = pulse.rates()
    return {**parts, "tiles": _tiles(picture, rates), "grid": _grid(picture, rates)}


def _top(pulse: Pulse) -> Markup:
    if pulse.away:
        state = H('<span class="live away">database away, trying again</span>')
    else:
        state = H('<span class="live">live</span>')
    return H('<div class="top"><h1>Overview</h1><span class="grow"></span>{}</div>{}').format(
        state, _alarms(pulse.picture)
    )


def _alarms(picture: Picture | None) -> Markup:
    if picture is None:
        return NOTHING
    said = [
        H('<div class="notice critical"><b>{} needs an operator:</b> {}</div>').format(alarm.provider, alarm.reason)
        for alarm in picture.numbers.alarms
    ]
    said += [
        H('<div class="notice critical"><b>Set aside after a failure:</b> {}</div>').format(str(failing))
        for failing in picture.numbers.failing
    ]
    if picture.numbers.refused_rules is not None:
        said.append(
            H('<div class="notice critical"><b>The rules in rules.dir are refused:</b> {}</div>').format(
                picture.numbers.refused_rules
            )
        )
    if picture.numbers.refused_templates is not None:
        said.append(
            H('<div class="notice critical"><b>The templates in templates.dir are refused:</b> {}</div>').format(
                picture.numbers.refused_templates
            )
        )
    if picture.rejected is None:
        said.append(
            H('<div class="notice critical">The event log can\'t be reached. Nothing is lost: senders wait.</div>')
        )
    return joined(said)


def _tiles(picture: Picture, rates: list[float]) -> Markup:
    numbers = picture.numbers
    firing = sum(numbers.alerts.values())
    worst = next((severity for severity in SEVERITIES if numbers.alerts.get(severity)), "")
    waiting = sum(numbers.outbox.values())
    sent = sum(sum(states.values()) for states in numbers.messages.values())
    open_cases = numbers.cases.get("open", 0)
    refused = "—" if picture.rejected is None else short_number(picture.rejected)
    last = picture.refused[0].reason if picture.refused else ""
    return joined(
        [
            _tile("Events a second", number(rates[-1] if rates else 0), f"{short_number(numbers.events)} in all"),
            _tile("Alerts firing", str(firing), _severity_dots(numbers.alerts), tone=worst, href="/console/alerts"),
            _tile("In the outbox", short_number(waiting), f"{short_number(sent)} messages in all"),
            _tile("Open cases", str(open_cases), f"{numbers.cases.get('resolved', 0)} resolved", href="/console/cases"),
            _tile(
                "Rejected", refused, f"last: {entries.reason_words(last)}" if last else "none", href="/console/rejected"
            ),
        ]
    )


def _tile(label: str, figure: str, under: str | Markup, *, tone: str = "", href: str = "") -> Markup:
    inner = H('<div class="label">{}</div><div class="figure">{}</div><div class="under">{}</div>').format(
        label, figure, under
    )
    if href:
        return H('<a class="card tile {}" href="{}">{}</a>').format(tone, href, inner)
    return H('<div class="card tile {}">{}</div>').format(tone, inner)


def _severity_dots(alerts: dict[str, int]) -> Markup:
    present = [severity for severity in SEVERITIES if alerts.get(severity)]
    if not present:
        return H("all is well")
    dots = joined(
        H('<span style="--dot:var(--{})" title="{}">{}</span>').format(severity, severity, alerts[severity])
        for severity in present
    )
    return H('<span class="dots">{}</span>').format(dots)


def _grid(picture: Picture, rates: list[float]) -> Markup:
    numbers = picture.numbers
    left = [
        _card("Events a second", area(rates, seconds=SAMPLE_SECONDS), aside="last 5 minutes"),
        _card("Newest touchpoints", _feed(picture), aside="times in UTC", inside="feed", more="touchpoints"),
    ]
    right = [
        _card("Messages", _messages(numbers.messages)),
        _card(
            "Why not told",
            _bars({entries.reason_words(name): n for name, n in numbers.suppressions.items()}, _NEVER_NO),
        ),
        _card("Decisions by rule", _bars(numbers.decisions, "No rule has decided anything yet.")),
        _card("Partitions", _partitions(numbers.partitions, numbers.read_at), aside=_owned(numbers.partitions)),
        _card("Last rejected", _refused(picture)),
    ]
    return H('<div class="c7 stack">{}</div><div class="c5 stack">{}</div>').format(joined(left), joined(right))


_NEVER_NO = "Nobody was kept from being told."


def _card(title: str, content: Markup, *, aside: str = "", inside: str = "body", more: str = "") -> Markup:
    said = H('<span class="aside">{}</span>').format(aside) if aside else NOTHING
    return H('<section class="card {}"><header><h2>{}</h2>{}</header><div class="{}">{}</div></section>').format(
        more, title, said, inside, content
    )


def _messages(messages: dict[str, dict[str, int]]) -> Markup:
    if not messages:
        return empty("No messages yet", "A rule with notify sends the first one.")
    order = [*CHANNELS, *sorted(set(messages) - set(CHANNELS))]
    return joined(_channel(channel, messages[channel]) for channel in order if channel in messages)


def _channel(channel: str, states: dict[str, int]) -> Markup:
    total = sum(states.values()) or 1
    present = [(state, colour, states[state]) for state, colour in _STATES if states.get(state)]
    track = joined(
        H('<i style="width:{}%;background:{}"></i>').format(f"{100 * n / total:.2f}", colour)
        for _, colour, n in present
    )
    named = joined(
        H('<span style="--dot:{}">{} <b>{}</b></span>').format(colour, state, short_number(n))
        for state, colour, n in present
    )
    return H(
        '<div class="channel"><div class="who-what">{}{}</div><div class="track">{}</div>'
        '<div class="states">{}</div></div>'
    ).format(icon(channel), CHANNELS.get(channel, channel), track, named)


def _bars(counts: dict[str, int], nothing: str) -> Markup:
    if not counts:
        return H('<p class="muted">{}</p>').format(nothing)
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:8]
    most = ordered[0][1] or 1
    return H('<div class="bars">{}</div>').format(
        joined(
            H(
                '<div class="bar"><span class="name" title="{}">{}</span><span class="count">{}</span>'
                '<span class="track"><i style="width:{}%"></i></span></div>'
            ).format(name, name, short_number(n), f"{100 * n / most:.1f}")
            for name, n in ordered
        )
    )


def _owned(standing: list[PartitionStanding]) -> str:
    owned = sum(1 for each in standing if each.owner is not None)
    workers = len({each.owner for each in standing} - {None})
    return f"{owned} of {len(standing)} owned, {workers} worker{'' if workers == 1 else 's'}" if standing else ""


def _partitions(standing: list[PartitionStanding], now: datetime) -> Markup:
    if not standing:
        return H('<p class="muted">No worker has written a checkpoint yet.</p>')
    rows = joined(_partition(each, now) for each in standing)
    return H(
        '<table class="plain"><thead><tr><th class="n">#</th><th>Owner</th><th class="n">Events</th>'
        '<th class="n">Behind</th></tr></thead>'
        "<tbody>{}</tbody></table>"
    ).format(rows)


def _partition(each: PartitionStanding, now: datetime) -> Markup:
    behind = max(0, int(now.timestamp() * 1000) - each.newest_at) if each.newest_at else None
    lag = H("—") if behind is None else H("{}").format(f"{behind / 1000:.0f} s")
    if behind is not None and behind > _LAGGING_MS:
        lag = chip(ago(datetime.fromtimestamp(each.newest_at / 1000, UTC), now).removesuffix(" ago"), "warning")
    owner = H('<span title="{}">{}</span>').format(each.owner, each.owner) if each.owner else chip("nobody", "critical")
    return H(
        '<tr><td class="n">{}</td><td class="owner">{}</td><td class="n">{}</td><td class="n">{}</td></tr>'
    ).format(each.partition, owner, number(each.events), lag)


def _refused(picture: Picture) -> Markup:
    if picture.rejected is None:
        return H('<p class="muted">The log can\'t be reached.</p>')
    if not picture.refused:
        return H('<p class="muted">Everything that came in could be read.</p>')
    now = picture.numbers.read_at
    rows = joined(
        H('<tr><td>{}<br><span class="muted small">{} · {}</span></td><td class="n muted">{}</td></tr>').format(
            entries.reason_words(each.reason),
            each.source,
            each.topic,
            ago(datetime.fromtimestamp(each.at / 1000, UTC), now),
        )
        for each in picture.refused
    )
    return H('<table class="plain refusals"><tbody>{}</tbody></table>').format(rows)


def _feed(picture: Picture) -> Markup:
    if not picture.newest:
        return empty("Nothing has happened yet", "Touchpoints of all customers appear here as they are made.")
    return joined(
        entries.feed_row(entry, picture.names.get(entry.customer_id, entry.customer_id), picture.numbers.read_at)
        for entry in picture.newest
    )
