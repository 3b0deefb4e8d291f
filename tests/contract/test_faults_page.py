"""The page on faults names tests, and each of them is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "faults.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::([\w:]+)`")


def named() -> list[tuple[str, str]]:
    """File and test, as the page names them."""
    return sorted(set(NAMED.findall(PAGE.read_text(encoding="utf-8"))))


def held_by(file: Path) -> set[str]:
    """The names of a file's tests, those of a class behind its name."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    found = set()
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{name}" for name in _functions(node.body)}
    return found | _functions(tree.body)


def _functions(body: list[ast.stmt]) -> set[str]:
    functions = (node for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {node.name for node in functions if node.name.startswith("test_")}


@pytest.mark.parametrize(("file", "test"), named())
def test_each_test_that_the_page_names_is_there(file: str, test: str) -> None:
    assert (ROOT / file).is_file()
    assert test in held_by(ROOT / file)


def test_every_row_of_the_page_names_a_test() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    without = [row for row in rows if not row.startswith("| What may go wrong") and not NAMED.search(row)]
    assert len(rows) > len(without) == 0, without


def test_the_look_sees_a_test_that_is_not_there() -> None:
    assert "test_that_nobody_wrote" not in held_by(Path(__file__))
    assert "test_every_row_of_the_page_names_a_test" in held_by(Path(__file__))
