"""The templates of this deployment: loaded and compiled once, rendered many times."""

from __future__ import annotations

import hashlib
import re
import traceback
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import jinja2
import msgspec

from notifiers.shortening import json_bytes, shortened
from notifiers.templates import checking, remarks
from notifiers.templates.brand import Brand, load_brand
from notifiers.templates.budget import Budget, Rendering, current
from notifiers.templates.context import NAMES, completed, zone_of
from notifiers.templates.errors import NoTextError, Problem, RenderError, TemplateError, UnknownTemplateError
from notifiers.templates.files import BORROWED, CHANNELS, Folder, TextKey, file_name, key_of, normalised, read_folder
from notifiers.templates.formats import FILTERS, USAGE, japanese, readings
from notifiers.templates.naming import Toolbox, closest, no_tool
from notifiers.templates.sandbox import Sandbox, Source

SHIPPED = Path(__file__).parent / "shipped"

MAX_BYTES = {"push": 3_072, "webpush": 3_072, "sms": 6_400, "email": 100_000}
"""UTF-8, title and text together. Push: as JSON; FCM takes 4,096 bytes in all and a push service 3,993, the rest is for
the app's data. SMS: Twilio takes 1,600 characters. Email: mail programs clip what is longer than about 100 KB."""

_PUSHED = ("push", "webpush")
MAX_SMS = 1_600
MAX_TITLE = 200

_UNKNOWN = re.compile("No (filter|test) named '([^']+)'")
_MISCALLED = re.compile(r"(\w+)\(\) (?:missing|got|takes)")
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

    def __init__(self, environment: Sandbox, brand: Brand, default_language: str, layers: Sequence[Folder]) -> None:
        """For ``load`` and ``of``."""
        self.environment = environment
        self.brand = brand
        self.default_language = default_language
        self.own = layers[-1] if len(layers) > 1 else None
        """The deployment's own folder."""
        self.version = _version(layers)
        """The same files give the same version, the shipped ones among them."""
        self.faults = tuple(problem for layer in layers for problem in layer.problems)
        """What reading the files met."""
        self.texts: dict[TextKey, jinja2.Template | Problem] = dict(_compiled(environment))
        self._names = frozenset(key.template for key in self.texts)
        self._brands = {language: (brand.of(language), brand.voice(language)) for language in self._languages()}

    @classmethod
    def load(cls, extra_dir: Path | None = None, default_language: str = "en") -> Templates:
        """The shipped templates, overridden and added to by the files of ``extra_dir``.

        Faults in single files do not raise: ``check`` lists them, and only the faulty file cannot be rendered.

        Raises:
            TemplateError: ``extra_dir`` is not a folder.
        """
        return cls.of(None if extra_dir is None else read_folder(extra_dir), default_language)

    @classmethod
    def of(cls, own: Folder | None, default_language: str = "en") -> Templates:
        """The same of a folder that was read before."""
        layers = [read_folder(SHIPPED), *([own] if own is not None else [])]
        brand, problems = load_brand([layer.tables for layer in layers])
        layers[-1] = layers[-1]._replace(problems=(*problems, *layers[-1].problems))
        sources = {name: source for layer in layers for name, source in layer.sources.items()}
        environment = Sandbox(sources, FILTERS | {"readings": readings(brand.words)})
        environment.tests["japanese"] = japanese
        return cls(environment, brand, normalised(default_language), layers)

    def names(self) -> frozenset[str]:
        """The templates that rules may name."""
        return self._names

    def channels(self, name: str) -> frozenset[str]:
        """The channels for which the template ``name`` has a text, in whatever language; empty for unknown names."""
        return frozenset(key.channel for key in self.texts if key.template == name)

    def wording(self, name: str, channel: str) -> str:
        """The channel whose text of ``name`` is used on ``channel``: its own where it has one, else a borrowed one."""
        return channel if channel in self.channels(name) else BORROWED.get(channel, channel)

    def spoken(self, name: str) -> tuple[str, ...]:
        """The channels by which ``name`` can be told, by a text of their own or a borrowed one."""
        own = self.channels(name)
        known = [channel for channel in CHANNELS if self.wording(name, channel) in own]
        return (*known, *sorted(own.difference(CHANNELS)))

    @cached_property
    def lacking(self) -> Mapping[str, Mapping[str, str]]:
        """For each template the channels on which it says nothing in any language, and the files to write for each."""
        return {name: {each: self._files_of(name, each) for each in self._silent_on(name)} for name in self._names}

    def _silent_on(self, name: str) -> list[str]:
        there = self.spoken(name)
        return [channel for channel in CHANNELS if channel not in there]

    def _files_of(self, name: str, channel: str) -> str:
        key = TextKey(name, channel, self.default_language)
        halves = (key, key._replace(html=True)) if channel == "email" else (key,)
        return " and ".join(file_name(half) for half in halves)

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
        return self.rendered(self._key(name, channel, locale), completed(context))

    def _key(self, name: str, channel: str, locale: str) -> TextKey:
        if name not in self._names:
            said = f"there is no template {name!r}{closest(name, self._names)}"
            raise UnknownTemplateError(f"{said}; there are {', '.join(sorted(self._names))}")
        for language in _fallbacks(locale, self.default_language):
            key = TextKey(name, channel, language)
            if key in self.texts:
                return key
        there = self.languages(name, channel)
        if there:
            spoken = " or ".join(dict.fromkeys((locale or "no locale", self.default_language)))
            raise NoTextError(f"template {name!r} has no {channel} text for {spoken}; it has {', '.join(there)}")
        raise NoTextError(f"template {name!r} has no {channel} text; it has {', '.join(sorted(self.channels(name)))}")

    def _languages(self) -> set[str]:
        return {key.locale.partition("-")[0] for key in self.texts}

    def locale_of(self, name: str, channel: str, locale: str) -> str:
        """The language in which ``name`` speaks to readers of ``locale`` on ``channel``.

        Raises:
            UnknownTemplateError: there is no such template.
            NoTextError: it has no text for this channel.
        """
        return self._key(name, channel, locale).locale

    def languages(self, name: str, channel: str | None = None) -> tuple[str, ...]:
        """The languages in which ``name`` has a text on ``channel``, or on any."""
        return tuple(
            sorted({key.locale for key in self.texts if key.template == name and channel in (None, key.channel)})
        )

    def check(self) -> list[Problem]:
        """Every fault that can be found without sending anything; see ``checking``. Looked for once."""
        return list(self._problems)

    def warnings(self) -> list[Problem]:
        """What works and is probably not meant; see ``remarks``. Looked for once."""
        return list(self._remarks)

    @cached_property
    def _problems(self) -> tuple[Problem, ...]:
        return tuple(checking.problems(self))

    @cached_property
    def _remarks(self) -> tuple[Problem, ...]:
        return tuple(remarks.remarks(self))

    @property
    def toolbox(self) -> Toolbox:
        """The filters and tests that templates have."""
        return _toolbox(self.environment)

    @property
    def sources(self) -> Mapping[str, Source]:
        """The files in force, by name."""
        return self.environment.sources

    def place(self, key: TextKey) -> str:
        """The file of a text."""
        text = self.texts[key]
        return text.file if isinstance(text, Problem) else (text.filename or file_name(key))

    def rendered(self, key: TextKey, context: dict[str, Any], *, strict: bool = False) -> Rendered:
        """The text ``key`` with a completed context.

        Args:
            key: one of ``texts``, not the HTML half of an email.
            context: see ``context.completed``.
            strict: for checking: printing what may be ``None``, and a push that is too long, are faults.

        Raises:
            RenderError: see ``render``.
        """
        language = key.locale.partition("-")[0]
        brand, voice = self._brands[language]
        words = {**context, "brand": brand, "voice": voice, "language": language}
        rendering = partial(Rendering, language=language, zone=zone_of(context["customer"]["time_zone"]), strict=strict)
        body = self._run(key, words, rendering(Budget()))
        title, text = ("", body) if key.channel == "sms" else _titled(body)
        twin = key._replace(html=True)
        html = self._run(twin, {**words, "subject": title}, rendering(Budget())) if twin in self.texts else None
        made = Rendered(title, text, html)
        if key.channel in _PUSHED and not strict:
            made = _fitted(made)
        fault = _fault_of(key.channel, made)
        if fault is not None:
            raise RenderError(Problem(self.place(key), None, fault))
        return made

    def _run(self, key: TextKey, words: dict[str, Any], rendering: Rendering) -> str:
        text = self.texts[key]
        if isinstance(text, Problem):
            raise RenderError(text)
        token = current.set(rendering)
        try:
            return _BLANK_LINES.sub("\n\n", text.render(words)).strip()
        except (*_TEMPLATE_RAISES, TemplateError) as error:
            missing = isinstance(error, jinja2.UndefinedError) or _UNKNOWN.match(str(error)) is not None
            file, line = _place_of(error)
            raise RenderError(Problem(file or self.place(key), line, _explained(error), missing)) from error
        finally:
            current.reset(token)


def _version(layers: Sequence[Folder]) -> str:
    canonical = msgspec.json.encode([sorted(layer.files.items()) for layer in layers])
    return hashlib.blake2b(canonical, digest_size=6).hexdigest()


def _compiled(environment: Sandbox) -> Iterator[tuple[TextKey, jinja2.Template | Problem]]:
    for name, source in environment.sources.items():
        key = key_of(name)
        if key is None:
            continue
        try:
            yield key, environment.get_template(name)
        except jinja2.TemplateSyntaxError as error:
            yield key, Problem(str(source.path), error.lineno, _mended(error, environment))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:  # what Python says to Jinja's code
            yield key, Problem(str(source.path), None, f"is too deeply nested or has too large a number: {error}")


_SYNTAX = (
    ("unexpected '}'", "; an expression stands between {{ and }}"),
    ("got 'if'", "; write {% elif … %}, not {% else if … %}"),
    ("Missing end of comment tag", "; a comment ends with #}"),
)
"""What Jinja says, and the mend that it leaves out."""


def _mended(error: jinja2.TemplateSyntaxError, environment: Sandbox) -> str:
    """What Jinja says, with the closest filter or test where there is none of that name."""
    message = error.message or "is not understood"
    unknown = _UNKNOWN.match(message)
    if unknown is None:
        return f"{message}{next((mend for said, mend in _SYNTAX if said in message), '')}"
    there = _toolbox(environment)
    return no_tool(unknown[1], unknown[2], there.filters if unknown[1] == "filter" else there.tests)


def _toolbox(environment: Sandbox) -> Toolbox:
    return Toolbox(tuple(name for name in environment.filters if name[0] != "_"), tuple(environment.tests))


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


def _fitted(made: Rendered) -> Rendered:
    """A push within its limit: what does not fit is cut off the text, then off the title."""
    title = shortened(made.title, MAX_BYTES["push"] - json_bytes(""))
    return Rendered(title, shortened(made.text, MAX_BYTES["push"] - json_bytes(title)), made.html)


def _fault_of(channel: str, made: Rendered) -> str | None:
    """What makes a finished message unfit for its channel."""
    if not made.text:
        return "gives no text; for push and email the first line is the title and the text follows it"
    if len(made.title) > MAX_TITLE:
        return f"gives a title of {len(made.title)} characters, at most {MAX_TITLE} are sensible"
    if channel == "sms" and len(made.text) > MAX_SMS:
        return f"gives {len(made.text)} characters, an SMS takes {MAX_SMS}; shorten it with |clip"
    if channel in _PUSHED:
        size = json_bytes(made.title) + json_bytes(made.text)
    else:
        size = len(made.title.encode()) + max(len(made.text.encode()), len((made.html or "").encode()))
    limit = MAX_BYTES.get(channel, MAX_BYTES["email"])
    return f"gives {size} bytes, {channel} takes {limit}; shorten it with |clip" if size > limit else None


def _explained(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "calls or includes itself without end"
    if isinstance(error, jinja2.TemplateNotFound):
        return f"there is no file {error.message}"
    text = str(error) or type(error).__name__
    called = _MISCALLED.match(text)
    if called is not None and called[1] in USAGE:
        return f"{called[1]} is used as in {USAGE[called[1]]}: {text}"
    if "'None' has no attribute" in text:
        return text + "; write {% if … %} around what may be None, as in {% if store %}{{ store.name }}{% endif %}"
    if isinstance(error, TypeError) and "not supported between" in text:
        return f"{text}: a number is compared with a text; see how each filter is written in the reference"
    if isinstance(error, jinja2.UndefinedError) and "has no attribute" not in text:
        return f"{text}; templates may use {', '.join(NAMES)}, brand, voice and language"
    return text


def _place_of(error: BaseException) -> tuple[str | None, int | None]:
    """The file and line on which ``error`` was raised: Jinja puts its files into the traceback."""
    frames = traceback.extract_tb(error.__traceback__)
    found = next((frame for frame in reversed(frames) if frame.filename.endswith(".j2")), None)
    return (None, None) if found is None else (found.filename, found.lineno)
