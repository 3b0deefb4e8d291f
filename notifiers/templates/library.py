"""The templates of this deployment: loaded and compiled once, rendered many times."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jinja2
import msgspec

from notifiers.templates.brand import Brand, load_brand
from notifiers.templates.budget import Budget, Rendering, current
from notifiers.templates.context import FULL, NAMES, SPARE, completed, zone_of
from notifiers.templates.errors import NoTextError, Problem, RenderError, TemplateError, UnknownTemplateError
from notifiers.templates.files import TextKey, key_of, normalised, read_sources
from notifiers.templates.formats import FILTERS, japanese, readings
from notifiers.templates.sandbox import Sandbox, Source

SHIPPED = Path(__file__).parent / "shipped"

MAX_BYTES = {"push": 3_072, "sms": 6_400, "email": 100_000}
"""UTF-8, title and text together. Push: FCM takes 4,096 bytes in all. SMS: Twilio takes 1,600 characters. Email: mail
programs clip what is longer than about 100 KB."""

MAX_SMS = 1_600
MAX_TITLE = 200

_BLANK_LINES = re.compile(r"\n[ \t]*\n(?:[ \t]*\n)+")

_TEMPLATE_RAISES = (
    jinja2.TemplateError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError, RecursionError,
)  # fmt: skip
"""What somebody else's program in this language can raise."""


class Rendered(msgspec.Struct, frozen=True):
    """One message, ready to be sent. ``title`` is empty for SMS; ``html`` is the twin of an email's ``text``."""

    title: str
    text: str
    html: str | None = None


class Templates:
    """All templates, with the brand's voice. Safe to share between threads."""

    def __init__(
        self, environment: Sandbox, brand: Brand, default_language: str, problems: list[Problem], shipped: Path
    ) -> None:
        """For ``load``."""
        self._environment = environment
        self._brand = brand
        self._default = default_language
        self._problems = list(problems)
        self._shipped = shipped
        self._texts: dict[TextKey, jinja2.Template | Problem] = dict(_compiled(environment))
        self._names = frozenset(key.template for key in self._texts)

    @classmethod
    def load(cls, extra_dir: Path | None = None, default_language: str = "en") -> Templates:
        """The shipped templates, overridden and added to by the files of ``extra_dir``.

        Faults in single files do not raise: ``check`` lists them, and only the faulty file cannot be rendered.

        Raises:
            TemplateError: ``extra_dir`` is not a folder.
        """
        folders = [SHIPPED]
        if extra_dir is not None:
            if not extra_dir.is_dir():
                raise TemplateError(f"templates.dir: {extra_dir} is not a folder; create it or leave the setting out")
            folders.append(extra_dir)
        brand, problems = load_brand(folders)
        sources: dict[str, Source] = {}
        for folder in folders:
            found, faults = read_sources(folder)
            sources |= found
            problems += faults
        environment = Sandbox(sources, FILTERS | {"readings": readings(brand.words)})
        environment.tests["japanese"] = japanese
        return cls(environment, brand, normalised(default_language), problems, SHIPPED)

    def names(self) -> frozenset[str]:
        """The templates that rules may name."""
        return self._names

    def channels(self, name: str) -> frozenset[str]:
        """The channels for which the template ``name`` has a text, in whatever language; empty for unknown names."""
        return frozenset(key.channel for key in self._texts if key.template == name)

    def for_transition(self, name: str, transition: str) -> str:
        """The template that says ``transition`` for rules that name ``name``.

        A resolved alert is told by ``NAME-resolved`` where there is such a template, else by ``resolved``.
        """
        if transition != "resolved":
            return name
        own = f"{name}-resolved"
        return own if own in self._names else "resolved"

    def render(self, name: str, channel: str, locale: str, context: Mapping[str, Any]) -> Rendered:
        """The message of template ``name`` on ``channel``, in ``locale`` (``ja-JP``) or what it falls back to.

        Args:
            name: a template's name, ``alert``.
            channel: ``push``, ``sms``, ``email`` or a channel of one's own.
            locale: the customer's; falls back by its parts (``ja-JP``, ``ja``), then to the default language.
            context: see ``TemplateContext``.

        Raises:
            UnknownTemplateError: there is no such template.
            NoTextError: it has no text for this channel.
            ContextError: the context is not what the contract says.
            RenderError: the template is broken, asks for what is not there, or takes too much.
        """
        if name not in self._names:
            raise UnknownTemplateError(f"there is no template {name!r}; there are {', '.join(sorted(self._names))}")
        for language in _fallbacks(locale, self._default):
            key = TextKey(name, channel, language)
            if key in self._texts:
                return self._render(key, completed(context))
        raise NoTextError(f"template {name!r} has no {channel} text for {locale or 'no locale'} or {self._default}")

    def check(self) -> list[Problem]:
        """Every fault that can be found without sending anything.

        Each text is rendered with a full and with a spare sample, in which any metric is there; what a template names
        beyond the contract is a fault.
        """
        found = list(self._problems)
        for key, text in sorted(self._texts.items()):
            if isinstance(text, Problem):
                found.append(text)
            elif not key.html:
                found.extend(self._check_samples(key))
        found.extend(self._check_coverage())
        return list(dict.fromkeys(found))

    def _check_samples(self, key: TextKey) -> Iterator[Problem]:
        for sample in (FULL, SPARE):
            try:
                self._render(key, completed(sample), strict=True)
            except RenderError as failure:
                yield failure.problem

    def _check_coverage(self) -> Iterator[Problem]:
        """Languages that a fallback needs, and emails of which only one half is there or was replaced."""
        for template, channel in sorted({(key.template, key.channel) for key in self._texts}):
            if TextKey(template, channel, self._default) not in self._texts:
                message = f"{channel} has no text in {self._default!r}, to which other languages fall back"
                yield Problem(template, None, message)
        for key in sorted(self._texts):
            if key.channel != "email":
                continue
            twin = key._replace(html=not key.html)
            if twin not in self._texts:
                yield Problem(_file_name(key), None, f"needs its twin {_file_name(twin)}")
            elif not self._is_shipped(key) and self._is_shipped(twin):
                yield Problem(_file_name(key), None, f"replaces one half of an email; replace {_file_name(twin)} too")

    def _is_shipped(self, key: TextKey) -> bool:
        text = self._texts[key]
        path = text.file if isinstance(text, Problem) else (text.filename or "")
        return Path(path).is_relative_to(self._shipped)

    def _render(self, key: TextKey, context: dict[str, Any], *, strict: bool = False) -> Rendered:
        language = key.locale.partition("-")[0]
        words = {**context, "brand": self._brand.facts, "voice": self._brand.voice(language), "language": language}
        rendering = partial(Rendering, language=language, zone=zone_of(context["customer"]["time_zone"]), strict=strict)
        body = self._run(key, words, rendering(Budget()))
        title, text = ("", body) if key.channel == "sms" else _titled(body)
        twin = key._replace(html=True)
        html = self._run(twin, {**words, "subject": title}, rendering(Budget())) if twin in self._texts else None
        made = Rendered(title, text, html)
        fault = _fault_of(key.channel, made)
        if fault is not None:
            raise RenderError(Problem(self._place(key), None, fault))
        return made

    def _run(self, key: TextKey, words: dict[str, Any], rendering: Rendering) -> str:
        text = self._texts[key]
        if isinstance(text, Problem):
            raise RenderError(text)
        token = current.set(rendering)
        try:
            return _BLANK_LINES.sub("\n\n", text.render(words)).strip()
        except (*_TEMPLATE_RAISES, TemplateError) as error:
            raise RenderError(Problem(self._place(key), _line_of(error), _explained(error))) from error
        finally:
            current.reset(token)

    def _place(self, key: TextKey) -> str:
        text = self._texts[key]
        return text.file if isinstance(text, Problem) else (text.filename or _file_name(key))


def _compiled(environment: Sandbox) -> Iterator[tuple[TextKey, jinja2.Template | Problem]]:
    for name, source in environment.sources.items():
        key = key_of(name)
        if key is None:
            continue
        try:
            yield key, environment.get_template(name)
        except jinja2.TemplateSyntaxError as error:
            yield key, Problem(str(source.path), error.lineno, error.message or "is not understood")
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:  # what Python says to Jinja's code
            yield key, Problem(str(source.path), None, f"is too deeply nested or has too large a number: {error}")


def _fallbacks(locale: str, default: str) -> Iterator[str]:
    language = normalised(locale)
    while language:
        yield language
        language = language.rpartition("-")[0]
    yield default


def _titled(body: str) -> tuple[str, str]:
    """The first line is the title, the rest is the text."""
    title, _, text = body.partition("\n")
    return " ".join(title.split()), text.strip()


def _fault_of(channel: str, made: Rendered) -> str | None:
    """What makes a finished message unfit for its channel."""
    if not made.text:
        return "gives no text; for push and email the first line is the title and the text follows it"
    if len(made.title) > MAX_TITLE:
        return f"gives a title of {len(made.title)} characters, at most {MAX_TITLE} are sensible"
    if channel == "sms" and len(made.text) > MAX_SMS:
        return f"gives {len(made.text)} characters, an SMS takes {MAX_SMS}"
    size = len(made.title.encode()) + max(len(made.text.encode()), len((made.html or "").encode()))
    limit = MAX_BYTES.get(channel, MAX_BYTES["email"])
    return f"gives {size} bytes, {channel} takes {limit}" if size > limit else None


def _explained(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "calls or includes itself without end"
    if isinstance(error, jinja2.TemplateNotFound):
        return f"there is no file {error.message}"
    text = str(error) or type(error).__name__
    if isinstance(error, jinja2.UndefinedError) and "has no attribute" not in text:
        return f"{text}; templates may use {', '.join(NAMES)}, brand, voice and language"
    return text


def _line_of(error: BaseException) -> int | None:
    """The template's line on which ``error`` was raised: Jinja puts its files into the traceback."""
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno for frame in reversed(frames) if frame.filename.endswith(".j2")), None)


def _file_name(key: TextKey) -> str:
    form = (".html" if key.html else ".txt") if key.channel == "email" else ""
    return f"{key.template}/{key.channel}.{key.locale}{form}.j2"
