"""What can go wrong with a template. The messages are written for whoever wrote it."""

from __future__ import annotations

import msgspec


class TemplateError(Exception):
    """A template cannot be used. Root of this package's errors."""


class UnknownTemplateError(TemplateError):
    """No template has this name."""


class NoTextError(TemplateError):
    """The template has no text for this channel, in the customer's language or any that it falls back to."""


class ContextError(TemplateError):
    """The context holds something that is not JSON, or lacks what every template may rely on."""


class RenderError(TemplateError):
    """The template asked for what is not there, did what it must not do, or took too much."""


class ForbiddenError(RenderError):
    """The template did what no template may do. Raised from within a running template."""


class ExhaustedError(ForbiddenError):
    """The template took more steps, text or time than one message may take."""


class Problem(msgspec.Struct, frozen=True):
    """One fault found by ``Templates.check``."""

    file: str
    line: int | None
    message: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.message}"
