"""Secrets from files: ``KIZASHI_SECTION__NAME_FILE`` names one, as container platforms hand them in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic.fields import FieldInfo
from pydantic_settings import PydanticBaseSettingsSource

PREFIX = "KIZASHI_"


class SettingsError(Exception):
    """The settings can't be used; the message names each wrong one and says what it wants."""


class SecretFiles(PydanticBaseSettingsSource):
    """``KIZASHI_TWILIO__AUTH_TOKEN_FILE=/run/secrets/x``: the value is the file's text, without its last line end."""

    suffix: ClassVar[str] = "_FILE"

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Not used: ``__call__`` gives all at once."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """The nested values of all ``…_FILE`` variables."""
        return secrets_from_files(os.environ)


def secrets_from_files(environ: Mapping[str, str]) -> dict[str, Any]:
    """Nested settings read from the files that ``…_FILE`` variables name.

    ``credentials_file`` and ``ca_file`` are settings of their own that end alike; they are left alone.

    Raises:
        SettingsError: a named file can't be read.
    """
    found: dict[str, Any] = {}
    for name, path in environ.items():
        if not names_secret_file(name):
            continue
        keys = name.removeprefix(PREFIX).removesuffix("_FILE").lower().split("__")
        try:
            text = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
        except OSError as error:
            raise SettingsError(f"{name} names {path}, which can't be read: {error.strerror}") from error
        place = found
        for key in keys[:-1]:
            place = place.setdefault(key, {})
        place[keys[-1]] = text
    return found


def names_secret_file(name: str) -> bool:
    """Whether an environment variable names a file with a secret, and is not a setting that ends alike."""
    return name.startswith(PREFIX) and name.endswith("_FILE") and not name.endswith(("CREDENTIALS_FILE", "CA_FILE"))
