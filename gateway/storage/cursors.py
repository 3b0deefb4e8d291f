"""Cursors of lists: where the page before ended, made opaque so that nobody builds one by hand."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime

import msgspec

_MAX_BIGINT = 2**63 - 1
_WRONG = "cursor: not one that this API gave; take `next` from the page before"


class CursorError(ValueError):
    """The cursor is not one that we gave."""


def encode(*parts: str) -> str:
    """A cursor of ``parts``, the sort key of a page's last row."""
    return base64.urlsafe_b64encode(msgspec.json.encode(parts)).decode().rstrip("=")


def decode(cursor: str, parts: int) -> list[str]:
    """What ``encode`` was given.

    Raises:
        CursorError: ``cursor`` is not one that ``encode`` made of as many parts.
    """
    try:
        found = msgspec.json.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=list[str])
    except (binascii.Error, msgspec.DecodeError, ValueError) as error:
        raise CursorError(_WRONG) from error
    # PostgreSQL's text has no NUL, and no cursor of ours does.
    if len(found) != parts or any("\x00" in part for part in found):
        raise CursorError(_WRONG)
    return found


def moment(part: str) -> datetime:
    """A part that was ``datetime.isoformat()`` with a time zone.

    Raises:
        CursorError: it was not.
    """
    try:
        found = datetime.fromisoformat(part)
    except ValueError as error:
        raise CursorError(_WRONG) from error
    if found.tzinfo is None:
        raise CursorError(_WRONG)
    return found.astimezone(UTC)


def whole_number(part: str) -> int:
    """A part that was a number of PostgreSQL's ``bigint``, not negative.

    Raises:
        CursorError: it was not.
    """
    if not part.isascii() or not part.isdecimal() or int(part) > _MAX_BIGINT:
        raise CursorError(_WRONG)
    return int(part)
