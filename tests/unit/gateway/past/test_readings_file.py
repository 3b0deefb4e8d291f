"""CSV and Parquet files of past readings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from devices.event import DeviceSaid, Location, Telemetry
from gateway.past import in_order as ordering
from gateway.past import readings_file as reading
from gateway.past.past import PastError
from gateway.past.readings_file import ReadingsFile, readings_file

T0 = 1_770_000_000_000

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str) -> Path:
        path = tmp_path / "past.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return written


def parquet(tmp_path: Path, columns: dict[str, Any]) -> Path:
    path = tmp_path / "past.parquet"
    pyarrow.parquet.write_table(pa.table(columns), path)
    return path


def events(file: ReadingsFile) -> list[DeviceSaid]:
    found: list[DeviceSaid] = []
    for chunk in file.chunks():
        assert all(isinstance(event, DeviceSaid) for event in chunk.events)
        found += chunk.events  # type: ignore[arg-type]
    return found


def values(file: ReadingsFile) -> list[dict[str, Any]]:
    return [event.values for event in events(file) if isinstance(event, Telemetry)]


def test_a_row_is_a_reading(write: Write) -> None:
    file = readings_file(write(f"ts,device_id,temperature,door\n{T0},chiller-7,5.5,closed\n{T0 + 1},chiller-8,6,\n"))
    assert events(file) == [
        Telemetry("chiller-7", T0, T0, {"temperature": 5.5, "door": "closed"}),
        Telemetry("chiller-8", T0 + 1, T0 + 1, {"temperature": 6}),
    ]
    assert file.set_aside.count == 0


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_the_mark_between_cells_is_found_out(write: Write, mark: str) -> None:
    lines = ["ts,device_id,t,u", f"{T0},d,5,6"]
    assert values(readings_file(write("\n".join(line.replace(",", mark) for line in lines)))) == [{"t": 5, "u": 6}]


@pytest.mark.parametrize(
    "ts",
    [str(T0), "2026-02-02T02:40:00Z", "2026-02-02T11:40:00+09:00", "2026-02-02 02:40:00.000Z", "2026-02-02T02:40Z"],
)
def test_times_are_ms_or_iso_8601(write: Write, ts: str) -> None:
    (event,) = events(readings_file(write(f"ts,device_id,t\n{ts},d,5\n")))
    assert event.at == T0


def test_times_of_both_kinds_may_be_mixed(write: Write) -> None:
    text = f"ts,device_id,t\n{T0},d,5\n2026-02-02T02:40:01.5Z,d,6\n1770000002000.4,d,7\n"
    assert [event.at - T0 for event in events(readings_file(write(text)))] == [0, 1500, 2000]


def test_a_cell_is_a_number_a_truth_value_a_text_or_nothing(write: Write) -> None:
    cells = ["5", "5.5", "true", "FALSE", "open", "-1e3", "", "NaN", "null"]
    text = "ts,device_id,t,always\n" + "".join(f"{T0 + n},d,{cell},1\n" for n, cell in enumerate(cells))
    found = [each.get("t") for each in values(readings_file(write(text)))]
    assert found == [5, 5.5, True, False, "open", -1000.0, None, None, None]
    assert type(found[2]) is bool


def test_a_row_without_any_value_is_no_reading(write: Write) -> None:
    file = readings_file(write(f"ts,device_id,t\n{T0},d,\n{T0},d,1\n"))
    assert len(events(file)) == 1
    assert file.set_aside.count == 0


def test_lat_and_lon_are_a_position(write: Write) -> None:
    text = f"ts,device_id,lat,lon,accuracy,t\n{T0},d,35.1,139.2,8,5\n{T0 + 1},d,35.1,139.2,,\n{T0 + 2},d,,,,6\n"
    assert events(readings_file(write(text))) == [
        Location("d", T0, T0, 35.1, 139.2, 8.0),
        Telemetry("d", T0, T0, {"t": 5}),
        Location("d", T0 + 1, T0 + 1, 35.1, 139.2, 0.0),
        Telemetry("d", T0 + 2, T0 + 2, {"t": 6}),
    ]


def test_bad_lines_are_named_and_set_aside(write: Write) -> None:
    lines = [
        "ts,device_id,t,lat,lon",
        f"{T0},d,1,,",
        f"{T0},d,1",
        "",
        "soon,d,2,,",
        f"{T0},,3,,",
        ",d,3,,",
        f"{T0},a/b,4,,",
        "1770000000,d,5,,",
        f"{T0},d,inf,,",
        f"{T0},d,6,95,10",
        f"{T0},d,{'x' * 1025},,",
        f"{T0},d,7,,",
    ]
    file = readings_file(write("\n".join(lines) + "\n"))
    assert values(file) == [{"t": 1}, {"t": 7}]
    notes = "\n".join(file.set_aside.notes)
    assert file.set_aside.count == 9
    for number, word in (
        (3, "3 cells, the first line has 5"), (5, "'soon' is no time"), (6, "no device_id"), (7, "no ts"),
        (8, "cannot name a device"), (9, "multiply seconds by 1000"), (10, "infinity"), (11, "no position"),
        (12, "1025 characters"),
    ):  # fmt: skip
        assert any(f"past.csv:{number}:" in note and word in note for note in file.set_aside.notes), (number, notes)


def test_line_numbers_hold_over_many_blocks(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", 4096)
    lines = [f"{T0 + n},d,{n}" for n in range(2000)]
    lines[500] = f"{T0 + 500},d"
    lines[1500] = "never,d,1"
    file = readings_file(write("\n".join(["ts,device_id,t", *lines]) + "\n"))
    assert len(events(file)) == 1998
    assert [note.split(": ")[0].rpartition(":")[2] for note in sorted(file.set_aside.notes)] == ["1502", "502"]


@pytest.mark.parametrize(
    ("head", "word"),
    [
        ("time,device_id,t", "no column 'ts'"),
        ("ts,device,t", "no column 'device_id'"),
        ("ts,device_id", "no metric"),
        ("ts,device_id,t,t", "'t' stands twice"),
        ("ts,device_id,", "cannot name a metric"),
    ],
)
def test_a_wrong_head_is_one_clear_error(write: Write, head: str, word: str) -> None:
    with pytest.raises(PastError, match=word) as caught:
        readings_file(write(f"{head}\n{T0},d,1\n"))
    assert "past.csv" in str(caught.value)


def test_an_empty_file_and_other_endings_are_refused(write: Write, tmp_path: Path) -> None:
    with pytest.raises(PastError, match="no column 'ts'"):
        readings_file(write(""))
    with pytest.raises(PastError, match="is not read; use"):
        readings_file(tmp_path / "past.xlsx")
    with pytest.raises(PastError, match="can't be read"):
        readings_file(tmp_path / "nowhere.csv")
    with pytest.raises(PastError, match="can't be read"):
        readings_file(tmp_path / "nowhere.parquet")
    other = tmp_path / "text.parquet"
    other.write_text("no parquet")
    with pytest.raises(PastError, match="can't be read"):
        readings_file(other)


def test_only_the_wanted_time_is_read(write: Write) -> None:
    text = "ts,device_id,t\n" + "".join(f"{T0 + n},d,{n}\n" for n in range(10))
    assert [each["t"] for each in values(readings_file(write(text), T0 + 3, T0 + 6))] == [3, 4, 5]


def test_a_file_device_by_device_is_put_in_order(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", 4096)
    monkeypatch.setattr(ordering, "RUN_EVENTS", 300)
    text = "ts,device_id,t\n" + "".join(f"{T0 + n},{device},{n}\n" for device in "abc" for n in range(500))
    file = readings_file(write(text))
    found = events(file)
    assert [(event.at, event.device_id) for event in found] == [(T0 + n, d) for n in range(500) for d in "abc"]
    assert "put in order" in file.remarks[0]


def test_small_disorder_is_mended_in_passing(write: Write) -> None:
    text = f"ts,device_id,t\n{T0 + 5},a,1\n{T0},b,2\n{T0 + 5},c,3\n"
    file = readings_file(write(text))
    assert [event.device_id for event in events(file)] == ["b", "a", "c"]
    assert not file.remarks


def test_received_at_says_what_came_late(write: Write) -> None:
    text = f"ts,device_id,received_at,t\n{T0},a,{T0 + 9000},1\n{T0 + 1000},b,,2\n"
    late, prompt = sorted(events(readings_file(write(text))), key=lambda event: event.device_id)
    assert (late.at, late.received_at) == (T0, T0 + 9000)
    assert (prompt.at, prompt.received_at) == (T0 + 1000, T0 + 1000)
    assert [event.device_id for event in events(readings_file(write(text)))] == ["b", "a"]


def test_progress_rises_to_the_end(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", 4096)
    file = readings_file(write("ts,device_id,t\n" + "".join(f"{T0 + n},d,{n}\n" for n in range(2000))))
    progress = [chunk.progress for chunk in file.chunks()]
    assert len(progress) > 5
    assert progress == sorted(progress)
    assert progress[-1] <= 1.0


def test_parquet_has_columns_of_their_own_kinds(tmp_path: Path) -> None:
    moments = [datetime(2026, 2, 2, 2, 40, second, tzinfo=UTC) for second in range(3)]
    path = parquet(
        tmp_path,
        {
            "ts": pa.array(moments, pa.timestamp("us", "UTC")),
            "device_id": pa.array(["a", "b", "a"]).dictionary_encode(),
            "t": pa.array([1.5, float("nan"), None]),
            "n": pa.array([1, 2, None], pa.int32()),
            "door": pa.array([True, None, False]),
            "mode": pa.array(["eco", None, "5"]),
        },
    )
    found = events(readings_file(path))
    assert [event.at - T0 for event in found] == [0, 1000, 2000]
    assert values(readings_file(path)) == [
        {"t": 1.5, "n": 1, "door": True, "mode": "eco"},
        {"n": 2},
        {"door": False, "mode": "5"},
    ]


@pytest.mark.parametrize(
    "ts",
    [
        pa.array([T0]),
        pa.array([float(T0)]),
        pa.array(["2026-02-02T02:40:00Z"]),
        pa.array([datetime(2026, 2, 2, 2, 40)], pa.timestamp("s")),  # noqa: DTZ001 - without a zone on purpose
        pa.array([T0 * 1_000_000], pa.timestamp("ns", "Asia/Tokyo")),
    ],
    ids=["int", "float", "text", "naive", "nanoseconds"],
)
def test_parquet_times_come_in_many_kinds(tmp_path: Path, ts: Any) -> None:
    (event,) = events(readings_file(parquet(tmp_path, {"ts": ts, "device_id": ["d"], "t": [1]})))
    assert event.at == T0


def test_parquet_rows_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    columns = {"ts": [T0, None, T0], "device_id": ["d", "d", None], "t": [float("inf"), 1.0, 2.0]}
    file = readings_file(parquet(tmp_path, columns))
    assert events(file) == []
    assert [note.rpartition("past.parquet:")[2][:1] for note in file.set_aside.notes] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("columns", "word"),
    [
        ({"ts": [True], "device_id": ["d"], "t": [1]}, "no time"),
        ({"ts": [T0], "device_id": [1.5], "t": [1]}, "no name of a device"),
        ({"ts": [T0], "device_id": ["d"], "t": [[1]]}, "column 't' holds list"),
        ({"ts": [T0], "device": ["d"], "t": [1]}, "no column 'device_id'"),
    ],
)
def test_parquet_of_other_things_is_one_clear_error(tmp_path: Path, columns: dict[str, Any], word: str) -> None:
    with pytest.raises(PastError, match=word):
        events(readings_file(parquet(tmp_path, columns)))


def test_parquet_ids_may_be_numbers(tmp_path: Path) -> None:
    (event,) = events(readings_file(parquet(tmp_path, {"ts": [T0], "device_id": [17], "t": [1]})))
    assert event.device_id == "17"
