from __future__ import annotations

import re
from pathlib import Path

import pytest

from notifiers.templates import Templates
from notifiers.templates.budget import MAX_CHARACTERS, MAX_SECONDS, MAX_STEPS
from notifiers.templates.context import NAMES
from notifiers.templates.formats import FILTERS
from notifiers.templates.library import MAX_BYTES, MAX_SMS, MAX_TITLE
from notifiers.templates.sandbox import JINJA_FILTERS, MAX_RANGE, MAX_SOURCE
from tests.unit.notifiers.templates.folders import CONTEXT, folder

DOCS = Path(__file__).parents[4] / "docs"
REFERENCE = (DOCS / "reference/templates.md").read_text(encoding="utf-8")
HOW_TO = (DOCS / "how-to/write-a-template.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*NAMES, *FILTERS, "readings", "brand", "voice", "language", "subject"])
def test_every_name_and_filter_has_its_row_in_the_reference(name: str) -> None:
    assert f"| `{name}` |" in REFERENCE


def test_the_reference_lists_jinjas_own_filters() -> None:
    assert f"`{' '.join(JINJA_FILTERS)}`" in REFERENCE


@pytest.mark.parametrize(
    "limit", [MAX_STEPS, MAX_CHARACTERS, MAX_SOURCE, MAX_RANGE, MAX_TITLE, MAX_SMS, *MAX_BYTES.values()]
)
def test_every_limit_stands_in_the_reference(limit: int) -> None:
    # The SMS limit in bytes follows from that in characters.
    assert f"{limit:,}" in REFERENCE or limit == MAX_SMS * 4
    assert f"{MAX_SECONDS} s" in REFERENCE


def test_the_how_to_works_as_written(tmp_path: Path) -> None:
    texts = [re.sub(r"(?m)^   ", "", block) for block in re.findall(r"```jinja\n(.*?)```", HOW_TO, re.DOTALL)]
    names = re.findall(r"`(filter-due/[^`]+\.j2)`", HOW_TO)
    files = dict(zip(names, texts, strict=True))
    _, brand, words = re.findall(r"```toml\n(.*?)```", HOW_TO, re.DOTALL)
    templates = Templates.load(folder(tmp_path, {**files, "brand.toml": brand, "words.toml": words}))
    assert templates.check() == []
    yellow = brand.replace('"#0b5394"', '"#ffcc00"')
    warned = Templates.load(folder(tmp_path, {**files, "brand.toml": yellow, "words.toml": words})).warnings()
    assert len(warned) == 3, "a language that the mail does not speak, and a colour that cannot be read twice"
    assert [
        each for each in warned if f"warning: {each}".replace(str(tmp_path), "/etc/kizashi/templates") not in HOW_TO
    ] == []
    made = templates.render("filter-due", "push", "ja", {**CONTEXT, "values": {"filter_life": 12.4}})
    assert made.text == "「Chiller 7」のフィルター残量は12％です。"
    mail = templates.render("filter-due", "email", "en", {**CONTEXT, "values": {"filter_life": 12.4}})
    assert "Your friends at Mizu" in mail.text
    assert "#0b5394" in (mail.html or "")
