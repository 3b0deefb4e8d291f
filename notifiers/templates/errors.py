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


class Problem(msgspec.Struct, frozen=True):
    """One fault found by ``Templates.check``."""

    file: str
    line: int | None
    message: str
    undefined: bool = False
    """The run met a name that was not there."""

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.message}"


class RenderError(TemplateError):
    """The template is broken, asked for what is not there, did what it must not do, or took too much."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class ForbiddenError(TemplateError):
    """Raised within a running template that does what no template may do; the cause of a ``RenderError``."""


class ExhaustedError(ForbiddenError):
    """The template took more steps, text or time than one message may take."""
