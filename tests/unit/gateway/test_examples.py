"""The examples are what they claim to be."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from gateway import settings
from gateway.commands.import_shapes import IMPORTABLE
from gateway.commands.imports import read
from gateway.delivery.means import policy_of

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.mark.parametrize(("noun", "file"), [("customers", "csv"), ("devices", "csv"), ("stores", "json")])
def test_an_example_file_can_be_imported(noun: str, file: str) -> None:
    importable = IMPORTABLE[noun]
    rows = list(read(EXAMPLES / "import" / f"{noun}.{file}"))
    assert len(rows) >= 2
    for row in rows:
        TypeAdapter(importable.id_type).validate_python(row.id)
        importable.shape.model_validate(row.body)


def test_the_example_settings_can_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(EXAMPLES / "kizashi.toml", tmp_path)
    monkeypatch.chdir(tmp_path)
    loaded = settings.load()
    assert loaded.smtp.from_ == "Kizashi <care@example.com>"
    quiet = policy_of(loaded)
    assert str(quiet.quiet_hours_for("offers")) == "20:00-09:00"
    assert quiet.quiet_hours_for("service") is None
