"""The documentation follows the code: every catalog entry has its page and its test, every link leads somewhere."""

from __future__ import annotations

import importlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from typer.main import get_command

from devices.decoders.catalog import DECODERS
from gateway.cli import app
from notifiers.catalog import CATALOG
from rules.condition import Operator
from rules.conditions.catalog import OPERATORS

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
COMMAND_LINE = (REFERENCE / "command-line.md").read_text(encoding="utf-8")
REGISTRIES = [".".join(host) for host in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"))]
"""In parts, so that this file does not find itself."""
ANYBODYS_PATH = re.compile(r"/[\w.-]+(/kizashi)?")
"""Where a checkout may stand, and a page may speak of: /build, /data, /opt/kizashi."""
SOMEBODYS_PATH = re.compile(r"(?<![\w.~-])/(?:root|home/[a-z_]\w*|Users/[a-z_]\w*)/", re.IGNORECASE)


def is_page(page: Path) -> bool:
    """Whether it is there and says something."""
    return page.is_file() and len(page.read_text(encoding="utf-8").splitlines()) > 3


def has_tests(file: Path) -> bool:
    """Whether it is there and holds a test."""
    return file.is_file() and "def test_" in file.read_text(encoding="utf-8")


def operators_by_file() -> dict[str, Operator]:
    """Each file of ``rules/conditions`` with the operator that it brings."""
    files = {file.stem for file in (ROOT / "rules" / "conditions").glob("*.py")} - {"__init__", "catalog"}
    return {stem: importlib.import_module(f"rules.conditions.{stem}").OPERATOR for stem in sorted(files)}


@pytest.mark.parametrize("name", OPERATORS)
def test_every_operator_has_its_page_and_its_test(name: str) -> None:
    assert is_page(REFERENCE / "rules" / f"{name}.md")
    (module,) = (stem for stem, operator in operators_by_file().items() if operator is OPERATORS[name])
    assert has_tests(ROOT / "tests" / "unit" / "rules" / "conditions" / f"test_{module}.py")


@pytest.mark.parametrize("name", [decoder.name for decoder in DECODERS])
def test_every_decoder_has_its_page_and_its_test(name: str) -> None:
    assert is_page(REFERENCE / "decoders" / f"{name}.md")
    assert any(has_tests(file) for file in (ROOT / "tests" / "unit" / "devices").rglob(f"test_{name}.py"))


@pytest.mark.parametrize("name", CATALOG)
def test_every_channel_has_its_page_and_its_tests(name: str) -> None:
    assert is_page(REFERENCE / "notifiers" / f"{name}.md")
    for module in ("notifier", "outcomes"):
        assert has_tests(ROOT / "tests" / "unit" / "notifiers" / name / f"test_{module}.py")


def test_no_operator_or_channel_lies_about_that_no_catalog_names() -> None:
    assert {operator.name for operator in operators_by_file().values()} == set(OPERATORS)
    folders = {file.parent.name for file in (ROOT / "notifiers").glob("*/notifier.py")}
    assert folders == set(CATALOG)


def test_no_reference_page_of_an_operator_or_channel_outlives_it() -> None:
    pages = {page.stem for page in (REFERENCE / "rules").glob("*.md")} - {"README"}
    assert pages == set(OPERATORS)
    assert {page.stem for page in (REFERENCE / "notifiers").glob("*.md")} - {"README", "operations"} == set(CATALOG)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    broken = [target for target in links(page.read_text(encoding="utf-8")) if not leads_somewhere(page, target)]
    assert not broken, f"{page.relative_to(ROOT)}: {broken}"


def links(text: str) -> list[str]:
    """The targets of a page's links and images that stay in the repository; what stands in code is none."""
    prose = re.sub(r"`[^`\n]*`", "", re.sub(r"(?ms)^ *```.*?^ *```", "", text))
    targets = re.findall(r"\]\(\s*<?([^)>\s]+)>?(?:\s+\"[^\"]*\")?\s*\)", prose)
    targets += re.findall(r"(?m)^ *\[[^\]]+\]:\s*(\S+)", prose) + re.findall(r"(?:src|href)=\"([^\"]+)\"", prose)
    return [target for target in targets if not re.match(r"[a-z][a-z0-9+.-]*:", target)]


def leads_somewhere(page: Path, target: str) -> bool:
    """Whether the file is there, and the heading in it."""
    path, _, anchor = target.partition("#")
    file = page if not path else (page.parent / unquote(path)).resolve()
    if not file.exists() or not file.is_relative_to(ROOT):
        return False
    return not anchor or file.suffix != ".md" or anchor in anchors(file.read_text(encoding="utf-8"))


def anchors(text: str) -> set[str]:
    """Headings as the usual renderers name them: lower case, no punctuation, hyphens for spaces."""
    headings = re.findall(r"(?m)^#+ +(.+?) *#*$", re.sub(r"(?ms)^ *```.*?^ *```", "", text))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_look_at_links_sees_what_is_wrong(tmp_path: Path) -> None:
    text = "# A b\n[ok](#a-b) [gone](gone.md) ![image](x.png) `[code](no.md)` [out](https://example.com)\n[r]: y.md\n"
    assert links(text) == ["#a-b", "gone.md", "x.png", "y.md"]
    page = ROOT / "docs" / "nowhere.md"
    assert not leads_somewhere(page, "gone.md")
    assert leads_somewhere(page, "../README.md")
    assert not leads_somewhere(page, "../README.md#no-such-heading")
    assert anchors(text) == {"a-b"}


def tracked_texts() -> Iterator[tuple[str, str]]:
    """Path and content of every text file that is in the repository."""
    # CI's checkout may belong to another account than the one that runs the tests; we only read its list.
    git = ("git", "-c", f"safe.directory={ROOT}", "ls-files", "-z")
    listed = subprocess.run(git, cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        file = ROOT / name
        if file.is_file() and b"\0" not in (content := file.read_bytes()):
            yield name, content.decode("utf-8")


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a checkout: there is no list of files to look at")
def test_no_file_names_a_package_registry_or_a_path_of_somebodys_machine() -> None:
    found = []
    for name, text in tracked_texts():
        found += [f"{name}: {host}" for host in REGISTRIES if host in text]
        found += [f"{name}: {hit.group()}" for hit in SOMEBODYS_PATH.finditer(text)]
        if not ANYBODYS_PATH.fullmatch(str(ROOT)) and f"{ROOT}/" in text:
            found.append(f"{name}: {ROOT}")
    assert not found


def commands() -> dict[str, set[str]]:
    """Every command as it is typed, with its options."""
    found: dict[str, set[str]] = {}

    def walk(command: Any, words: str) -> None:
        for name, each in getattr(command, "commands", {}).items():
            walk(each, f"{words} {name}")
        if not hasattr(command, "commands"):
            options = {option for parameter in command.params for option in parameter.opts}
            found[words] = {option for option in options if option.startswith("--")} - {"--help"}

    walk(get_command(app), "kizashi")
    return found


def test_the_page_on_the_command_line_lists_exactly_the_commands_that_there_are() -> None:
    assert set(re.findall(r"(?m)^\| \[`(kizashi [a-z -]+)`\]\(#", COMMAND_LINE)) == set(commands())


def test_the_page_on_the_command_line_explains_exactly_the_options_that_there_are() -> None:
    sections = {
        title: set(re.findall(r"(?m)^\| `(--[a-z-]+)` \|", text))
        for title, text in re.findall(r"(?ms)^## (kizashi [a-z -]+)\n(.*?)(?=^## |\Z)", COMMAND_LINE)
    }
    for command, options in commands().items():
        title = command if command in sections else command.rpartition(" ")[0]
        assert sections[title] == options, command
