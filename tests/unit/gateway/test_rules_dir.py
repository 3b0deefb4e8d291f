"""Rule files on disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway import rules_dir
from gateway.rules_dir import NoRulesError


def test_a_folder_is_its_yaml_files_without_what_editors_leave(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", "notes.txt", ".b.yaml", "b.yaml~"):
        (tmp_path / name).write_text(f"# {name}\n")
    (tmp_path / ".#b.yaml").symlink_to("somebody@somewhere:1")
    assert list(rules_dir.read(tmp_path)) == ["a.yml", "b.yaml"]
    assert {trace.name for trace in rules_dir.traces(tmp_path)} == {"a.yml", "b.yaml"}


def test_every_kind_of_change_leaves_another_trace(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("rules: []\n")
    seen = [rules_dir.traces(tmp_path)]
    file.write_text("rules:  []\n")
    seen.append(rules_dir.traces(tmp_path))
    os.utime(file, (1, 1))
    seen.append(rules_dir.traces(tmp_path))
    replacement = tmp_path / "a.yaml.new"
    replacement.write_text("rules:  []\n")
    os.utime(replacement, (1, 1))
    replacement.rename(file)
    seen.append(rules_dir.traces(tmp_path))
    file.rename(tmp_path / "b.yaml")
    seen.append(rules_dir.traces(tmp_path))
    (tmp_path / "b.yaml").unlink()
    seen.append(rules_dir.traces(tmp_path))
    tmp_path.rmdir()
    seen.append(rules_dir.traces(tmp_path))
    assert len(set(seen[:-1])) == 6
    assert seen[-1] == frozenset()


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoRulesError, match=r"no \*\.yaml files"):
        rules_dir.read(tmp_path)
    with pytest.raises(NoRulesError, match=r"gone\.yaml: No such file"):
        rules_dir.read(tmp_path / "gone.yaml")
    (tmp_path / "latin.yaml").write_bytes("rules: [\xe9]".encode("latin-1"))
    with pytest.raises(NoRulesError, match=r"latin\.yaml: not UTF-8"):
        rules_dir.read(tmp_path)


def test_more_than_a_record_of_the_log_can_carry_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("# " + "x" * rules_dir.MAX_BYTES)
    with pytest.raises(NoRulesError, match="at most 400000"):
        rules_dir.read(tmp_path)


def test_files_that_change_while_they_are_read_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("rules: [] # half")
    as_it_was = Path.read_text

    def read_text(path: Path, encoding: str | None = None) -> str:
        found = as_it_was(path, encoding=encoding)
        if "half" in found:
            file.write_text("rules: [] # all of it")
        return found

    monkeypatch.setattr(Path, "read_text", read_text)
    assert rules_dir.read(tmp_path) == {"a.yaml": "rules: [] # all of it"}


def test_a_folder_in_the_place_of_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "sub.yaml").mkdir()
    with pytest.raises(NoRulesError, match=r"sub\.yaml: Is a directory"):
        rules_dir.read(tmp_path)
