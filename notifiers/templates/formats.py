"""The filters that templates have: times, numbers and lengths as people of a language write them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from markupsafe import Markup

from notifiers.graphemes import cut as cut_between
from notifiers.sms.segments import beyond_gsm, utf16_units
from notifiers.templates.budget import current
from notifiers.templates.errors import ForbiddenError

MAX_DIGITS = 6
MAX_READINGS = 6

SEPARATORS: dict[str, tuple[str, str]] = {
    "de": (".", ","), "es": (".", ","), "fr": ("\u202f", ","), "id": (".", ","), "it": (".", ","), "nl": (".", ","),
    "pt": (".", ","), "sv": ("\u00a0", ","), "tr": (".", ","), "vi": (".", ","),
}  # fmt: skip
"""Thousands and decimals by language, after CLDR; all others write 1,234.5."""

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_TO_GSM = str.maketrans(
    {
        "‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "...", "°": "", "℃": "C", "℉": "F",
        "\u00a0": " ", "\u202f": " ", "×": "x", "−": "-", "•": "-", "≥": ">=", "≤": "<=", "µ": "u", "²": "2", "³": "3",
    }
)  # fmt: skip


def local_time(at: Any) -> str:
    """``at`` (epoch ms or RFC 3339) on the customer's wall clock: ``3 June, 14:05`` or ``6月3日 14:05``.

    Where the customer's time zone is not known the text says UTC.
    """
    rendering = current.get()
    local = _instant(at).astimezone(rendering.zone)
    clock = f"{local:%H:%M}{' UTC' if rendering.zone.key == 'UTC' else ''}"
    if rendering.language == "ja":
        return f"{local.month}月{local.day}日 {clock}"
    if rendering.language == "en":
        return f"{local.day} {MONTHS[local.month - 1]}, {clock}"
    return f"{local:%Y-%m-%d} {clock}"


def _instant(at: Any) -> datetime:
    if isinstance(at, str):
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            raise ForbiddenError(f"{at!r} has no offset from UTC; write for example 2026-06-03T05:05:00Z")
        return moment
    if isinstance(at, bool) or not isinstance(at, int | float):
        raise ForbiddenError(f"{type(at).__name__} is not a time; local_time takes epoch milliseconds or RFC 3339 text")
    return _EPOCH + timedelta(milliseconds=at)


def number(value: Any, digits: int | None = None) -> str:
    """A number as the customer's language writes it: ``1,234.5``; ``digits`` after the point, else as many as matter.

    Text is given back as it is, so that a reading may be either.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if not math.isfinite(value):
        return "–"
    if digits is None:
        text = f"{value:,.2f}".rstrip("0").rstrip(".")
    else:
        text = f"{value:,.{max(0, min(digits, MAX_DIGITS))}f}"
    text = "0" if text == "-0" else text
    thousands, point = SEPARATORS.get(current.get().language, (",", "."))
    return text.translate({ord(","): thousands, ord("."): point})


def clip(value: Any, length: int, ellipsis: str = "…") -> str:
    """At most ``length`` UTF-16 units (as phones and carriers count), cut between words where there are any."""
    text = str(value)
    current.get().budget.take(len(text))
    if utf16_units(text) <= length:
        return text
    room = length - utf16_units(ellipsis)
    if room <= 0:
        return ""
    cut = _begun(text, room)
    cut = cut_between(text, len(cut))
    before, space, _ = cut.rpartition(" ")
    if space and len(before) > len(cut) // 2 and not text[len(cut)].isspace():
        cut = before
    return cut.rstrip(" ,;:、") + ellipsis


def _begun(text: str, units: int) -> str:
    """The longest beginning of ``text`` of at most so many UTF-16 units."""
    taken = 0
    for index, character in enumerate(text):
        taken += 2 if character > "\uffff" else 1
        if taken > units:
            return text[:index]
    return text


def gsm(value: Any) -> str:
    """Typographic signs replaced by what GSM-7 has (``°C`` becomes ``C``), if the rest fits GSM-7; else unchanged."""
    text = str(value)
    current.get().budget.take(len(text))
    plain = text.translate(_TO_GSM)
    return text if beyond_gsm(plain) else plain


def fill(value: Any, **words: Any) -> str:
    """Put ``words`` into the ``{places}`` of a text of the brand: ``voice.greeting|fill(name=customer.name)``."""
    text = str(value)
    for name, word in words.items():
        place, words_text = "{" + name + "}", str(word)
        current.get().budget.step(len(text) + text.count(place) * len(words_text))
        text = text.replace(place, words_text)
    return text


def sentence(value: Any) -> str:
    """A summary as a sentence of its own: a capital at its beginning, a full stop at its end.

    A first word that people do not write (``fridge-7``, ``co2``, ``iPump``) is a name, and stays as it is.
    """
    text = str(value).strip().rstrip(" ,;:–—")
    current.get().budget.take(len(text))
    if not text:
        return ""
    first = text.split(maxsplit=1)[0].rstrip(",;:.!?")
    begun = text[0].upper() + text[1:] if first.isalpha() and first.islower() else text
    return begun + ("" if text[-1] in ".!?…。！？" else ".")


def lines(value: Any) -> Any:
    """Text with line breaks for HTML: everything escaped, a ``<br>`` at each new line."""
    current.get().budget.take(len(str(value)))
    return Markup("<br>").join(str(value).strip().splitlines())


def japanese(value: Any) -> bool:
    """Test ``is japanese``: whether a text holds kana or kanji, and so can be shown to whoever reads Japanese."""
    return any("\u3040" <= character <= "\u30ff" or "\u4e00" <= character <= "\u9fff" for character in str(value))


def readings(words: Mapping[str, Mapping[str, str]]) -> Callable[[Any], list[dict[str, str]]]:
    """The filter that lists numbers with their names and units, after ``words``.

    ``words`` has ``units`` and, by language, the metrics' names.
    """
    units = words.get("units", {})

    def listed(values: Any) -> list[dict[str, str]]:
        if not isinstance(values, Mapping):
            raise ForbiddenError("readings takes the values of the alert: values|readings")
        names = words.get(current.get().language, {})
        numbers = [
            (str(name), value)
            for name, value in values.items()
            if isinstance(value, int | float) and not isinstance(value, bool) and not str(name).startswith("_")
        ]
        return [
            {"name": names.get(name, _spoken(name)), "text": f"{number(value)} {units.get(name, '')}".strip()}
            for name, value in numbers[:MAX_READINGS]
        ]

    return listed


def _spoken(name: str) -> str:
    return name.replace("_", " ").strip().capitalize()


FILTERS: dict[str, Callable[..., Any]] = {
    "clip": clip,
    "fill": fill,
    "gsm": gsm,
    "lines": lines,
    "local_time": local_time,
    "number": number,
    "sentence": sentence,
}
"""All but ``readings``, which needs the words of the deployment."""

USAGE: dict[str, str] = {
    "clip": "{{ device.name|clip(40) }}",
    "fill": "{{ voice.greeting|fill(name=customer.name) }}",
    "gsm": "{{ summary|gsm }}",
    "lines": "{{ brand.address|lines }}",
    "local_time": "{{ at|local_time }}",
    "number": "{{ values.temperature|number(1) }}",
    "sentence": "{{ summary|sentence }}",
}
"""How each is written."""
