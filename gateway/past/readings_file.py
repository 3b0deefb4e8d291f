"""A CSV or Parquet file of past readings, read in batches: memory stays bounded however long it is."""

from __future__ import annotations

import contextlib
import csv
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from devices.event import DeviceSaid, Millis
from gateway.past import columns
from gateway.past.in_order import in_order
from gateway.past.past import Chunk, PastError, SetAside
from gateway.past.readings import RECEIVED, TS, Cells, Header, Rows, header

BLOCK_BYTES: Final = 1 << 20
BATCH_ROWS: Final = 32_768
ENDINGS: Final = (".csv", ".parquet", ".pq")
_ABSENT: Final = ["", "NaN", "nan", "NULL", "null"]
"""Cells of a CSV file that hold nothing."""


class Batch(NamedTuple):
    """Some rows, and the number of each one's line by its place."""

    rows: Any
    line: Callable[[int], int]


class ReadingsFile(ABC):
    """One file. It is looked through once for its order, and read once more."""

    partitions = 1
    makes_ticks = True
    whole = False

    def __init__(self, path: Path, since: Millis | None = None, until: Millis | None = None) -> None:
        """Open it.

        Raises:
            PastError: it can't be read, or has no columns of readings.
        """
        self.path = path
        self.set_aside = SetAside()
        self.remarks: list[str] = []
        self.head: Header = header(str(path), self._names())
        self._since, self._until = since, until

    def chunks(self) -> Iterator[Chunk]:
        """All readings in order of receipt.

        Raises:
            PastError: the file can't be read to its end.
        """
        with self._clear_errors():
            count, ordered = self._survey()
            if not ordered:
                self.remarks.append(f"{self.path} is not in order of time: it was put in order first")
            rows = Rows(str(self.path), self.head, self._convert, self.set_aside, self._since, self._until)
            done, batches = 0, self._batches(None)

            def events() -> Iterator[list[DeviceSaid]]:
                nonlocal done
                for batch in batches:
                    yield rows.events(batch.rows, batch.line)
                    done += batch.rows.num_rows

            for seq, found in enumerate(events() if ordered else in_order(events()), start=1):
                yield Chunk(0, seq, list(found), min(done / max(count, 1), 1.0))

    def _survey(self) -> tuple[int, bool]:
        """How many rows there are, and whether the batches follow each other in order of receipt."""
        count, newest, ordered = 0, 0, True
        names = [TS, RECEIVED] if self.head.received else [TS]
        for batch in self._batches(names):
            count += batch.rows.num_rows
            seen = [columns.times(batch.rows.column(name)) for name in names]
            moments = [moment for cells in zip(*seen, strict=True) if type(moment := cells[-1] or cells[0]) is int]
            if moments:
                ordered = ordered and min(moments) >= newest
                newest = max(newest, *moments)
        self.set_aside.count = 0
        self.set_aside.notes.clear()
        return count, ordered

    @contextlib.contextmanager
    def _clear_errors(self) -> Iterator[None]:
        try:
            yield
        except columns.NoSuchColumnError as error:
            raise PastError(f"{self.path}: a column {error}") from error
        except (pa.ArrowException, OSError) as error:
            raise PastError(f"{self.path} can't be read: {str(error).splitlines()[0]}") from error

    @abstractmethod
    def _names(self) -> list[str]:
        """The columns."""

    @abstractmethod
    def _batches(self, only: list[str] | None) -> Iterator[Batch]:
        """The rows, with all columns or some."""

    @abstractmethod
    def _convert(self, column: Any) -> Cells:
        """A metric's cells."""


class CsvFile(ReadingsFile):
    """Comma-separated (or semicolons, or tabs), with a line of column names."""

    def _names(self) -> list[str]:
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as file:
                first = file.readline()
        except (OSError, UnicodeDecodeError) as error:
            raise PastError(f"{self.path} can't be read: {error}") from error
        self._delimiter = next((mark for mark in ",;\t" if mark in first), ",")
        return [name.strip() for name in next(csv.reader([first], delimiter=self._delimiter), [])]

    def _batches(self, only: list[str] | None) -> Iterator[Batch]:
        names = list(self.head.names)
        skipped: list[int] = []

        def skip(row: Any) -> str:
            skipped.append(row.number)
            many = f"{row.actual_columns} cells, the first line has {row.expected_columns}"
            self.set_aside.add(f"{self.path}:{row.number}", many)
            return "skip"

        reader = pyarrow.csv.open_csv(
            self.path,
            read_options=pyarrow.csv.ReadOptions(
                use_threads=False, block_size=BLOCK_BYTES, column_names=names, skip_rows=1
            ),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=self._delimiter, invalid_row_handler=skip, ignore_empty_lines=False
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                include_columns=only or [],
                strings_can_be_null=True,
                null_values=_ABSENT,
            ),
        )
        first = 2
        for rows in reader:
            yield Batch(rows, _line_numbers(first, skipped))
            first += rows.num_rows

    def _convert(self, column: Any) -> Cells:
        return columns.from_text(column)


def _line_numbers(first: int, skipped: list[int]) -> Callable[[int], int]:
    """A row's line by its place, when ``first`` counts the sound rows before and ``skipped`` names the other lines."""

    def line(place: int) -> int:
        number = first + place
        while (shifted := first + place + bisect_right(skipped, number)) != number:
            number = shifted
        return number

    return line


class ParquetFile(ReadingsFile):
    """Parquet, with a column for each metric."""

    def _names(self) -> list[str]:
        with self._clear_errors():
            self._file = pyarrow.parquet.ParquetFile(self.path)
            return list(self._file.schema_arrow.names)

    def _batches(self, only: list[str] | None) -> Iterator[Batch]:
        first = 1
        for rows in self._file.iter_batches(batch_size=BATCH_ROWS, columns=only or list(self.head.names)):
            yield Batch(rows, _from(first))
            first += rows.num_rows

    def _convert(self, column: Any) -> Cells:
        return columns.values(column)


def _from(first: int) -> Callable[[int], int]:
    return lambda place: first + place


def readings_file(path: Path, since: Millis | None = None, until: Millis | None = None) -> ReadingsFile:
    """The file, by its ending.

    Raises:
        PastError: it is neither CSV nor Parquet, or can't be read.
    """
    match path.suffix.lower():
        case ".csv":
            return CsvFile(path, since, until)
        case ".parquet" | ".pq":
            return ParquetFile(path, since, until)
        case other:
            raise PastError(f"{path}: {other or 'a file without an ending'} is not read; use {', '.join(ENDINGS)}")
