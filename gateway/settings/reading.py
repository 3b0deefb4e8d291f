"""Reading the settings, and saying of each wrong one what it wants."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel, ValidationError

from gateway.settings.secret_files import PREFIX, SettingsError
from gateway.settings.tree import CONFIG_FILE, Settings

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


def load(**overrides: Any) -> Settings:
    """The settings as they stand.

    Raises:
        SettingsError: one clear line per wrong setting.
    """
    _refuse_unknown_sections(os.environ)
    try:
        return Settings(**overrides)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{CONFIG_FILE} can't be read: {error}") from error
    except ValidationError as error:
        raise SettingsError("wrong settings: " + "; ".join(_said(each) for each in error.errors())) from error


def _refuse_unknown_sections(environ: Mapping[str, str]) -> None:
    """A misspelt section is no setting at all to what reads the environment, so it would be ignored.

    Names without a section are left alone: Kubernetes puts some of its own there, such as ``KIZASHI_PORT``.
    """
    for name in environ:
        section, dot, _ = name.removeprefix(PREFIX).lower().partition("__")
        if name.startswith(PREFIX) and dot and section not in Settings.model_fields:
            raise SettingsError(f"{name}: {_unknown(section, _names(Settings))}")


def _said(error: ErrorDetails) -> str:
    place = ".".join(str(part) for part in error["loc"])
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        message = _unknown(str(error["loc"][-1]), _names(_section(error["loc"][:-1])))
    return f"{place}: {message}" if place else message


def _unknown(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"no such setting; {f'did you mean {near[0]!r}?' if near else 'docs/reference/settings.md has all of them'}"


def _section(place: tuple[int | str, ...]) -> type[BaseModel] | None:
    """The model of ``("smtp", "bounce_imap")``; ``None`` where that is no section, as within a list."""
    section: Any = Settings
    for part in place:
        field = section.model_fields.get(part)
        section = field.annotation if field is not None else None
        if not (isinstance(section, type) and issubclass(section, BaseModel)):
            return None
    return cast("type[BaseModel]", section)


def _names(section: type[BaseModel] | None) -> list[str]:
    return [field.alias or name for name, field in section.model_fields.items()] if section else []
