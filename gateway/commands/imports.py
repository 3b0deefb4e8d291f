"""``kizashi import customers|devices|stores FILE``: all of the file, or nothing where one line is wrong."""

from __future__ import annotations

import csv
import difflib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import typer
from pydantic import BaseModel, TypeAdapter, ValidationError
from rich.progress import track
from sqlalchemy import Connection

from gateway.commands.stack import database_connection
from gateway.commands.terminal import fail, succeed

if TYPE_CHECKING:
    from gateway.commands.import_shapes import Importable

MAX_SHOWN = 20
MAX_NAMED = 5
LISTS = {"tags", "preferred_channels"}
"""CSV cells of these columns hold several values, separated by ``;``."""


class Row(NamedTuple):
    """One thing to import and where it stands in the file."""

    place: str
    id: str
    body: dict[str, Any]


class UnreadableError(Exception):
    """The file is not in a form that we read; the message names the place."""


def run(noun: str, path: Path) -> None:
    """Read, check everything, then write everything in one transaction."""
    from gateway.commands.import_shapes import IMPORTABLE

    importable = IMPORTABLE[noun]
    try:
        rows = list(read(path))
    except UnreadableError as error:
        fail(str(error))
    checked, problems = _check(rows, importable)
    if problems:
        for problem in problems[:MAX_SHOWN]:
            typer.echo(problem, err=True)
        more = f" (the first {MAX_SHOWN} are shown)" if len(problems) > MAX_SHOWN else ""
        fail(f"{len(problems)} problem{'' if len(problems) == 1 else 's'}{more}: nothing was imported")
    with database_connection() as connection:
        refused = _write(connection, checked, importable, noun)
    succeed(f"{len(checked)} {noun} imported from {path}")
    if refused:
        typer.echo(_kept(refused))


def read(path: Path) -> Iterator[Row]:
    """Rows of a ``.csv``, ``.jsonl``/``.ndjson`` or ``.json`` file (an object by id, or a list with ``id`` in each).

    Raises:
        UnreadableError: it is none of these; the message names the line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableError(f"{path}: {error}") from error
    match path.suffix.lower():
        case ".csv":
            yield from _from_csv(path, text)
        case ".jsonl" | ".ndjson":
            for number, line in enumerate(text.splitlines(), start=1):
                if line.strip():
                    yield _row(f"{path}:{number}", _json(f"{path}:{number}", line))
        case ".json":
            yield from _from_json(path, _json(str(path), text))
        case other:
            raise UnreadableError(
                f"{path}: {other or 'a file without an ending'} is not read; use .json, .jsonl or .csv"
            )


def _from_json(path: Path, document: Any) -> Iterator[Row]:
    if isinstance(document, dict):
        for key, body in document.items():
            place = f"{path}: {key}"
            if not isinstance(body, dict):
                raise UnreadableError(f"{place}: should be an object")
            yield Row(place, key, {k: v for k, v in body.items() if k != "id"})
    elif isinstance(document, list):
        for number, body in enumerate(document, start=1):
            yield _row(f"{path}: item {number}", body)
    else:
        raise UnreadableError(f"{path}: should be an object by id, or a list of objects with an id each")


def _from_csv(path: Path, text: str) -> Iterator[Row]:
    reader = csv.DictReader(io.StringIO(text))
    if "id" not in (reader.fieldnames or ()):
        raise UnreadableError(f"{path}:1: needs a column `id`; the header has {', '.join(reader.fieldnames or ())}")
    for cells in reader:
        if None in cells:
            raise UnreadableError(f"{path}:{reader.line_num}: more cells than the header has columns")
        yield _row(f"{path}:{reader.line_num}", nested(cells))


def nested(cells: dict[str, str | None]) -> dict[str, Any]:
    """A CSV row as the API's shape: ``addresses.sms`` is nested, lists are split at ``;``, an empty cell is absent."""
    body: dict[str, Any] = {}
    for column, cell in cells.items():
        if cell is None or cell == "":
            continue
        *outer, last = column.split(".")
        place = body
        for key in outer:
            place = place.setdefault(key, {})
        is_list = column in LISTS or column == "addresses.push"
        place[last] = [part.strip() for part in cell.split(";") if part.strip()] if is_list else _scalar(cell)
    return body


def _scalar(cell: str) -> Any:
    """Objects and booleans are written as JSON in a cell; everything else is text."""
    if cell in {"true", "false"} or cell.startswith(("{", "[")):
        try:
            return json.loads(cell)
        except json.JSONDecodeError:
            return cell
    return cell


def _json(place: str, text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise UnreadableError(f"{place}: not JSON: {error.msg} at line {error.lineno} column {error.colno}") from error


def _row(place: str, body: Any) -> Row:
    if not isinstance(body, dict) or not isinstance(body.get("id"), str):
        raise UnreadableError(f"{place}: needs an `id` (text)")
    return Row(place, body["id"], {k: v for k, v in body.items() if k != "id"})


def _check(rows: list[Row], importable: Importable) -> tuple[list[tuple[str, BaseModel]], list[str]]:
    checked: list[tuple[str, BaseModel]] = []
    problems: list[str] = []
    unknown: dict[str, list[Row]] = {}
    identity = TypeAdapter(importable.id_type)
    for row in rows:
        try:
            checked.append((identity.validate_python(row.id), importable.shape.model_validate(row.body)))
        except ValidationError as error:
            for e in error.errors():
                if e["type"] == "extra_forbidden":
                    unknown.setdefault(".".join(str(part) for part in e["loc"]), []).append(row)
                else:
                    problems.append(_problem(row, e["loc"], e["msg"].removeprefix("Value error, ")))
    return checked, [_unknown(field, rows, importable.shape) for field, rows in unknown.items()] + problems


def _problem(row: Row, where: tuple[int | str, ...], message: str) -> str:
    field = ".".join(str(part) for part in where) or "id"
    return f"{row.place}: {row.id}: {field}: {message}"


def _unknown(field: str, rows: list[Row], shape: type[BaseModel]) -> str:
    """Once for a whole column, for it is one mistake."""
    *outer, last = field.split(".")
    known = [] if outer else list(shape.model_fields)
    near = difflib.get_close_matches(last, known, n=1, cutoff=0.6)
    mend = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(known)}" if known else ""
    more = f" (in {len(rows)} rows)" if len(rows) > 1 else ""
    return f"{rows[0].place}: {rows[0].id}: {field}: no such field{mend}{more}"


def _write(
    connection: Connection, rows: list[tuple[str, BaseModel]], importable: Importable, noun: str
) -> dict[str, str]:
    """Write all of them; returns by id what does not hold."""
    refused = {}
    for identity, body in track(rows, description=f"Importing {noun}", disable=len(rows) < MAX_SHOWN):
        if said := importable.write(connection, identity, body):
            refused[identity] = said
    return refused


def _kept(refused: dict[str, str]) -> str:
    named = "; ".join(f"{identity} ({said})" for identity, said in list(refused.items())[:MAX_NAMED])
    more = f" and {len(refused) - MAX_NAMED} more" if len(refused) > MAX_NAMED else ""
    keep = "customer keeps" if len(refused) == 1 else "customers keep"
    return (
        f"{len(refused)} {keep} what they took back themselves (STOP, unsubscribed, complained): {named}{more}\n"
        "Where they have agreed again since then, say when in consents.at."
    )
