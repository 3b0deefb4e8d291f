"""Writes of which nothing in their transaction reads: nobody waits for their answers, and many become one at its end.

A decision leads to a dozen rows. A statement costs its sender and PostgreSQL more than the row in it, and each answer
that is waited for costs a turn of both. See docs/decisions/0013-fewer-words-with-the-database.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection

UNHEARD: Final = "/* unheard */"
"""Prefix of an update whose row count nobody asks for: in a pipeline its answer is not waited for."""

Write = Callable[[Connection, Sequence[Any]], None]

_KEPT: Final = "kizashi_kept_back"


@contextmanager
def kept_back(connection: Connection) -> Iterator[None]:
    """Have what is given to ``add`` inside written at the end of the block, in one call for each way of writing it.

    To be used inside of a transaction, so that all of it is committed together or not at all.
    """
    kept: dict[Write, list[Any]] = {}
    # Asked for once: where the connection is lost meanwhile, to ask again would be an error in place of that one.
    info = connection.info
    info[_KEPT] = kept
    try:
        yield
    finally:
        info.pop(_KEPT, None)
    for write, items in kept.items():
        write(connection, items)


def add(connection: Connection, write: Write, items: Sequence[Any]) -> None:
    """Call ``write`` with ``items``: at the end of the ``kept_back`` block around, together with others', or now."""
    kept: dict[Write, list[Any]] | None = connection.info.get(_KEPT)
    if kept is None:
        write(connection, items)
    else:
        kept.setdefault(write, []).extend(items)
