"""Reading files of customers, devices and stores."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from gateway.commands.import_shapes import CustomerRow
from gateway.commands.imports import UnreadableError, nested, read


def test_a_csv_row_becomes_the_shape_of_the_api() -> None:
    cells: dict[str, str | None] = {
        "id": "c1",
        "name": "Aiko",
        "addresses.sms": "+81901",
        "addresses.push": "t1; t2",
        "preferred_channels": "push;sms",
        "consents.offers.push": "true",
        "attributes.tier": "",
    }
    assert nested(cells) == {
        "id": "c1",
        "name": "Aiko",
        "addresses": {"sms": "+81901", "push": ["t1", "t2"]},
        "preferred_channels": ["push", "sms"],
        "consents": {"offers": {"push": True}},
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.csv", "id,model\nd1,chiller\n"),
        ("x.jsonl", '{"id": "d1", "model": "chiller"}\n\n'),
        ("x.json", '[{"id": "d1", "model": "chiller"}]'),
        ("y.json", '{"d1": {"model": "chiller"}}'),
    ],
)
def test_each_form_gives_the_same_row(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    assert [(row.id, row.body) for row in read(tmp_path / name)] == [("d1", {"model": "chiller"})]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("x.csv", "name\nd1\n", "x.csv:1: needs a column `id`"),
        ("x.csv", "id\nd1,extra\n", "x.csv:2: more cells"),
        ("x.jsonl", '{"id": "d1"}\n{oops\n', "x.jsonl:2: not JSON"),
        ("x.jsonl", '{"model": "m"}\n', "x.jsonl:1: needs an `id`"),
        ("x.json", '"text"', "should be an object by id"),
        ("x.txt", "", ".txt is not read"),
    ],
)
def test_what_can_not_be_read_is_named_with_its_line(name: str, text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UnreadableError) as error:
        list(read(tmp_path / name))
    assert says in str(error.value)


def test_one_wrong_row_keeps_all_out_and_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "customers.csv"
    file.write_text("id,time_zone,addresses.sms\nc1,Asia/Tokyo,+819012345678\nc2,Mars/Base,12\n")
    result = CliRunner().invoke(app, ["import", "customers", str(file)])
    assert result.exit_code == 1
    assert "customers.csv:3: c2: time_zone:" in result.output
    assert "customers.csv:3: c2: addresses.sms:" in result.output
    assert "nothing was imported" in result.output


def test_without_a_running_gateway_it_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stores.json").write_text('{"s1": {"geofence": {"lat": 35.6, "lon": 139.7, "radius": 80}}}')
    result = CliRunner().invoke(app, ["import", "stores", "stores.json"])
    assert result.exit_code == 1
    assert "kizashi serve" in result.output


def test_a_column_that_is_none_of_ours_is_told_once_with_the_one_that_is_meant(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("id,nmae,colour,time_zone\na,x,red,Tokio\nb,y,blue,Asia/Tokyo\n", encoding="utf-8")
    done = CliRunner().invoke(app, ["import", "customers", str(tmp_path / "c.csv")])
    assert done.exit_code == 1
    told = [line.partition("c.csv")[2] for line in done.output.splitlines() if "c.csv:" in line]
    assert told == [
        ":2: a: nmae: no such field; did you mean name? (in 2 rows)",
        f":2: a: colour: no such field; there are {', '.join(CustomerRow.model_fields)} (in 2 rows)",
        ":2: a: time_zone: not a time zone; write it as in Asia/Tokyo or Europe/Berlin",
    ]
    assert "3 problems: nothing was imported" in done.output
