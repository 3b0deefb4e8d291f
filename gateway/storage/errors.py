"""What PostgreSQL says of a statement that failed, less the rows that it quotes: errors are logged, and kept."""

from __future__ import annotations

import re
from typing import Final

import psycopg
from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext

_OF_NO_ROWS: Final = ("08", "0A", "25", "3D", "40", "42", "53", "54", "55", "57", "58")
"""Classes of SQLSTATE (PostgreSQL's appendix A) whose errors quote no row: connection, deadlocks, syntax, resources."""
_OF_A_VALUE: Final = "22"
"""Data exceptions: already the first line quotes what could not be read."""
_QUOTED: Final = re.compile(r'".*"', re.DOTALL)


def hide_rows(engine: Engine) -> None:
    """Have no error of ``engine`` show what was to be written or stands in a row, as ``DETAIL`` and ``CONTEXT`` do."""
    event.listen(engine, "handle_error", _heard)


def _heard(context: ExceptionContext) -> None:
    original, wrapped = context.original_exception, context.sqlalchemy_exception
    if not isinstance(original, psycopg.Error):
        return
    before = str(original)
    without_rows(original)
    if wrapped is not None and wrapped.args:
        wrapped.args = (str(wrapped.args[0]).replace(before, str(original)), *wrapped.args[1:])


def without_rows(error: BaseException | None) -> None:
    """Shorten ``error``, and those that it came of, to what the server says first of all; of a value, without it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, psycopg.Error):
            error.args = (_shortened(error),)
        error = error.__cause__ or error.__context__


def _shortened(error: psycopg.Error) -> str:
    state, primary = error.sqlstate, error.diag.message_primary
    if state is None or primary is None or state.startswith(_OF_NO_ROWS):
        return str(error)
    return _QUOTED.sub('"…"', primary) if state.startswith(_OF_A_VALUE) else primary
