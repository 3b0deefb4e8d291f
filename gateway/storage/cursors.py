"""Cursors of lists: where the page before ended, made opaque so that nobody builds one by hand."""

from __future__ import annotations

import base64
import binascii

import msgspec

from gateway.storage.timeline import CursorError

_WRONG = "cursor: not one that this API gave; take `next` from the page before"


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
