"""``kizashi rules check`` as its users see it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli import app

GOOD = "rules:\n  - id: warm\n    when: {metric: temperature, above: 8}\n    then: {notify: {template: alert}}\n"


def check(path: Path, *options: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["rules", "check", str(path), *options])
    return result.exit_code, result.output


def test_a_good_file_is_fine(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(GOOD)
    code, output = check(file)
    assert code == 0
    assert "1 rule in" in output


@pytest.mark.parametrize(
    ("right", "wrong", "line", "mend"),
    [
        ("above", "abvoe", 3, "above"),
        ("template: alert", "template: alrt", 4, "alert"),
        ("above: 8", "above: warm", 3, "number"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_its_mend(
    right: str, wrong: str, line: int, mend: str, tmp_path: Path
) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(GOOD.replace(right, wrong))
    code, output = check(file)
    assert code == 1
    assert f"rules.yaml:{line}:" in output
    assert mend in output


def test_all_files_of_a_folder_are_one_rule_set(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    (tmp_path / "b.yml").write_text(GOOD)
    code, output = check(tmp_path)
    assert code == 1
    assert "warm" in output, "the same id in two files"


def test_an_empty_folder_says_what_it_wants(tmp_path: Path) -> None:
    code, output = check(tmp_path)
    assert code == 1
    assert "*.yaml" in output


def test_a_missing_file_is_wrong_usage(tmp_path: Path) -> None:
    assert check(tmp_path / "nowhere.yaml")[0] == 2


def test_a_template_of_ones_own_may_be_named(tmp_path: Path) -> None:
    own = tmp_path / "templates"
    (own / "mine").mkdir(parents=True)
    (own / "mine" / "push.en.j2").write_text("{{ device.id }}\n{{ summary }}\n")
    file = tmp_path / "rules.yaml"
    file.write_text(GOOD.replace("template: alert", "template: mine"))
    assert check(file)[0] == 1
    assert check(file, "--templates", str(own))[0] == 0


def test_what_is_probably_not_meant_is_a_warning_and_no_mistake(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("profiles: [{id: chiller, metrics: {temperature: {max: 5}}}]\n" + GOOD)
    code, output = check(file)
    assert code == 0
    assert "warning: " in output
    assert "rules.yaml:4:40: temperature never exceeds 5" in output
    assert "1 rule in" in output
    assert "fine, with 1 warning" in output


def test_a_channel_without_a_text_is_a_warning_that_names_the_file_to_write(tmp_path: Path) -> None:
    (tmp_path / "mine" / "own").mkdir(parents=True)
    (tmp_path / "mine" / "own" / "push.en.j2").write_text("Title\n{{ summary }}")
    file = tmp_path / "rules.yaml"
    file.write_text(GOOD.replace("template: alert", "template: own, channels: [webpush, inbox, sms, email]"))
    code, output = check(file, "--templates", str(tmp_path / "mine"))
    assert code == 0
    assert "template 'own' has no text for sms in any language" in output
    assert "write own/sms.en.j2 in the folder" in output
    assert "write own/email.en.txt.j2 and own/email.en.html.j2 in the folder" in output
    assert "fine, with 2 warnings" in output, "webpush and inbox borrow the text of push"
