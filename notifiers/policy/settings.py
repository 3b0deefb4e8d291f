"""What an operator may set about contacting people, with defaults that keep within the law."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from notifiers.policy.digest import Digest
from notifiers.policy.limits import SEVERITIES, Cap, Money

MINUTES_PER_DAY = 24 * 60
DAY_MS = 24 * 60 * 60 * 1000

_SPAN = re.compile(r"(\d{1,2}):(\d{2})\s*[-–]\s*(\d{1,2}):(\d{2})")


class QuietHours(msgspec.Struct, frozen=True):
    """A daily span of the customer's local time in which nobody is disturbed.

    Minutes after local midnight; ``starts`` belongs to the span and ``ends`` does not. ``starts > ends`` spans
    midnight. They are never equal: a whole day of quiet would hold messages for ever.
    """

    starts: int
    ends: int
    woken_by: frozenset[str] = frozenset()
    """Severities that go out at night all the same (never for an all-clear)."""

    def __post_init__(self) -> None:
        """Refuse spans that no day has."""
        if not (0 <= self.starts < MINUTES_PER_DAY and 0 <= self.ends < MINUTES_PER_DAY):
            raise ValueError("quiet hours must lie between 00:00 and 23:59")
        if self.starts == self.ends:
            raise ValueError("quiet hours must not start and end at the same minute; write 'never' for none")

    def __str__(self) -> str:
        return f"{clock(self.starts)}-{clock(self.ends)}"


def clock(minute: int) -> str:
    """Minutes after midnight as ``HH:MM``."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


URGENT = frozenset({"critical", "major"})
"""Severities for which a maintenance message is worth waking somebody."""

PROMOTIONS = QuietHours(21 * 60, 8 * 60)
"""US TCPA, 47 CFR 64.1200(c)(1): not before 8 a.m. or after 9 p.m. local time at the called party's location."""

NIGHT = QuietHours(22 * 60, 7 * 60, woken_by=URGENT)


def _quiet_hours() -> dict[str, QuietHours | None]:
    return {"offers": PROMOTIONS, "maintenance": NIGHT, "service": NIGHT, "safety": None}


def _vital() -> dict[str, frozenset[str]]:
    return {"safety": SEVERITIES, "maintenance": frozenset({"critical"}), "service": frozenset({"critical"})}


class PolicySettings(msgspec.Struct, frozen=True):
    """The operator's choices. A purpose that is named nowhere is treated as strictly as a promotion."""

    channels: tuple[str, ...] = ("push", "sms", "email")
    """The channels that this gateway has; also the order for customers without a preference."""
    named_channels: tuple[str, ...] = ("webpush", "webhook", "inbox")
    """The channels that it has besides, used only where the rule or the customer names them."""
    quiet_hours: dict[str, QuietHours | None] = msgspec.field(default_factory=_quiet_hours)
    """By purpose; ``None``: never quiet."""
    other_quiet_hours: QuietHours | None = PROMOTIONS
    """For purposes that ``quiet_hours`` does not name."""
    expires_after_ms: dict[str, int] = msgspec.field(default_factory=lambda: {"offers": DAY_MS})
    """By purpose, for rules that set no ``expires_after``."""
    assumed_consent: frozenset[str] = frozenset({"safety"})
    """Purposes that need no prior consent; an explicit refusal still counts."""
    silenced_by_fault: frozenset[str] = frozenset({"offers"})
    """Purposes that an open fault silences."""
    never_held_out: frozenset[str] = frozenset({"safety"})
    """Purposes with which nobody experiments."""
    sms_regions: frozenset[str] | None = None
    """ISO 3166 countries to which SMS may go (``{"JP", "GB"}``); ``None``: all."""
    time_zone: str = "UTC"
    """Where neither the customer's nor the store's time zone is known."""
    caps: tuple[Cap, ...] = (Cap(2, DAY_MS, "offers"), Cap(5, 7 * DAY_MS, "offers"))
    """How often one person is contacted; all of them hold."""
    vital: dict[str, frozenset[str]] = msgspec.field(default_factory=_vital)
    """By purpose: the severities that pass frequency caps and may draw on the reserve of a budget."""
    money: Money = Money()
    """What may be spent in a day."""
    digest: Digest = Digest()
    """What is told once a day instead of not at all, where a cap is full."""

    def quiet_hours_for(self, purpose: str) -> QuietHours | None:
        """The quiet hours of ``purpose``, ``None`` where it has none."""
        return self.quiet_hours.get(purpose, self.other_quiet_hours)


def parse_quiet_hours(text: str, woken_by: frozenset[str] = frozenset()) -> QuietHours | None:
    """Read ``"21:00-08:00"`` or ``"never"``.

    Raises:
        ValueError: the text is neither; the message says what to write instead.
    """
    if text.strip().lower() == "never":
        return None
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"quiet hours {text!r} are not understood; write for example '21:00-08:00' or 'never'")
    hours, minutes, end_hours, end_minutes = map(int, match.groups())
    if max(hours, end_hours) > 23 or max(minutes, end_minutes) > 59:  # noqa: PLR2004 a clock's last hour and minute
        raise ValueError(f"quiet hours {text!r} name a time that no clock shows; use 00:00 to 23:59")
    return QuietHours(hours * 60 + minutes, end_hours * 60 + end_minutes, woken_by)


def policy_settings(
    quiet_hours: Mapping[str, str] | None = None,
    *,
    woken_by: Mapping[str, frozenset[str]] | None = None,
    sms_regions: frozenset[str] | None = None,
    time_zone: str = "UTC",
    caps: tuple[Cap, ...] | None = None,
    vital: Mapping[str, frozenset[str]] | None = None,
    money: Money | None = None,
    digest: Digest | None = None,
) -> PolicySettings:
    """The defaults, with an operator's quiet hours by purpose (``{"offers": "20:00-09:00"}``) laid over them.

    A purpose keeps the severities that wake people when only its hours change, unless ``woken_by`` names others.
    ``caps`` take the place of the default ones; ``vital`` is laid over what is vital by default, purpose by purpose.

    Raises:
        ValueError: a span is not understood; the message names the purpose.
    """
    spans = _quiet_hours()
    for purpose, text in (quiet_hours or {}).items():
        known = spans.get(purpose)
        try:
            spans[purpose] = parse_quiet_hours(text, known.woken_by if known else frozenset())
        except ValueError as error:
            raise ValueError(f"quiet_hours.{purpose}: {error}") from error
    for purpose, severities in (woken_by or {}).items():
        hours = spans.get(purpose, PolicySettings().other_quiet_hours)
        spans[purpose] = None if hours is None else msgspec.structs.replace(hours, woken_by=severities)
    return PolicySettings(
        quiet_hours=spans,
        sms_regions=sms_regions,
        time_zone=time_zone,
        caps=PolicySettings().caps if caps is None else caps,
        vital={**_vital(), **(vital or {})},
        money=money or Money(),
        digest=digest or Digest(),
    )
